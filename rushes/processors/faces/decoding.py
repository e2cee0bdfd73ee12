"""From the numbers of single-shot face detectors to faces, one function a family. Pixels of the net's input.

Each takes the outputs of one picture and gives (n, 4) corners, (n,) scores and (n, 5, 2) landmarks of what scores at
least `least`, not yet without duplicates.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float32]

STRIDES: Final = (8, 16, 32)
"""Pixels between the cells of the three maps."""


@dataclass(frozen=True, slots=True)
class Level:
    """One map of a picture, its cells by rows and, in a cell, by anchor: (n,) scores, (n, 4) boxes, (n, 10) points."""

    stride: int
    scores: Numbers
    boxes: Numbers
    points: Numbers


@dataclass(frozen=True, slots=True)
class Raw:
    """Faces in pixels of the net's input."""

    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    points: NDArray[np.float64]


def yunet_faces(levels: Sequence[Level], size: tuple[int, int], least: float) -> Raw:
    """YuNet (Wu et al. 2023), as OpenCV's FaceDetectorYN reads it; scores are sqrt(class x objectness) already.

    A box is centre (in cells from its own) and logarithm of the sides in cells.
    """

    def read(level: Level, corners: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        centres = corners + level.boxes[:, :2] * level.stride
        sides = np.exp(np.minimum(level.boxes[:, 2:].astype(np.float64), 20)) * level.stride
        points = corners[:, None] + level.points.reshape(-1, 5, 2) * level.stride
        return np.concatenate([centres - sides / 2, centres + sides / 2], axis=1), points

    return _collected([(level, *read(level, corners)) for level, corners in _cells(levels, size)], least)


def scrfd_faces(levels: Sequence[Level], size: tuple[int, int], least: float) -> Raw:
    """SCRFD (Guo et al. 2021), as InsightFace exports it: a box is its four distances from the cell, in cells."""

    def read(level: Level, corners: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        distances = level.boxes.astype(np.float64) * level.stride
        points = corners[:, None] + level.points.reshape(-1, 5, 2) * level.stride
        return np.concatenate([corners - distances[:, :2], corners + distances[:, 2:]], axis=1), points

    return _collected([(level, *read(level, corners)) for level, corners in _cells(levels, size)], least)


RETINA_SIDES: Final = {8: (16, 32), 16: (64, 128), 32: (256, 512)}
"""Sides of the two anchors of a cell, in pixels, by stride."""

RETINA_VARIANCES: Final = (0.1, 0.2)
"""Units of the shifts (in sides of the anchor) and of the logarithms of the sides."""


def retinaface_faces(scores: Numbers, boxes: Numbers, points: Numbers, size: tuple[int, int], least: float) -> Raw:
    """RetinaFace (Deng et al. 2020), as the PyTorch version exports it: all maps behind each other, (n, ...).

    A box is shift and logarithm of the sides against an anchor.
    """
    centres, sides = [], []
    for stride, wanted in RETINA_SIDES.items():
        rows, columns = -(-size[0] // stride), -(-size[1] // stride)
        y, x = np.divmod(np.repeat(np.arange(rows * columns), len(wanted)), columns)
        centres.append(np.stack([x + 0.5, y + 0.5], axis=1) * stride)
        sides.append(np.tile(np.array(wanted, np.float64), rows * columns))
    centre, side = np.concatenate(centres), np.concatenate(sides)[:, None]
    kept = np.flatnonzero(scores >= least)
    centre, side = centre[kept], side[kept]
    middles = centre + boxes[kept, :2] * RETINA_VARIANCES[0] * side
    halves = side * np.exp(np.minimum(boxes[kept, 2:].astype(np.float64), 99) * RETINA_VARIANCES[1]) / 2
    marks = centre[:, None] + points[kept].reshape(-1, 5, 2) * RETINA_VARIANCES[0] * side[:, None]
    return Raw(np.concatenate([middles - halves, middles + halves], axis=1), scores[kept].astype(np.float64), marks)


def _cells(levels: Sequence[Level], size: tuple[int, int]) -> Iterator[tuple[Level, NDArray[np.float64]]]:
    """Each map with the upper left corners of its cells, (n, 2) x and y in pixels."""
    for level in levels:
        columns = size[1] // level.stride
        anchors = max(len(level.scores) // max(columns * (size[0] // level.stride), 1), 1)
        y, x = np.divmod(np.arange(len(level.scores)) // anchors, columns)
        yield level, np.stack([x, y], axis=1).astype(np.float64) * level.stride


def _collected(read: Sequence[tuple[Level, NDArray[np.float64], NDArray[np.float64]]], least: float) -> Raw:
    kept = [level.scores >= least for level, _, _ in read]
    return Raw(
        np.concatenate([boxes[which] for which, (_, boxes, _) in zip(kept, read, strict=True)]),
        np.concatenate([level.scores[which] for which, (level, _, _) in zip(kept, read, strict=True)]).astype(
            np.float64
        ),
        np.concatenate([points[which] for which, (_, _, points) in zip(kept, read, strict=True)]),
    )
