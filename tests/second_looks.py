"""For detectors that find what a test tells them: their answer where a find is looked at again."""

import numpy as np

from rushes.processors.detection import Detections
from rushes.processors.faces.detector import DetectedFace
from rushes.processors.faces.second_look import SIDE, UPRIGHT


def is_second_look(image: np.ndarray) -> bool:
    return image.shape == (SIDE, SIDE, 3)


def confirmed(score: float = 0.999) -> Detections:
    """The find is a face. Its landmarks are as good as the same in the mirror."""
    return Detections((DetectedFace((0.3, 0.3, 0.7, 0.7), UPRIGHT, score),))
