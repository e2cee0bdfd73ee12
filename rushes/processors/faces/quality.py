"""How good a picture of a face is, 0..1: only a good one may found a character.

The weakest of four figures decides, since any one of them spoils an embedding: a large sharp profile is as useless as
a tiny frontal one.
"""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from rushes.processors.embedding.protocol import Image

VERSION: Final = 2
"""Of the code below; a cached face of another version is looked at anew."""

SMALLEST_EYES: Final = 8.0
"""Pixels between the eyes of the keyframe at which nothing of a person is left (a face 20 pixels wide)."""

GOOD_EYES: Final = 40.0
"""Pixels between the eyes that embedders of 112-128 pixel crops are trained on."""

DOUBTFUL_SCORE: Final = 0.9
"""Detection score below which many finds are no faces (textiles, posters, wheels)."""

GOOD_SCORE: Final = 0.99

BLURRED: Final = 0.004
"""Root mean square of the Laplacian of a 64 pixel face (of 0..1): out of focus, or enlarged from nothing."""

SHARP: Final = 0.03

POSE_REACH: Final = 0.9
"""Shift of the nose towards one eye, in half distances between the eyes, at which half of the face is gone."""

POSE_FRONTAL: Final = 0.3
"""Shift up to which a face counts as frontal."""


def face_quality(
    crop: Image, landmarks: Sequence[tuple[float, float]], picture: tuple[int, int], score: float
) -> float:
    """0..1 of an aligned `crop` (h, w, 3), whose landmarks (0..1) lie in a picture of (height, width) pixels."""
    points = np.array(landmarks, np.float64) * (picture[1], picture[0])
    eyes = points[1] - points[0]
    distance = float(np.hypot(*eyes))
    figures = (
        _ramp(distance, SMALLEST_EYES, GOOD_EYES),
        _ramp(score, DOUBTFUL_SCORE, GOOD_SCORE),
        _ramp(_sharpness(crop), BLURRED, SHARP),
        1 - _ramp(_turned(points), POSE_FRONTAL, POSE_REACH),
    )
    return float(min(figures))


def _ramp(value: float, low: float, high: float) -> float:
    return float(np.clip((value - low) / (high - low), 0, 1))


def _sharpness(crop: Image) -> float:
    """Root mean square of the Laplacian within the face, at 64 pixels so that size and sharpness are told apart."""
    grey = cv2.cvtColor(cv2.resize(crop, (64, 64), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    inner = cv2.Laplacian(grey.astype(np.float32) / 255, cv2.CV_32F)[16:60, 12:52]
    return float(np.sqrt(np.mean(inner * inner)))


def _turned(points: np.ndarray) -> float:
    """How far the nose is off the middle of the face, along the line of the eyes, in half distances of the eyes."""
    eyes = points[1] - points[0]
    distance = float(np.hypot(*eyes))
    if distance <= 0:
        return 1.0
    middle = (points[0] + points[1] + points[3] + points[4]) / 4
    return abs(float((points[2] - middle) @ eyes)) / (distance * distance / 2)
