"""What is cut out of a picture to be embedded: faces, persons, the producer's regions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from rushes.processors.embedding.protocol import FaceEmbedder, Image
from rushes.processors.faces.alignment import aligned_face
from rushes.processors.faces.detector import DetectedFace
from rushes.processors.faces.quality import face_quality
from rushes.processors.persons.detector import DetectedPerson
from rushes.schemas.ids import BOX_STEPS, Box, quantise, quantised
from rushes.schemas.media import ProducerBox

GOOD_REGION_PIXELS: Final = 64
"""Shorter side from which a producer's region is as good as it gets: half of what a scene model looks at."""

GOOD_PERSON_PIXELS: Final = 128
"""Height from which a body is as good as it gets: half of what person re-identification models look at."""


@dataclass(frozen=True, slots=True)
class Crop:
    """Something to embed: where it belongs, its pixels, and the item but for its vector."""

    picture: int
    image: Image
    box: Box
    quality: float
    quality_parts: Mapping[str, float] = field(default_factory=dict)
    face: DetectedFace | None = None
    score: float | None = None
    label: str | None = None


def face_crops(
    index: int, image: Image, faces: Sequence[tuple[DetectedFace, float]], embedder: FaceEmbedder
) -> list[Crop]:
    """Aligned crops of all faces, each with the score of its second look, whose quantised box is one.

    Of two faces with the same box the better one.
    """
    crops: dict[Box, Crop] = {}
    for face, second in faces:
        box = quantised(face.box)
        if box in crops or not (box[0] < box[2] and box[1] < box[3]):
            continue
        crop = aligned_face(image, face.landmarks, embedder.template, embedder.crop_size)
        quality = face_quality(crop, face.landmarks, (image.shape[0], image.shape[1]), face.score, second)
        crops[box] = Crop(index, crop, box, quality.value, quality.parts, face, face.score)
    return list(crops.values())


def person_crops(index: int, image: Image, persons: Sequence[DetectedPerson]) -> list[Crop]:
    """Upright crops of all persons whose quantised box is one, the better of two with the same."""
    crops: dict[Box, Crop] = {}
    for person in persons:
        box = quantised(person.box)
        if box in crops or not (box[0] < box[2] and box[1] < box[3]):
            continue
        crop = _cut_out(image, person.box)
        quality = min(1.0, crop.shape[0] / GOOD_PERSON_PIXELS) * person.score
        crops[box] = Crop(index, crop, box, quality, score=person.score)
    return list(crops.values())


def region_crops(index: int, image: Image, regions: Sequence[ProducerBox]) -> list[Crop]:
    """What the producer's boxes show; one crop for boxes that are the same."""
    crops: dict[Box, Crop] = {}
    for region in regions:
        crop = _cut_out(image, region.box)
        quality = min(1.0, min(crop.shape[:2]) / GOOD_REGION_PIXELS)
        crops.setdefault(quantised(region.box), Crop(index, crop, quantised(region.box), quality, label=region.label))
    return list(crops.values())


def _cut_out(image: Image, box: Box) -> Image:
    """All pixels that the box touches."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = quantise(box)
    left, top = x0 * width // BOX_STEPS, y0 * height // BOX_STEPS
    right, bottom = -(-x1 * width // BOX_STEPS), -(-y1 * height // BOX_STEPS)
    return np.ascontiguousarray(image[top:bottom, left:right])
