"""A picture at a model's size: how small a JPEG may be decoded for it, and what brings it to the size from there.

Both take the means of 2 x 2, 4 x 4 or 8 x 8 pixels first, so that a picture has the same vector from a small decode as
from a large one.
"""

from typing import Final, Literal

import cv2
import numpy as np

from rushes.processors.embedding.protocol import Image, Reduction

REDUCED_MARGIN: Final = 2.25
"""Pixels that a reduced decode leaves for each of the model's, along a side. Measured on frames of footage through a
MobileNet at 224: cosines of .999 and more from 2.2 on, .991 at 1.5; a field of stars alone stays below (.998 at 2.4).
"""

REDUCTIONS: Final[tuple[Reduction, ...]] = (8, 4, 2)


SHARP_PIXELS: Final = 1.5
"""Pixels from one bilinear sample to the next, up to which it sees them all: it reaches over two."""

SAMPLE_PIXELS: Final = REDUCED_MARGIN
"""The same for samples of pixels that are mixed with their neighbours (1 2 1) first. Without that, stripes two pixels
wide came through at 2.1 as strong as by no mean at all (57 levels of deviation of 58; exact means: 6.5)."""


def resized(picture: Image, size: tuple[int, int]) -> Image:
    """The picture at (height, width), uint8: each pixel about the mean of what it stands for.

    Means of blocks where a reduced decode would have taken them; then two (or 4, 8 ...) bilinear samples for each pixel
    along a side, and their means by twos. 960 x 540 to 224: .4 ms, where the exact means (INTER_AREA) take 1.3; 720p
    .8 and 2.1; and 1080p in full .9 and 4.6. A picture that has to grow, if along one side only, is interpolated.
    """
    height, width = size
    if picture.shape[:2] == size:
        return picture
    if picture.shape[0] < height or picture.shape[1] < width:
        return _bilinear(picture, height, width)
    while (factor := reduction(picture.shape[0], picture.shape[1], size, "squash")) > 1:
        smaller = (picture.shape[1] // factor, picture.shape[0] // factor)
        picture = np.asarray(cv2.resize(picture, smaller, interpolation=cv2.INTER_AREA), np.uint8)
    ratios = (picture.shape[0] / height, picture.shape[1] / width)
    rows, columns = (_samples(ratio) for ratio in ratios)
    mixed_rows, mixed_columns = (
        ratio / samples > SHARP_PIXELS for ratio, samples in zip(ratios, (rows, columns), strict=True)
    )
    if mixed_rows or mixed_columns:
        reach = (3 if mixed_columns else 1, 3 if mixed_rows else 1)
        picture = np.asarray(cv2.GaussianBlur(picture, reach, 0), np.uint8)
    picture = _bilinear(picture, height * rows, width * columns)
    while rows > 1 or columns > 1:  # to the half, bilinear is the mean of two, and fast along one side, too
        rows, columns = max(rows // 2, 1), max(columns // 2, 1)
        picture = _bilinear(picture, height * rows, width * columns)
    return picture


def _bilinear(picture: Image, height: int, width: int) -> Image:
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _samples(ratio: float) -> int:
    """For each pixel along a side that is larger by so much."""
    samples = 2
    while ratio / samples > SAMPLE_PIXELS:
        samples *= 2
    return samples


def reduction(
    height: int, width: int, size: tuple[int, int], fit: Literal["squash", "crop"], margin: float = REDUCED_MARGIN
) -> Reduction:
    """By how much a JPEG of this size may be decoded smaller for a model that sees it at `size` (height, width).

    The reduced transform of libjpeg gives about the mean of each 2 x 2, 4 x 4 or 8 x 8 pixels, as
    `resized` would. Where a side (or the edge of the middle part) is no multiple, the last pixels stand for fewer:
    the picture would be stretched by up to a pixel, which costs more than all else.

    >>> reduction(1080, 1920, (224, 224), "squash"), reduction(2160, 3840, (224, 224), "squash")
    (2, 4)
    >>> reduction(1080, 1921, (224, 224), "squash"), reduction(360, 640, (224, 224), "squash")
    (1, 1)
    """
    top, left, part_height, part_width = middle(height, width, size[0] / size[1]) if fit == "crop" else (0, 0, 0, 0)
    edges = (height, width, top, left, part_height, part_width)
    room = min((part_height or height) / size[0], (part_width or width) / size[1]) / margin
    return next((factor for factor in REDUCTIONS if factor <= room and not any(edge % factor for edge in edges)), 1)


def middle(height: int, width: int, aspect: float) -> tuple[int, int, int, int]:
    """Top, left, height and width of the largest middle part with this height per width."""
    part_height, part_width = min(height, round(width * aspect)), min(width, round(height / aspect))
    return (height - part_height) // 2, (width - part_width) // 2, max(part_height, 1), max(part_width, 1)
