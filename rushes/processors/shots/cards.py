"""Pictures that are made for the people who make films, not for those who watch them: colour bars and slates.

They stand at the head of films everywhere and look alike everywhere, so they must found no scene. Both tests are
strict: a place taken for a slate is lost, a slate taken for a place is a wrong cluster that one can hide.
"""

from itertools import pairwise
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
Grey = NDArray[np.uint8]

BAR_ROWS: Final = (0.12, 0.5)
"""Part of the height that shows plain bars in all kinds: EBU and 100 % bars fill it all, SMPTE's two thirds, those of
SMPTE RP 219 seven twelfths."""

BAR_COLORS: Final = ((1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1))
"""Yellow, cyan, green, magenta, red, blue: the order of luminance, and that of every kind of bars (SMPTE EG 1)."""

BAR_FLAT: Final = 14.0
"""Standard deviation within a column, levels: noise and compression, no picture."""

BAR_SATURATION: Final = 70.0
"""Levels between a bar's highest and lowest channel: bars of 75 % have 180, faded tape half of it."""

BAR_LOWEST: Final = 0.35
"""A bar's low channels lie within this part of its range from the lowest, its high ones from the highest."""

BAR_NARROWEST: Final = 0.05
"""Of the width: a seventh of three quarters is .11."""

CARD_PLAIN_LEVELS: Final = 12
CARD_PLAIN_SHARE: Final = 0.7
"""A card is one level within these for this share of the picture."""

CARD_INK_LEVELS: Final = 60
"""Difference of writing from its ground."""

CARD_LINES: Final = 3
CARD_LETTERS: Final = 4
"""Lines of writing at least, and letters in a line: fewer are a caption, a sign or a shop."""

CARD_LETTER_HEIGHT: Final = (0.015, 0.16)
"""Of the picture's height."""

STRIPES: Final = 4
"""Bright stripes of a clapper stick that must be seen: sticks have five to eight, a hand covers some."""

STRIPE_AREA: Final = (0.0004, 0.02)
"""Of the picture."""

STRIPE_CONTRAST: Final = 70
"""Levels between bright and dark stripes."""

SPACING_SPREAD: Final = 0.3
AREA_RATIO: Final = 2.2
"""How alike neighbouring stripes are: coefficient of variation of their steps, greatest over smallest area."""

SLANT: Final = (20.0, 70.0)
"""Degrees between the stripes' edges and the stick: what tells a clapper from a fence, a zebra crossing or keys."""

BOARD_SPREAD: Final = 45.0
BOARD_SHARE: Final = 0.6
"""The board under the stick: this share of it within these levels of its median."""


def is_color_bars(rgb: Rgb) -> bool:
    """Whether a picture (h, w, 3) uint8 shows colour bars: six saturated bars side by side in the order of luminance.

    >>> bars = np.array([[1, 1, 1], *BAR_COLORS], np.uint8).repeat(20, axis=0)[None].repeat(90, axis=0) * 191
    >>> is_color_bars(bars)
    True
    """
    top, bottom = (round(part * rgb.shape[0]) for part in BAR_ROWS)
    rows = rgb[top:bottom].astype(np.float32)
    if min(rows.shape[:2]) < len(BAR_COLORS):
        return False
    columns = rows.mean(axis=0)
    flat = rows.std(axis=0).max(axis=1) <= BAR_FLAT
    low, high = columns.min(axis=1), columns.max(axis=1)
    span = high - low
    with np.errstate(divide="ignore", invalid="ignore"):
        part = (columns - low[:, None]) / span[:, None]
    pure = ((part <= BAR_LOWEST) | (part >= 1 - BAR_LOWEST)).all(axis=1)
    clear = flat & pure & (span >= BAR_SATURATION)
    codes = np.where(clear, (part >= 0.5) @ np.array([4, 2, 1]), -1)
    wanted = [4 * r + 2 * g + b for r, g, b in BAR_COLORS]
    return _in_order([code for code in _runs(codes, BAR_NARROWEST * len(codes)) if code >= 0], wanted)


def is_card(grey: Grey) -> bool:
    """Whether a picture (h, w) uint8 is writing on a plain ground, several lines of it, and little else."""
    height, width = grey.shape
    counts = np.bincount(grey.ravel(), minlength=256)
    ground = int(np.argmax(np.convolve(counts, np.ones(2 * CARD_PLAIN_LEVELS + 1), "same")))
    away = cv2.absdiff(grey, np.full_like(grey, ground))
    if np.count_nonzero(away <= CARD_PLAIN_LEVELS) < CARD_PLAIN_SHARE * grey.size:
        return False
    ink = (away >= CARD_INK_LEVELS).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    marks = stats[1:]
    tall = marks[:, cv2.CC_STAT_HEIGHT] / height
    letters = (tall >= CARD_LETTER_HEIGHT[0]) & (tall <= CARD_LETTER_HEIGHT[1])
    letters &= marks[:, cv2.CC_STAT_WIDTH] <= 0.5 * width
    total = int(marks[:, cv2.CC_STAT_AREA].sum())
    if total == 0 or int(marks[letters, cv2.CC_STAT_AREA].sum()) < 0.7 * total:
        return False
    return _lines_of(marks[letters]) >= CARD_LINES


