"""Whether two frames show the same scene: seen by a camera that moved, under another light, with somebody moving in it.

What a cut changes, none of these explains: another picture lies where the first one was.
"""

from collections.abc import Callable
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from rushes.processors.shots.features import GRID_COLUMNS, GRID_ROWS, REPLACED_BLOCK_LEVELS, FrameFeatures

Grid = NDArray[np.float32]

_NEIGHBOURS: Final = np.ones((3, 3), dtype=np.uint8)

OUTSIDE_LEVELS: Final = 20.0
"""A block shows something else where Y, U and V together lie this far outside the range of the blocks around its place:
well above noise and compression (2 to 5 levels), below what a face before a wall makes (30 and more)."""

SURELY_SAME_DETAIL: Final = 0.85
"""From here on the light changed and nothing else of weight: somebody who walked on meanwhile is no new scene."""

LEFT_OVER: Final = 0.3
"""Light or camera explain a change where they leave no more than this part of it."""

LIT_LEVELS: Final = 40.0
CLIPPED_LEVELS: Final = 235.0
"""Below, a block is in the dark under any light; above, it is burnt out. Neither says whether the scene is the same."""

TONE_LEVELS: Final = 8.0
"""A change of light moves at least half of the lit blocks by this much. One person for another does not."""

SHIFT_GAIN: Final = 0.35
"""A shift explains the change where it leaves this part of the squared difference; a shift that fits two scenes that
have nothing to do with each other leaves more than half. Of blocks out of range it leaves this part of what shifts
usually do."""

LEAST_OVERLAP: Final = 0.35
"""Part of the frame that both frames must show after a shift; with less of it, chance finds a fit."""

REACH_ROWS: Final = 3
REACH_COLUMNS: Final = 8
"""Blocks by which a camera moves in between where somebody moves too: a sixth of the height, a quarter of the width.
The further one looks, the better two scenes fit by chance."""

SAME_DETAIL: Final = 0.5
"""Correlation of the differences between neighbouring blocks from which on two frames under different light are one
scene. Unrelated scenes reach .3."""


def replaced_share(a: FrameFeatures, b: FrameFeatures, enough: float, *, shifted: bool = True) -> float:
    """Share of the blocks of `b` that show something else than `a`, and that neither light nor camera explains, 0..1.

    Explanations are tried only where the share is at least `enough`, and hold only where they explain nearly all.
    Without `shifted` a moved camera is no explanation.
    """
    moved = np.abs(a.grid - b.grid).sum(axis=0)
    share = float(np.count_nonzero(moved >= REPLACED_BLOCK_LEVELS) / moved.size)
    if share < enough:
        return share
    for explain in (_under_other_light, _after_shift) if shifted else (_under_other_light,):
        left = explain(a.grid, b.grid)
        if left <= LEFT_OVER * share:
            return left
    return share


def lasting_share(a: FrameFeatures, b: FrameFeatures, enough: float) -> float:
    """As `replaced_share`, for frames further apart.

    What has moved by up to two blocks in between is explained too, and so is a change of light over a scene without
    detail: an exposure that adapts when something bright leaves the picture.
    """
    moved = np.abs(a.grid - b.grid).sum(axis=0)
    share = _share(moved >= REPLACED_BLOCK_LEVELS)
    if share >= enough:  # the cheapest explanation first: it is enough for most
        share = min(share, _share(_outside(a.grid, b.grid, reach=2)))
    if share >= enough:
        share = min(share, _under_other_light(a.grid, b.grid, least_detail=-1.0))
    return share if share < enough else min(share, replaced_share(a, b, enough))


