"""Faces as a detector finds them."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from rushes.processors.detection import Detector
from rushes.processors.embedding.protocol import Image
from rushes.schemas.ids import Box


@dataclass(frozen=True, slots=True)
class DetectedFace:
    """One face: box and landmarks in 0..1 of the picture, score 0..1.

    Landmarks: left eye, right eye, nose, left and right corner of the mouth, left as seen in the picture.
    """

    box: Box
    landmarks: tuple[tuple[float, float], ...]
    score: float


FaceDetector = Detector[DetectedFace]


def best_first(faces: Sequence[DetectedFace]) -> tuple[DetectedFace, ...]:
    """By score, then by place: an order of its own for every set of faces. Rank never identifies a face."""
    return tuple(sorted(faces, key=lambda face: (-face.score, face.box)))


def limited(image: Image, longest_side: int) -> Image:
    """The picture, made smaller where a side has more pixels than this."""
    height, width = image.shape[:2]
    scale = longest_side / max(height, width)
    if scale >= 1:
        return image
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
