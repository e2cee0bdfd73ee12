"""Persons as a detector finds them, and how those of the DETR kind tell them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushes.processors.detection import Detector
from rushes.processors.embedding.protocol import Embedder, RegionEmbedder
from rushes.processors.overlap import best_apart
from rushes.schemas.errors import ConfigurationError
from rushes.schemas.ids import Box, ModelId

SURE: Final = 0.5
"""Score from which a find is a person: what the libraries of these detectors use for showing their results."""

DUPLICATE: Final = 0.8
"""IoU of two boxes that are one person. These detectors are trained to find each once, and mostly do; people who stand
close together overlap by less."""

PERSON_NAMES: Final = ("person", "people", "pedestrian", "human")
"""What data sets call persons: COCO, Objects365, VisDrone, Open Images."""


@dataclass(frozen=True, slots=True)
class DetectedPerson:
    """A body as far as it is seen: box in 0..1 of the picture, score 0..1."""

    box: Box
    score: float


PersonDetector = Detector[DetectedPerson]


@dataclass(frozen=True, slots=True)
class PersonModels:
    """A detector of persons, and what makes vectors of them: of crops, or, with `pooled`, of regions of the picture."""

    detector: PersonDetector
    embedder: Embedder
    pooled: RegionEmbedder | None = None

    @property
    def model_id(self) -> ModelId:
        """Of the persons' vectors."""
        return self.embedder.model_id if self.pooled is None else self.pooled.region_model_id()


def person_labels(names: Mapping[int, str], where: str) -> tuple[int, ...]:
    """The labels that mean persons, by their names. Raises ConfigurationError where there is none."""
    found = tuple(sorted(label for label, name in names.items() if name.strip().lower() in PERSON_NAMES))
    if not found:
        some = ", ".join(list(names.values())[:8])
        raise ConfigurationError(
            f"expected one of the labels {', '.join(PERSON_NAMES)} in {where}, found {some or 'none'}: "
            "name a detector that was trained on persons (COCO or Objects365)"
        )
    return found


def query_persons(
    logits: NDArray[np.float32], boxes: NDArray[np.float32], labels: Sequence[int], least: float = SURE
) -> tuple[DetectedPerson, ...]:
    """Persons of one picture by a detector of the DETR kind with a sigmoid per class (RT-DETR, D-FINE).

    `logits` (queries, classes), `boxes` (queries, 4) as centre x, centre y, width, height in 0..1.
    """
    wide = logits[:, list(labels)].astype(np.float64).max(axis=1)
    scores = 1 / (1 + np.exp(-np.clip(wide, -60, 60)))
    centres, sides = boxes[:, :2].astype(np.float64), boxes[:, 2:].astype(np.float64)
    return persons_at(np.concatenate([centres - sides / 2, centres + sides / 2], axis=1), scores, least)


def persons_at(
    boxes: NDArray[np.float64], scores: NDArray[np.float64], least: float = SURE
) -> tuple[DetectedPerson, ...]:
    """Persons from boxes (n, 4) as corners in 0..1, clamped to the picture; best first, each once."""
    inside = np.clip(boxes, 0, 1)
    usable = (scores >= least) & np.isfinite(boxes).all(axis=1) & (inside[:, :2] < inside[:, 2:]).all(axis=1)
    inside, scores = inside[usable], scores[usable]
    found = []
    for place in best_apart(inside, scores, DUPLICATE).tolist():
        x0, y0, x1, y1 = inside[place].tolist()
        found.append(DetectedPerson((x0, y0, x1, y1), float(scores[place])))
    return tuple(sorted(found, key=lambda person: (-person.score, person.box)))
