"""Figures of one picture: perceptual hash, black, near duplicates. Pure functions of a grey picture, (h, w) uint8."""

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushes.processors.shots.features import BLACK_BRIGHT_SHARE, BLACK_LEVEL_BIN, LEVELS_PER_BIN

Grey = NDArray[np.uint8]

HASH_SIDE: Final = 32
HASH_FREQUENCIES: Final = 8

NEAR_DUPLICATE_BITS: Final = 4
"""Of 64. Re-encoding and scaling turn at most 3 or 4 bits of this kind of hash, another picture about 32."""


def _dct_rows() -> NDArray[np.float64]:
    k = np.arange(HASH_FREQUENCIES)[:, None]
    n = np.arange(HASH_SIDE)[None, :]
    rows: NDArray[np.float64] = np.cos(np.pi * k * (2 * n + 1) / (2 * HASH_SIDE))
    return rows


_DCT: Final = _dct_rows()


def perceptual_hash(grey: Grey) -> str:
    """64-bit DCT hash, 16 hex digits: the 8 x 8 lowest frequencies against their median (Zauner 2010, pHash)."""
    small = box_resize(grey, HASH_SIDE, HASH_SIDE)
    low = (_DCT @ small @ _DCT.T).ravel()
    bits = low > np.median(low[1:])
    bits[0] = False  # the mean brightness says nothing of the content
    return f"{int(np.packbits(bits).view('>u8')[0]):016x}"


def hash_distance(a: str, b: str) -> int:
    """Bits in which two perceptual hashes differ, 0..64."""
    return (int(a, 16) ^ int(b, 16)).bit_count()


def near_duplicate(candidate: str, earlier: Iterable[str]) -> bool:
    """Whether a picture looks like one of the earlier ones, by their hashes."""
    return any(hash_distance(candidate, other) <= NEAR_DUPLICATE_BITS for other in earlier)


def is_black(grey: Grey) -> bool:
    """Nothing to be seen: no more than 1 % of the picture is brighter than level 40."""
    return float(np.count_nonzero(grey >= BLACK_LEVEL_BIN * LEVELS_PER_BIN)) <= BLACK_BRIGHT_SHARE * grey.size


def box_resize(grey: Grey, rows: int, columns: int) -> NDArray[np.float64]:
    """Mean of the picture over a grid of boxes, (rows, columns) float64; pixels repeat where there are too few."""
    height, width = grey.shape
    if height < rows:
        grey = grey.repeat(-(-rows // height), axis=0)
    if width < columns:
        grey = grey.repeat(-(-columns // width), axis=1)
    edges_y = np.linspace(0, grey.shape[0], rows + 1).astype(np.intp)
    edges_x = np.linspace(0, grey.shape[1], columns + 1).astype(np.intp)
    sums = np.add.reduceat(np.add.reduceat(grey.astype(np.float64), edges_y[:-1], axis=0), edges_x[:-1], axis=1)
    areas = np.diff(edges_y)[:, None] * np.diff(edges_x)[None, :]
    means: NDArray[np.float64] = sums / areas
    return means
