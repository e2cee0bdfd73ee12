"""Parts of handcrafted descriptors, each signed and centred on what any picture would show.

Plain histograms of two unrelated pictures agree at a cosine of .7 and more, since all their bins are positive. Each
part here is taken relative to its neutral expectation, so that unrelated pictures agree near 0 and likeness alone is
left. A part with hardly any energy (a flat wall, a black frame) is noise of the codec: it fades out instead of being
blown up to unit length.
"""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Plane = NDArray[np.floating]
"""(height, width) or (height, width, 3), float."""

TINY: Final = 1e-12

NOTHING_LEFT: Final = 0.1
"""Of the full length 1, where each part has its own."""


def faded_unit(part: ArrayLike, floor: float) -> NDArray[np.float64]:
    """The part divided by its length, (d,); a length far under `floor` gives almost nothing."""
    values = np.asarray(part, dtype=np.float64).ravel()
    return values / np.sqrt(values @ values + floor * floor + TINY)


def joined(parts: Sequence[tuple[float, NDArray[np.float64]]]) -> NDArray[np.float64]:
    """One vector whose inner product is the weighted sum of its parts' inner products; not normalised.

    All zero where hardly anything is left of any part: a flat picture is like nothing, not like all flat ones.
    """
    values = np.concatenate([np.sqrt(weight) * part for weight, part in parts])
    return values if values @ values >= NOTHING_LEFT**2 else np.zeros_like(values)


def orientation_energy(plane: Plane, grid: int, bins: int, *, signed: bool) -> NDArray[np.float32]:
    """Root of the gradient energy by place and direction, (grid, grid, bins).

    The root damps single strong edges (Hellinger; as in RootSIFT, Arandjelović and Zisserman 2012). `signed` tells
    dark-to-light from light-to-dark, so that directions span the full circle.
    """
    dx = cv2.Sobel(plane, cv2.CV_32F, 1, 0)
    dy = cv2.Sobel(plane, cv2.CV_32F, 0, 1)
    strength = np.hypot(dx, dy)
    circle = 2 * np.pi if signed else np.pi
    position = (np.arctan2(dy, dx) % circle) * (bins / circle)
    lower = np.floor(position).astype(np.int64)
    rest = (position - lower).astype(np.float32)
    lower %= bins
    upper = (lower + 1) % bins
    cells = np.empty((grid, grid, bins), np.float32)
    for index in range(bins):
        share = strength * ((lower == index) * (1 - rest) + (upper == index) * rest)
        cells[..., index] = cv2.resize(share.astype(np.float32), (grid, grid), interpolation=cv2.INTER_AREA)
    return np.sqrt(np.maximum(cells, 0))
