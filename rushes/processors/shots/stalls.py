"""A recorder that stalls: the picture stands, then jumps to where the camera and people have got to meanwhile.

Two displacements explain such a jump, one of the scene and one of whoever is before it. In a frame's grid of 18 x 32
blocks one displacement in fifty fits by chance, so that two explain too much (`resemblance`); in the samples of its
brightness, with the colours of the blocks, they do not. And the camera moved: of a room in which one person stands for
another most lies where it was.
"""

from collections.abc import Iterable
from typing import Final, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from rushes.processors.shots.features import (
    GRID_COLUMNS,
    GRID_ROWS,
    LUMA_COLUMNS,
    LUMA_ROWS,
    REPLACED_BLOCK_LEVELS,
    Change,
    FrameFeatures,
)

MOST_MOVING: Final = 0.005
"""Share of the blocks that change visibly while a picture stands: three of them, for what compression does."""

EXPLAINED: Final = 0.4
"""Part of what changed that the displacements bring to its place, from which on nothing was cut. On made-up films
stalled pans with somebody in them reach .45 and more (but for three jumps of 338), cuts to another person in the same
room .32 in 300, other cuts .02."""

MOVED: Final = 0.85
"""How much of the whole picture the displacements fit at least, over what fits undisplaced. Stalled pans reach .89 and
more; of look-alike shots the .2 to .32 explained above go with .48 to .78."""

SAME_LEVELS: Final = 8.0
"""Mean difference of a part of the picture, in levels of brightness, that is the same part: noise, and what shifts of
half a sample leave of fine detail."""

SAME_COLOUR_LEVELS: Final = 12.0
"""The same, of the block's U and V together."""

ROWS, COLUMNS = LUMA_ROWS // 2, LUMA_COLUMNS // 2
"""Samples are taken two by two: a quarter of the shifts, each at a quarter of the work."""

REACH_ROWS: Final = 3
REACH_COLUMNS: Final = 16
"""Shifts tried: a fifth of the width and a fifteenth of the height, a slow pan's way in a third of a second."""

OUTSIDE: Final = 512
"""Stands where a shifted picture has nothing: further from any level than they are from each other."""

Level = TypeVar("Level", np.int16, np.float32)

_AT_ROWS: Final = ((np.arange(GRID_ROWS) + 0.5) * ROWS / GRID_ROWS).astype(np.intp)
_AT_COLUMNS: Final = ((np.arange(GRID_COLUMNS) + 0.5) * COLUMNS / GRID_COLUMNS).astype(np.intp)
"""The middle of each block among the samples."""


def stands_still(changes: Iterable[Change]) -> bool:
    """Whether nothing moves from frame to frame."""
    return all(change.share <= MOST_MOVING for change in changes)


def goes_on(before: FrameFeatures, after: FrameFeatures) -> bool:
    """Whether `after` shows what `before` did, some moments later. False for frames that were not looked at."""
    if before.samples is None or after.samples is None:
        return False
    changed = np.abs(before.grid - after.grid).sum(axis=0) >= REPLACED_BLOCK_LEVELS
    fits = _alike_in_brightness(before.samples, after.samples) & _alike_in_colour(before.grid, after.grid)
    first = fits[_most(fits & changed)]
    displaced = first | fits[_most(fits & changed & ~first)]
    in_place = fits[len(fits) // 2]
    explained = int((displaced & changed).sum()) >= EXPLAINED * max(int(changed.sum()), 1)
    return explained and int(displaced.sum()) >= MOVED * int(in_place.sum())


def _most(fits: NDArray[np.bool_]) -> int:
    """The shift that fits most blocks."""
    return int(np.argmax(fits.sum(axis=(1, 2))))


def _alike_in_brightness(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """For each shift, which blocks of `after` are as `before` was there; (shifts, 18, 32)."""
    earlier, later = (
        cv2.resize(samples, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA).astype(np.int16)
        for samples in (before, after)
    )
    apart = np.abs(_shifted(earlier, REACH_ROWS, REACH_COLUMNS) - later)
    means = cv2.blur(apart.reshape(-1, COLUMNS).astype(np.float32), (3, 3)).reshape(apart.shape)
    alike: NDArray[np.bool_] = means[:, _AT_ROWS[:, None], _AT_COLUMNS] < SAME_LEVELS
    return alike


def _alike_in_colour(before: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The same of the blocks' colours, which are shifted by whole blocks; (shifts, 18, 32)."""
    rows = np.rint(np.arange(-REACH_ROWS, REACH_ROWS + 1) * GRID_ROWS / ROWS).astype(np.intp)
    columns = np.rint(np.arange(-REACH_COLUMNS, REACH_COLUMNS + 1) * GRID_COLUMNS / COLUMNS).astype(np.intp)
    down, across = int(rows[-1]), int(columns[-1])
    apart_u, apart_v = (np.abs(_shifted(before[channel], down, across) - after[channel]) for channel in (1, 2))
    alike = apart_u + apart_v < SAME_COLOUR_LEVELS
    picked: NDArray[np.bool_] = alike[((rows + down)[:, None] * (2 * across + 1) + columns + across).ravel()]
    return picked


def _shifted(picture: NDArray[Level], down: int, across: int) -> NDArray[Level]:
    """A picture under all shifts within reach, (shifts, rows, columns); `OUTSIDE` where it has nothing."""
    padded = np.pad(picture, ((down, down), (across, across)), constant_values=OUTSIDE)
    windows: NDArray[Level] = np.lib.stride_tricks.sliding_window_view(padded, picture.shape)
    return windows.reshape(-1, *picture.shape)
