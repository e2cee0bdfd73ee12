"""A second look at what a detector takes for faces: what is one is found again upright, enlarged and in the mirror.

A detector that slides over a picture fires now and then on folds, wheels and prints. Such a find depends on how the
grid of cells happened to lie on it: turned upright by its own landmarks, at another size and mirrored, a face is still
one, and its landmarks are where they were; a chance find is gone. No figure is fitted here: the detector's own
threshold decides twice more. What is drawn or printed so well that it is found three times (a portrait on a wall)
stays a face.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from rushes.processors.detection import Detections
from rushes.processors.embedding.protocol import FACE_TEMPLATE, Image, Template
from rushes.processors.faces.alignment import aligned_face
from rushes.processors.faces.detector import DetectedFace, FaceDetector

VERSION: Final = 2
"""Of the code below: it changes what is found."""

SIDE: Final = 112
"""Pixels of the picture of a second look: the smallest in which no true face of the benchmark was lost."""

FACE_SHARE: Final = 0.36
"""Of the second look's side that the landmarks' template takes: the face is about 40 pixels wide, twice what detectors
need, with as much of its surroundings around it as they were trained with."""

MIDDLE: Final = 0.6
"""Height of the template's middle: half between eyes and mouth."""

ASTRAY: Final = 0.5
"""Distances of the eyes that a landmark may lie off where the first look had it: the place of another landmark."""


@dataclass(frozen=True, slots=True)
class Find:
    """A face that a detector found, and the picture that it lies in."""

    image: Image
    face: DetectedFace


def _placed(template: Template) -> Template:
    return tuple((0.5 + (x - 0.5) * FACE_SHARE, 0.5 + (y - MIDDLE) * FACE_SHARE) for x, y in template)


UPRIGHT: Final = _placed(FACE_TEMPLATE)
"""Where the landmarks lie in a second look."""


def second_scores(detector: FaceDetector, finds: Sequence[Find]) -> list[float]:
    """For each find the lower of the scores that it has as it is and mirrored; 0 where it is no face in one of them.

    The landmarks of a find do not all fall together. Where the detector fails, the first look's score stands.
    """
    looks = [aligned_face(find.image, find.face.landmarks, UPRIGHT, (SIDE, SIDE)) for find in finds]
    mirrored = [np.ascontiguousarray(look[:, ::-1]) for look in looks]
    answers = detector.detect([*looks, *mirrored]) if looks else []
    return [
        min(_score(as_it_is, UPRIGHT, find.face), _score(in_the_mirror, _MIRRORED, find.face))
        for find, as_it_is, in_the_mirror in zip(finds, answers[: len(finds)], answers[len(finds) :], strict=True)
    ]


def _mirror(points: Template) -> Template:
    left, right, nose, mouth_left, mouth_right = ((1 - x, y) for x, y in points)
    return (right, left, nose, mouth_right, mouth_left)


_MIRRORED: Final = _mirror(UPRIGHT)


def _score(found: Detections[DetectedFace], where: Template, first: DetectedFace) -> float:
    """Of the best face that has its landmarks there; 0 without one. An error says nothing against the first look."""
    if found.error is not None:
        return first.score
    wanted = np.array(where)
    reach = ASTRAY * (wanted[1, 0] - wanted[0, 0])
    there = [face.score for face in found.found if float(np.abs(np.array(face.landmarks) - wanted).max()) < reach]
    return max(there, default=0.0)
