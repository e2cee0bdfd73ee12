"""The registry of items per frame: which candidate of a detector is an item already known there.

Detectors change and jitter; ids must not. Candidates are matched one-to-one with the known items of a frame by
intersection over union (Hungarian); the first id in the log stands.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.optimize import linear_sum_assignment

from rushes.schemas.ids import Box

SAME_BOX_IOU: Final = 0.5
"""At or above, two boxes in one frame are the same thing: two boxes of one size that overlap by 2/3."""

SAME_PICTURE_BITS: Final = 10
"""Of 64 bits of a perceptual hash: up to here two encodings of a picture differ (pHash's usual bound)."""

WHOLE: Final[Box] = (0.0, 0.0, 1.0, 1.0)


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes [x0, y0, x1, y1]."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0.0 or height <= 0.0:
        return 0.0
    shared = width * height
    area_a = (a[2] - a[0]) * (a[3] - a[1])
    area_b = (b[2] - b[0]) * (b[3] - b[1])
    return shared / (area_a + area_b - shared)


def match_boxes(known: Sequence[Box | None], found: Sequence[Box | None]) -> list[int | None]:
    """For each found box the index of the known one it is, or None. One-to-one, greatest total overlap.

    None as a box is the whole frame, and matches only the whole frame.
    """
    result: list[int | None] = [None] * len(found)
    if not known or not found:
        return result
    overlap = np.array(
        [[iou(k or WHOLE, f or WHOLE) if (k is None) == (f is None) else 0.0 for k in known] for f in found]
    )
    overlap[overlap < SAME_BOX_IOU] = 0.0
    rows, columns = linear_sum_assignment(overlap, maximize=True)
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        if overlap[row, column] > 0.0:
            result[row] = column
    return result


def same_picture(a: str, b: str) -> bool:
    """Whether two 64-bit perceptual hashes (16 hex digits) are of one picture.

    >>> same_picture("ffffffffffffffff", "fffffffffffffff0")
    True
    """
    return (int(a, 16) ^ int(b, 16)).bit_count() <= SAME_PICTURE_BITS
