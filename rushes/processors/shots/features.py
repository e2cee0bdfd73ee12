"""What the detector sees of a frame: a grid of mean colours and a histogram of its brightness.

Planes are sampled, not scaled: a strided read of a decoded plane costs a few per cent of decoding it, a scaler half.
Aliasing of the samples averages out within a block.
"""

from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

GRID_ROWS: Final = 18
GRID_COLUMNS: Final = 32
"""Blocks of the grid. 16:9, so that blocks are square in most films; 3 % of the width is less than a near object
moves between two frames, so that motion inside a block hardly counts."""

LUMA_ROWS: Final = GRID_ROWS * 5
LUMA_COLUMNS: Final = GRID_COLUMNS * 5
"""25 samples a block: the error of a block's mean stays under 2 levels on noise of sigma 10."""

CHROMA_ROWS: Final = GRID_ROWS * 2
CHROMA_COLUMNS: Final = GRID_COLUMNS * 2
"""4 samples a block: chroma is smooth, and carries less noise."""

HISTOGRAM_BINS: Final = 32
LEVELS_PER_BIN: Final = 256 // HISTOGRAM_BINS

BLACK_LEVEL_BIN: Final = 5
"""First bin that is no longer black: level 40. Video black is 16; noise and compression reach about 30."""

BLACK_BRIGHT_SHARE: Final = 0.01
"""A frame with more than this share of samples above black shows something: a title, a lamp."""

Plane = NDArray[np.uint8]
Level = TypeVar("Level", np.uint8, np.uint16)


@dataclass(frozen=True, slots=True)
class FrameFeatures:
    """`grid`: (3, 18, 32) float32, mean Y, U, V of each block in 0..255; `histogram`: (32,) float32, sums to 1."""

    grid: NDArray[np.float32]
    histogram: NDArray[np.float32]

    @property
    def black(self) -> bool:
        """Nothing to be seen: no more than 1 % of the samples are brighter than black."""
        return float(self.histogram[BLACK_LEVEL_BIN:].sum()) <= BLACK_BRIGHT_SHARE


@dataclass(frozen=True, slots=True)
class Change:
    """How two frames differ.

    `score`: in levels, 0..255 and more; `share`: of the blocks that changed visibly, 0..1; `replaced`: of those that
    show something else.
    """

    score: float
    share: float
    replaced: float


CHANGED_BLOCK_LEVELS: Final = 12.0
"""A block changed when Y, U and V together moved by this many levels: about 5 %, a difference one sees."""

REPLACED_BLOCK_LEVELS: Final = 32.0
"""From here on a block shows something else: an eighth of the range. A key frame that refreshes what a starved encoder
had blurred moves blocks by 10 to 20 levels, over the whole picture at once."""

HISTOGRAM_WEIGHT: Final = 1.0
"""The histogram's distance is in levels too; it stays small when the camera moves, and so tells a pan from a cut."""


class PlaneSampler:
    """Reads a fixed grid of samples from planes of one size: by steps where they reach 95 % of it, else by places."""

    def __init__(self, height: int, width: int, rows: int, columns: int) -> None:
        step_y, step_x = height // rows, width // columns
        covers = step_y * rows >= 0.95 * height and step_x * columns >= 0.95 * width
        self._steps = (_steps(step_y, rows), _steps(step_x, columns)) if covers else None
        self._places = _places(height, rows), _places(width, columns)

    def __call__(self, plane: NDArray[Level]) -> NDArray[Level]:
        """(rows, columns) samples of a (height, width) plane, contiguous."""
        if self._steps is not None:
            return np.ascontiguousarray(plane[self._steps])
        rows, columns = self._places
        return np.take(np.take(plane, rows, axis=0), columns, axis=1)


def features_of(luma: Plane, chroma_u: Plane | None, chroma_v: Plane | None) -> FrameFeatures:
    """Features of sampled planes: luma (90, 160) uint8, chroma (36, 64) uint8 each, or None for a film without colour.

    >>> grey = np.full((LUMA_ROWS, LUMA_COLUMNS), 16, dtype=np.uint8)
    >>> features_of(grey, None, None).black
    True
    """
    grid = np.empty((3, GRID_ROWS, GRID_COLUMNS), dtype=np.float32)
    grid[0] = _block_sums(luma, 5) * np.float32(1 / 25)
    for channel, plane in ((1, chroma_u), (2, chroma_v)):
        grid[channel] = np.float32(128) if plane is None else _block_sums(plane, 2) * np.float32(1 / 4)
    counts = np.bincount(luma.ravel() // LEVELS_PER_BIN, minlength=HISTOGRAM_BINS)
    return FrameFeatures(grid=grid, histogram=(counts / luma.size).astype(np.float32))


def change_between(a: FrameFeatures, b: FrameFeatures) -> Change:
    """How much two frames differ: mean change of the blocks plus the earth mover's distance of the histograms."""
    blocks = np.abs(a.grid - b.grid).sum(axis=0)
    moved = np.abs(np.cumsum(a.histogram - b.histogram)).sum() * LEVELS_PER_BIN
    return Change(
        score=float(blocks.mean() + HISTOGRAM_WEIGHT * moved),
        share=float(np.count_nonzero(blocks >= CHANGED_BLOCK_LEVELS) / blocks.size),
        replaced=float(np.count_nonzero(blocks >= REPLACED_BLOCK_LEVELS) / blocks.size),
    )


def _block_sums(plane: Plane, side: int) -> NDArray[np.uint16]:
    rows, columns = plane.shape
    by_row = plane.reshape(rows // side, side, columns).sum(axis=1, dtype=np.uint16)
    sums: NDArray[np.uint16] = by_row.reshape(rows // side, columns // side, side).sum(axis=2, dtype=np.uint16)
    return sums


def _steps(step: int, wanted: int) -> slice:
    return slice(step // 2, step // 2 + step * wanted, step)


def _places(size: int, wanted: int) -> NDArray[np.intp]:
    return ((np.arange(wanted) + 0.5) * size / wanted).astype(np.intp)
