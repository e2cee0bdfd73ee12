"""How far the vector of a face can be trusted, 0..1: only a good one may found a character.

Four figures, each 0..1 in steps that are equal in effect (size and sharpness by octaves, scores by the share of doubt
that is left), add up to the log-odds of a genuine match; a face in full profile is worth less than they say. The
weights were fitted by a logistic regression, none below zero, on half of the people of `benchmarks/bench_faces.py`; the
other half shows what they predict.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from rushes.processors.embedding.protocol import Image

VERSION: Final = 3
"""Of the code below; a cached face of another version is looked at anew."""

SMALLEST_EYES: Final = 5.0
"""Pixels between the eyes of the keyframe at which nothing of a person is left (a face 12 pixels wide)."""

GOOD_EYES: Final = 12.0
"""Pixels between the eyes from which a larger face is no better known: a real face of 30 pixels, if it is sharp."""

BLURRED: Final = 0.15
"""Root mean square of the Laplacian of a 32 pixel face, in its standard deviations: out of focus, or enlarged."""

SHARP: Final = 0.9

LEAST_DOUBT: Final = 4.0
"""Decimal digits of a score behind which there is no doubt left: .9999."""

PROFILE: Final = 0.9
"""Shift of the nose towards one eye, in half distances between the eyes, from which half of the face is out of sight.
What is less did not count in the benchmark, whose faces are turned by up to some 45 degrees."""

BEYOND: Final = 1.5
"""Shift at which the landmarks are those of no face that an embedder was trained on."""

WEIGHTS: Final[Mapping[str, float]] = {"size": 0.7, "sharpness": 2.6, "score": 1.5, "second_look": 3.0}
"""Log-odds of a genuine match from the worst to the best of each figure."""

INTERCEPT: Final = -4.5
"""Log-odds where all figures are at their worst."""


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """`value` 0..1 is how likely the vector matches its person; the parts, 0..1, are what it is made of."""

    value: float
    parts: Mapping[str, float]


def face_quality(
    crop: Image,
    landmarks: Sequence[tuple[float, float]],
    picture: tuple[int, int],
    score: float,
    second_score: float | None = None,
) -> FaceQuality:
    """Of an aligned `crop` (h, w, 3), whose landmarks (0..1) lie in a picture of (height, width) pixels.

    `second_score` is that of the second look; without one the first score stands in.
    """
    points = np.array(landmarks, np.float64) * (picture[1], picture[0])
    distance = float(np.hypot(*(points[1] - points[0])))
    parts = {
        "size": _octaves(distance, SMALLEST_EYES, GOOD_EYES),
        "sharpness": _octaves(_sharpness(crop), BLURRED, SHARP),
        "pose": 1 - _ramp(_turned(points), PROFILE, BEYOND),
        "score": _sureness(score),
        "second_look": _sureness(score if second_score is None else second_score),
    }
    odds = INTERCEPT + sum(weight * parts[name] for name, weight in WEIGHTS.items())
    return FaceQuality(parts["pose"] * float(1 / (1 + np.exp(-odds))), parts)


def _ramp(value: float, low: float, high: float) -> float:
    return float(np.clip((value - low) / (high - low), 0, 1))


def _octaves(value: float, low: float, high: float) -> float:
    """A ramp on which each doubling counts the same."""
    return _ramp(float(np.log(max(value, 1e-9))), float(np.log(low)), float(np.log(high)))


def _sureness(score: float) -> float:
    """How many digits of the score are nines, of LEAST_DOUBT."""
    return _ramp(-float(np.log10(max(1 - score, 1e-9))), 0, LEAST_DOUBT)


def _sharpness(crop: Image) -> float:
    """Root mean square of the Laplacian within the face, at 32 pixels, over the standard deviation there.

    At so few pixels size and sharpness are told apart, and noise is averaged away; light and contrast cancel out.
    """
    grey = cv2.cvtColor(cv2.resize(crop, (32, 32), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    numbers = grey.astype(np.float64)
    inner = np.s_[8:30, 6:26]
    edges = cv2.Laplacian(numbers, cv2.CV_64F)[inner]
    return float(np.sqrt(np.mean(edges * edges)) / (numbers[inner].std() + DARK))


DARK: Final = 2.0
"""Grey levels added to the standard deviation: what sensors' noise makes of a face without light."""


def _turned(points: np.ndarray) -> float:
    """How far the nose is off the middle of the face, along the line of the eyes, in half distances of the eyes."""
    eyes = points[1] - points[0]
    distance = float(np.hypot(*eyes))
    if distance <= 0:
        return 1.0
    middle = (points[0] + points[1] + points[3] + points[4]) / 4
    return abs(float((points[2] - middle) @ eyes)) / (distance * distance / 2)
