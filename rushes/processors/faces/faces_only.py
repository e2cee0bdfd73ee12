"""A picture in which only the faces and what is round them are sharp: what is kept of a frame that is looked at for its
faces alone. It has the frame's own size, so that a box means the same place in both.
"""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from rushes.processors.embedding.protocol import Image
from rushes.schemas.ids import Box

KEPT: Final = 2.0
"""Side of the square that stays, in longer sides of the face's box. What is aligned for an embedder takes up to 1.7 (a
face at 45 degrees), the contact sheet cuts out 1.45."""

BLOCK: Final = 16
"""Pixels. The unit in which a JPEG with halved colours is coded: a block of one colour takes three bytes, and what is
sharp begins and ends with a block."""


def faces_only(image: Image, boxes: Sequence[Box]) -> Image:
    """The picture (h, w, 3) with the surroundings of `boxes` (0..1) as they are, and the mean colour in all other
    blocks."""
    height, width = image.shape[:2]
    rows, columns = -(-height // BLOCK), -(-width // BLOCK)
    whole = cv2.copyMakeBorder(
        image, 0, rows * BLOCK - height, 0, columns * BLOCK - width, borderType=cv2.BORDER_REPLICATE
    )
    means = cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA)
    kept = cv2.resize(means, (columns * BLOCK, rows * BLOCK), interpolation=cv2.INTER_NEAREST)[:height, :width]
    for box in boxes:
        x0, y0, x1, y1 = _surroundings(box, width, height)
        kept[y0:y1, x0:x1] = image[y0:y1, x0:x1]
    return np.asarray(kept, np.uint8)


def _surroundings(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """The blocks that the square touches, in pixels."""
    x0, y0, x1, y1 = box[0] * width, box[1] * height, box[2] * width, box[3] * height
    reach = KEPT / 2 * max(x1 - x0, y1 - y0)
    centre_x, centre_y = (x0 + x1) / 2, (y0 + y1) / 2
    left, top = (max(int((centre - reach) // BLOCK) * BLOCK, 0) for centre in (centre_x, centre_y))
    right, bottom = (int(-((centre + reach) // -BLOCK)) * BLOCK for centre in (centre_x, centre_y))
    return left, top, min(right, width), min(bottom, height)