def has_clapper(grey: Grey) -> bool:
    """Whether a picture (h, w) uint8 shows a clapper: a stick of slanted stripes, bright and dark, over a board."""
    stripes = _stripes(grey)
    for first in range(len(stripes)):
        for second in range(len(stripes)):
            if first != second and (row := _row_from(stripes, first, second)) is not None and _on_board(grey, row):
                return True
    return False


def _stripes(grey: Grey) -> NDArray[np.float64]:
    """Bright parallelograms of a stripe's size: rows of middle x, y, area, angle of the long side (radians)."""
    local = cv2.blur(grey, (2 * (grey.shape[1] // 24) + 1,) * 2).astype(np.int16)
    bright = ((grey.astype(np.int16) - local) >= STRIPE_CONTRAST // 3).astype(np.uint8)
    contours, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for contour in contours:
        area = cv2.contourArea(contour)
        if not STRIPE_AREA[0] * grey.size <= area <= STRIPE_AREA[1] * grey.size:
            continue
        corners = cv2.approxPolyDP(contour, 0.06 * cv2.arcLength(contour, closed=True), closed=True)
        if len(corners) != 4 or area < 0.8 * cv2.contourArea(cv2.convexHull(contour)):
            continue
        points = corners.reshape(4, 2).astype(np.float64)
        sides = np.roll(points, -1, axis=0) - points
        lengths = np.hypot(sides[:, 0], sides[:, 1])
        long_side = sides[int(np.argmax(lengths))]
        middle = points.mean(axis=0)
        found.append((middle[0], middle[1], area, np.arctan2(long_side[1], long_side[0])))
    return np.array(found, np.float64).reshape(-1, 4)


def _row_from(stripes: NDArray[np.float64], first: int, second: int) -> NDArray[np.float64] | None:
    """The evenly stepped row of like stripes that begins with these two, or None where it is none of a clapper's."""
    row = [first, second]
    while True:
        here = stripes[row[-1]]
        step = here[:2] - stripes[row[-2]][:2]
        wanted = here[:2] + step
        off = np.hypot(*(stripes[:, :2] - wanted).T)
        off[row] = np.inf
        nearest = int(np.argmin(off))
        if off[nearest] > SPACING_SPREAD * np.hypot(*step):
            break
        row.append(nearest)
    if len(row) < STRIPES:
        return None
    found = stripes[row]
    steps = np.hypot(*np.diff(found[:, :2], axis=0).T)
    if steps.std() > SPACING_SPREAD * steps.mean() or found[:, 2].max() > AREA_RATIO * found[:, 2].min():
        return None
    along = np.arctan2(*(found[-1, :2] - found[0, :2])[::-1])
    slants = np.degrees(np.abs((found[:, 3] - along + np.pi / 2) % np.pi - np.pi / 2))
    return found if SLANT[0] <= np.median(slants) <= SLANT[1] and np.ptp(slants) <= 30 else None


def _on_board(grey: Grey, row: NDArray[np.float64]) -> bool:
    """Whether bright and dark take turns along the row, and a plain board lies under it."""
    middles = row[:, :2]
    between = (middles[1:] + middles[:-1]) / 2
    bright, dark = (_levels_at(grey, places) for places in (middles, between))
    if float(np.median(bright)) - float(np.median(dark)) < STRIPE_CONTRAST:
        return False
    along = middles[-1] - middles[0]
    length = float(np.hypot(*along))
    down = np.array([-along[1], along[0]]) / length
    down = down if down[1] >= 0 else -down
    grid = [
        middles[0] + along * share + down * depth * length
        for share in np.linspace(0.05, 0.95, 24)
        for depth in np.linspace(0.25, 0.6, 16)
    ]
    board = _levels_at(grey, np.array(grid))
    if board.size < len(grid) // 2:
        return False
    near = np.abs(board - np.median(board)) <= BOARD_SPREAD
    return bool(near.mean() >= BOARD_SHARE)


def _levels_at(grey: Grey, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Levels at places (x, y) within the picture."""
    columns, rows = np.round(places).astype(np.intp).T
    inside = (columns >= 0) & (columns < grey.shape[1]) & (rows >= 0) & (rows < grey.shape[0])
    levels: NDArray[np.float64] = grey[rows[inside], columns[inside]].astype(np.float64)
    return levels


def _lines_of(letters: NDArray[np.int32]) -> int:
    """Lines of writing: letters whose heights overlap, enough of them and of like size."""
    lines = 0
    left = sorted(letters.tolist(), key=lambda mark: mark[cv2.CC_STAT_TOP])
    while left:
        top, tall = left[0][cv2.CC_STAT_TOP], left[0][cv2.CC_STAT_HEIGHT]
        line = [mark for mark in left if mark[cv2.CC_STAT_TOP] < top + tall]
        left = left[len(line) :]
        heights = np.array([mark[cv2.CC_STAT_HEIGHT] for mark in line])
        lines += int(np.count_nonzero(heights >= 0.5 * np.median(heights)) >= CARD_LETTERS)
    return lines


def _runs(codes: NDArray[np.int64], narrowest: float) -> list[int]:
    """Values of the runs at least this long, in order."""
    edges = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
    return [int(codes[start]) for start, end in pairwise(edges) if end - start >= narrowest]


def _in_order(found: list[int], wanted: list[int]) -> bool:
    """Whether `wanted` stands in `found` without a gap."""
    return any(found[start : start + len(wanted)] == wanted for start in range(len(found) - len(wanted) + 1))
