"""Faces by MTCNN (Zhang et al. 2016), with the weights that facenet-pytorch ships in its wheel."""

import hashlib
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from rushes.processors.detection import Detections, LazyDetector, each_alone_on_failure
from rushes.processors.embedding.protocol import Image
from rushes.processors.faces.detector import DetectedFace, best_first, limited
from rushes.schemas.errors import ConfigurationError
from rushes.schemas.ids import Box

if TYPE_CHECKING:
    from rushes.processors.faces.cascade import Cascade, Found

VERSION: Final = 2
"""Of the code below; part of the detector's id."""

SMALLEST_PIXELS: Final = 20
"""Of the detector's input: below this the first net, which sees 12 pixels, works on enlarged pictures."""

SMALLEST_FRACTION: Final = 1 / 50
"""Of the input's longer side: a face smaller than that is in the background; half the size costs 4 times the work."""


class MtcnnDetector(LazyDetector["Cascade"]):
    """FaceDetector. `longest_side` (pixels) bounds the input; `threads` is torch's, and holds for the process."""

    def __init__(self, *, longest_side: int = 1024, threads: int = 2, batch: int = 8) -> None:
        super().__init__(f"mtcnn/{_weights_hash()[:16]}/{VERSION}-{longest_side}", batch)
        self._longest_side = longest_side
        self._threads = threads

    def detect(self, images: Sequence[Image]) -> list[Detections[DetectedFace]]:
        nets = self._ready()
        found: list[Detections[DetectedFace]] = [Detections()] * len(images)
        pictures = [limited(image, self._longest_side) for image in images]
        wanted = [index for index, p in enumerate(pictures) if min(p.shape[:2]) >= _smallest(p.shape)]
        for start in range(0, len(wanted), self._batch):
            part = wanted[start : start + self._batch]
            several = each_alone_on_failure(
                partial(_detect, nets), [pictures[index] for index in part], "face detector"
            )
            for index, detections in zip(part, several, strict=True):
                found[index] = detections
        return found

    def _open(self) -> "Cascade":
        import torch  # noqa: PLC0415 - seconds to import: only where faces are looked for

        from rushes.processors.faces.cascade import Cascade  # noqa: PLC0415 - only where faces are looked for

        torch.set_num_threads(self._threads)
        return Cascade()


def _weights_hash() -> str:
    """SHA-256 over the three nets' files, found without importing the package (which imports torch)."""
    package = find_spec("facenet_pytorch")
    if package is None or package.origin is None:
        raise ConfigurationError(
            "expected the package facenet-pytorch for face_detector=mtcnn, found none: install it, or set "
            "RUSHES_MODELS__FACE_DETECTOR=off"
        )
    digest = hashlib.sha256()
    for net in ("pnet", "rnet", "onet"):
        digest.update((Path(package.origin).parent / "data" / f"{net}.pt").read_bytes())
    return digest.hexdigest()


def _smallest(shape: tuple[int, ...]) -> int:
    return max(SMALLEST_PIXELS, round(max(shape[:2]) * SMALLEST_FRACTION))


def _detect(nets: "Cascade", pictures: Sequence[Image]) -> list[Detections[DetectedFace]]:
    found = nets.detect(pictures, [_smallest(picture.shape) for picture in pictures])
    return [_faces(picture, faces) for picture, faces in zip(pictures, found, strict=True)]


def _faces(picture: Image, found: "Found") -> Detections[DetectedFace]:
    sides = np.array(picture.shape[1::-1], np.float64)
    faces = []
    for corners, score, marks in zip(found.boxes, found.scores.tolist(), found.points, strict=True):
        x0, y0, x1, y1 = np.clip(corners / np.tile(sides, 2), 0, 1).tolist()
        box: Box = (x0, y0, x1, y1)
        if x0 < x1 and y0 < y1 and np.isfinite(corners).all() and np.isfinite(marks).all():
            landmarks = tuple((float(x), float(y)) for x, y in marks / sides)
            faces.append(DetectedFace(box, landmarks, float(np.clip(score, 0, 1))))
    return Detections(best_first(faces))