def explained_by_parts(a: FrameFeatures, b: FrameFeatures) -> bool:
    """Whether `b` shows the scene of `a` after a camera's move, whoever moves along with it or against it.

    The shift counts that brings the most blocks within the range of those around their places, as in a robust fit: the
    one of least squares, which `replaced_share` knows, is led astray by somebody who is large in the picture.
    """
    changed = float(np.count_nonzero(np.abs(a.grid - b.grid).sum(axis=0) >= REPLACED_BLOCK_LEVELS)) / a.grid[0].size
    low, high = _around(a.grid, cv2.erode), _around(a.grid, cv2.dilate)
    beyond = np.maximum(_shifted(low, np.inf) - b.grid, b.grid - _shifted(high, -np.inf))
    off = np.maximum(beyond, 0).sum(axis=2)  # infinite where the shifted frame has no block
    seen = np.count_nonzero(np.isfinite(off), axis=(2, 3))
    inside = np.count_nonzero(off < OUTSIDE_LEVELS, axis=(2, 3))
    left = 1 - inside / seen
    best = float(left.flat[int(np.argmax(inside))])
    return best <= LEFT_OVER * changed and best <= SHIFT_GAIN * float(np.median(left))


def _shifted(grid: Grid, beside: float) -> Grid:
    """A grid under all shifts within reach, (7, 17, 3, 18, 32); `beside` stands where it has no block."""
    padded = np.pad(
        grid, ((0, 0), (REACH_ROWS, REACH_ROWS), (REACH_COLUMNS, REACH_COLUMNS)), constant_values=np.float32(beside)
    )
    windows: Grid = np.lib.stride_tricks.sliding_window_view(padded, grid.shape)[0]
    return windows


def _outside(a: Grid, b: Grid, *, reach: int = 1) -> NDArray[np.bool_]:
    """Which blocks of `b` lie outside the range of the blocks of `a` around them, up to `reach` away."""
    low, high = _around(a, cv2.erode, reach), _around(a, cv2.dilate, reach)
    beyond = np.maximum(low - b, b - high)
    np.maximum(beyond, 0, out=beyond)
    outside: NDArray[np.bool_] = beyond.sum(axis=0) >= OUTSIDE_LEVELS
    return outside


def _share(blocks: NDArray[np.bool_]) -> float:
    return float(np.count_nonzero(blocks) / blocks.size)


def _around(grid: Grid, pick: Callable[..., Any], reach: int = 1) -> Grid:
    """Lowest (`cv2.erode`) or highest (`cv2.dilate`) of the blocks up to `reach` away from each, per channel."""
    picked = np.empty(grid.shape, dtype=np.float32)
    for values, out in zip(grid, picked, strict=True):
        pick(values, _NEIGHBOURS, dst=out, iterations=reach, borderType=cv2.BORDER_REPLICATE)
    return picked


def _under_other_light(a: Grid, b: Grid, least_detail: float = SAME_DETAIL) -> float:
    """Share outside, with the tones of `a` brought to those of `b`: darkest to darkest, brightest to brightest.

    A change of light keeps the order of tones, even where it clips them. The colours are scaled by one factor.
    """
    brighter = np.maximum(a[0], b[0])
    lit = brighter >= LIT_LEVELS
    if np.count_nonzero(np.abs(a[0] - b[0])[lit] >= TONE_LEVELS) * 2 < np.count_nonzero(lit):
        return 1.0
    order_a, order_b = np.argsort(a[0], axis=None, kind="stable"), np.argsort(b[0], axis=None, kind="stable")
    toned = np.empty_like(a)
    toned[0].ravel()[order_a] = b[0].ravel()[order_b]
    detail = _detail_correlation(toned[0], b[0])
    if detail < least_detail:
        return 1.0
    if detail >= SURELY_SAME_DETAIL:
        return 0.0
    colour_a, colour_b = a[1:] - 128, b[1:] - 128
    strength = float((colour_a * colour_b).sum() / max(float((colour_a * colour_a).sum()), 1.0))
    toned[1:] = 128 + colour_a * np.float32(min(max(strength, 0.0), 2.0))
    return _share(_outside(toned, b) & (brighter < CLIPPED_LEVELS))


