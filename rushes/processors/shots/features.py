"""What the detector sees of a frame: a grid of mean colours and a histogram of its brightness.

Planes are sampled, not scaled: a strided read of a decoded plane costs a few per cent of decoding it, a scaler half.
Aliasing of the samples averages out within a block.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeVar

import cv2
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

BRIGHT_STEP: Final = 2
"""The histogram counts every second sample of every second row: 3600 tell its shape within a level."""

PLAIN_LEVELS: Final = 8.0
PLAIN_PRINT: Final = 0.06
"""A frame is plain where no more than this share of its blocks is this far from its mean level: a black or white frame,
a screen of one colour, with a line of small print or a station's mark. Noise moves a block's mean by 2 levels, a lens
that darkens the corners of a plain frame by some more."""

Plane = NDArray[np.uint8]
Level = TypeVar("Level", np.uint8, np.uint16)


@dataclass(frozen=True, eq=False)
class FrameFeatures:
    """`grid`: (3, 18, 32) float32, mean Y, U, V of each block in 0..255; `histogram`: (32,) float32, sums to 1.

    `samples`: (90, 160) uint8, the Y that both are of; None where the frame was not looked at.
    """

    grid: NDArray[np.float32]
    histogram: NDArray[np.float32]
    samples: NDArray[np.uint8] | None = None

    @cached_property
    def black(self) -> bool:
        """Nothing to be seen: no more than 1 % of the samples are brighter than black."""
        return float(np.add.reduce(self.histogram[BLACK_LEVEL_BIN:])) <= BLACK_BRIGHT_SHARE

    @cached_property
    def plain(self) -> bool:
        """Nothing to be seen but small print: black, or of one colour nearly all over."""
        if self.black:
            return True
        return (
            _share_off(self.grid[0]) <= PLAIN_PRINT
            and max(_share_off(self.grid[1]), _share_off(self.grid[2])) <= PLAIN_PRINT
        )

    @cached_property
    def luma(self) -> float:
        """Mean Y."""
        return float(np.add.reduce(self.grid[0], axis=None)) / (GRID_ROWS * GRID_COLUMNS)

    @cached_property
    def colour(self) -> NDArray[np.float32]:
        """Mean Y, U, V, (3,) float32."""
        mean: NDArray[np.float32] = self.grid.mean(axis=(1, 2))
        return mean


def _share_off(values: NDArray[np.float32]) -> float:
    """Share of the blocks that are not of the frame's mean level."""
    mean = np.add.reduce(values, axis=None) / np.float32(values.size)
    return float(np.count_nonzero(np.abs(values - mean) > PLAIN_LEVELS)) / values.size


@dataclass(frozen=True, slots=True)
class Change:
    """How two frames differ.

    `score`: in levels, 0..255 and more; `blocks`: (18, 32) float32, levels by which each block moved.
    """

    score: float
    blocks: NDArray[np.float32]

    @property
    def share(self) -> float:
        """Of the blocks that changed visibly, 0..1."""
        return float(np.count_nonzero(self.blocks >= CHANGED_BLOCK_LEVELS)) / self.blocks.size

    @property
    def replaced(self) -> float:
        """Share of the blocks that show something else, 0..1."""
        return float(np.count_nonzero(self.blocks >= REPLACED_BLOCK_LEVELS)) / self.blocks.size


CHANGED_BLOCK_LEVELS: Final = 12.0
"""A block changed when Y, U and V together moved by this many levels: about 5 %, a difference one sees."""

REPLACED_BLOCK_LEVELS: Final = 32.0
"""From here on a block shows something else: an eighth of the range. A key frame that refreshes what a starved encoder
had blurred moves blocks by 10 to 20 levels, over the whole picture at once."""

_CUMULATE: Final = np.triu(np.ones((HISTOGRAM_BINS, HISTOGRAM_BINS), dtype=np.float32)) * np.float32(LEVELS_PER_BIN)
"""Histograms times this are cumulative, in levels: their distance is the earth mover's. It stays small when the camera
moves, and so tells a pan from a cut."""


class PlaneSampler:
    """Reads a fixed grid of samples from planes of one size: by steps where they reach 95 % of it, else by places."""

    def __init__(self, height: int, width: int, rows: int, columns: int) -> None:
        self.shape = (rows, columns)
        step_y, step_x = height // rows, width // columns
        covers = step_y * rows >= 0.95 * height and step_x * columns >= 0.95 * width
        self._steps = (_steps(step_y, rows), _steps(step_x, columns)) if covers else None
        self._places = _places(height, rows), _places(width, columns)

    def __call__(self, plane: NDArray[Level], out: NDArray[Level]) -> None:
        """Put the samples of a (height, width) plane, or one with more beside and below it, into `out`."""
        if self._steps is not None:
            out[...] = plane[self._steps]
        else:
            out[...] = plane[self._places[0]][:, self._places[1]]


def features_of(luma: Plane, chroma_u: Plane | None, chroma_v: Plane | None) -> list[FrameFeatures]:
    """Features of n frames by their sampled planes.

    `luma`: (n, 90, 160) uint8; chroma (n, 36, 64) uint8 each, or None for a film without colour. A frame's features
    are the same whatever others it comes with: sums of whole numbers. Several at once take a third of the time, for
    calls of numpy take longer than what they do.

    >>> grey = np.full((2, LUMA_ROWS, LUMA_COLUMNS), 16, dtype=np.uint8)
    >>> [one.black for one in features_of(grey, None, None)]
    [True, True]
    """
    count = len(luma)
    grids = np.empty((count, 3, GRID_ROWS, GRID_COLUMNS), dtype=np.float32)
    np.multiply(_block_sums(luma, LUMA_ROWS // GRID_ROWS), np.float32(1 / 25), out=grids[:, 0])
    for channel, planes in ((1, chroma_u), (2, chroma_v)):
        if planes is None:
            grids[:, channel] = np.float32(128)
        else:
            np.multiply(_block_sums(planes, CHROMA_ROWS // GRID_ROWS), np.float32(1 / 4), out=grids[:, channel])
    some = np.ascontiguousarray(luma[:, ::BRIGHT_STEP, ::BRIGHT_STEP])
    histograms = np.empty((count, HISTOGRAM_BINS), dtype=np.float32)
    for levels, histogram in zip(some, histograms, strict=True):
        cv2.calcHist([levels], [0], None, [HISTOGRAM_BINS], [0, 256], hist=histogram)
    histograms *= np.float32(1 / some[0].size) if count else 1
    return [FrameFeatures(*one) for one in zip(grids, histograms, luma, strict=True)]


def _block_sums(planes: Plane, side: int) -> NDArray[np.uint16]:
    """Sums of blocks of so many samples squared, (n, 18, 32)."""
    count, _, width = planes.shape
    lines = planes.reshape(-1, side, width)
    rows = lines[:, 0].astype(np.uint16)
    for line in range(1, side):
        rows += lines[:, line]
    samples = rows.reshape(count, GRID_ROWS, GRID_COLUMNS, side)
    sums: NDArray[np.uint16] = samples[..., 0] + samples[..., 1]
    for sample in range(2, side):
        sums += samples[..., sample]
    return sums


UNCHANGED: Final = Change(0.0, np.zeros((GRID_ROWS, GRID_COLUMNS), dtype=np.float32))


def change_between(a: FrameFeatures, b: FrameFeatures) -> Change:
    """How much two frames differ: mean change of the blocks plus the earth mover's distance of the histograms."""
    if a is b:  # frames that were not looked at
        return UNCHANGED
    moved = np.abs(a.grid - b.grid)
    blocks = moved[0] + moved[1]
    blocks += moved[2]
    apart = np.abs((a.histogram - b.histogram) @ _CUMULATE)
    return Change(
        score=float(np.add.reduce(blocks, axis=None)) / blocks.size + float(np.add.reduce(apart)), blocks=blocks
    )


def _steps(step: int, wanted: int) -> slice:
    return slice(step // 2, step // 2 + step * wanted, step)


def _places(size: int, wanted: int) -> NDArray[np.intp]:
    return ((np.arange(wanted) + 0.5) * size / wanted).astype(np.intp)