def _detail_correlation(a: Grid, b: Grid) -> float:
    across = np.diff(a, axis=1).ravel(), np.diff(b, axis=1).ravel()
    down = np.diff(a, axis=0).ravel(), np.diff(b, axis=0).ravel()
    x, y = (np.concatenate(pair) for pair in zip(across, down, strict=True))
    return float(x @ y / max(np.sqrt(float(x @ x) * float(y @ y)), 1.0))


_SIZE: Final = (2 * GRID_ROWS, 2 * GRID_COLUMNS)
_DY, _DX = np.mgrid[0 : _SIZE[0], 0 : _SIZE[1]]
_DY, _DX = _DY - _SIZE[0] * (_DY >= GRID_ROWS), _DX - _SIZE[1] * (_DX >= GRID_COLUMNS)
"""Shifts in the order in which the transform's product gives them."""

_OVERLAP: Final = (GRID_ROWS - np.abs(_DY)) * (GRID_COLUMNS - np.abs(_DX)) / (GRID_ROWS * GRID_COLUMNS)


_Corners = tuple[NDArray[np.int_], NDArray[np.int_], NDArray[np.int_], NDArray[np.int_]]


def _corners(dy: NDArray[np.int_], dx: NDArray[np.int_]) -> _Corners:
    """Places of the corners of `_part` in a table of sums: bottom right, top right, bottom left, top left."""
    top, bottom = np.clip(dy, 0, GRID_ROWS), np.clip(GRID_ROWS + np.minimum(dy, 0), 0, GRID_ROWS)
    left, right = np.clip(dx, 0, GRID_COLUMNS), np.clip(GRID_COLUMNS + np.minimum(dx, 0), 0, GRID_COLUMNS)
    top, bottom = top * (GRID_COLUMNS + 1), bottom * (GRID_COLUMNS + 1)
    return bottom + right, top + right, bottom + left, top + left


_CORNERS_A: Final = _corners(-_DY, -_DX)
_CORNERS_B: Final = _corners(_DY, _DX)


def _after_shift(a: Grid, b: Grid) -> float:
    """Share outside in the part that both frames show after the shift that fits best; 1 where none fits well."""
    left, right = a[0] - 128, b[0] - 128
    common = np.fft.irfft2(np.conj(np.fft.rfft2(left, _SIZE)) * np.fft.rfft2(right, _SIZE), _SIZE)
    apart = _energy(left, _CORNERS_A) + _energy(right, _CORNERS_B) - 2 * common
    mean_apart = np.where(_OVERLAP >= LEAST_OVERLAP, apart / np.maximum(_OVERLAP, 1e-9), np.inf)
    best = int(np.argmin(mean_apart))
    if mean_apart.flat[best] > SHIFT_GAIN * mean_apart[0, 0]:
        return 1.0
    dy, dx = int(_DY.flat[best]), int(_DX.flat[best])
    return _share(_outside(_part(a, -dy, -dx), _part(b, dy, dx)))


def _part(grid: Grid, dy: int, dx: int) -> Grid:
    """The part of a grid that lies inside the frame before it was shifted by (dy, dx)."""
    rows, columns = grid.shape[1:]
    return grid[:, max(dy, 0) : rows + min(dy, 0), max(dx, 0) : columns + min(dx, 0)]


def _energy(luma: Grid, corners: _Corners) -> NDArray[np.float64]:
    """Sum of squares over `_part`, for many shifts at once, from a table of sums."""
    rows, columns = luma.shape
    table = np.zeros((rows + 1, columns + 1))
    np.cumsum(np.cumsum(luma * luma, axis=0, dtype=np.float64), axis=1, out=table[1:, 1:])
    bottom_right, top_right, bottom_left, top_left = (table.take(places) for places in corners)
    sums: NDArray[np.float64] = bottom_right - top_right - bottom_left + top_left
    return sums
