"""Faces by MTCNN (Zhang et al. 2016), with the weights that facenet-pytorch ships in its wheel.

What has to be kept from it: a picture whose shorter side is under the smallest face (it fails with "expected a
non-empty list of Tensors"), a batch of unequal sizes (it refuses), and a batch in which one picture fails (all of it
fails). Where each picture of a batch has equally many faces, its arrays come back with dtype object.
"""

import hashlib
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from rushes.processors.embedding.protocol import Image
from rushes.processors.faces.detector import DetectedFace, Detections, best_first
from rushes.schemas.errors import ConfigurationError
from rushes.schemas.ids import Box

if TYPE_CHECKING:
    from facenet_pytorch import MTCNN

VERSION: Final = 1
"""Of the code below; part of the detector's id."""

SMALLEST_PIXELS: Final = 20
"""Of the detector's input: below this the first net, which sees 12 pixels, works on enlarged pictures."""

SMALLEST_FRACTION: Final = 1 / 50
"""Of the input's longer side: a face smaller than that is in the background; half the size costs 4 times the work."""


class MtcnnDetector:
    """FaceDetector. `longest_side` (pixels) bounds the input; `threads` is torch's, and holds for the process."""

    def __init__(self, *, longest_side: int = 1024, threads: int = 2, batch: int = 8) -> None:
        self._longest_side = longest_side
        self._threads = threads
        self._batch = batch
        self._id = f"mtcnn/{_weights_hash()[:16]}/{VERSION}-{longest_side}"
        self._nets: MTCNN | None = None

    @property
    def detector_id(self) -> str:
        return self._id

    @property
    def batch(self) -> int:
        return self._batch

    def load(self) -> None:
        self._ready()

    def unload(self) -> None:
        self._nets = None

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        nets = self._ready()
        found = [Detections()] * len(images)
        by_size: dict[tuple[int, ...], list[tuple[int, Image]]] = {}
        for index, image in enumerate(images):
            picture = _limited(image, self._longest_side)
            if min(picture.shape[:2]) >= _smallest(picture.shape):
                by_size.setdefault(picture.shape, []).append((index, picture))
        for pictures in by_size.values():
            for start in range(0, len(pictures), self._batch):
                part = pictures[start : start + self._batch]
                for (index, _), detections in zip(part, _detect(nets, [p for _, p in part]), strict=True):
                    found[index] = detections
        return found

    def _ready(self) -> "MTCNN":
        if self._nets is None:
            import torch  # noqa: PLC0415 - seconds to import: only where faces are looked for
            from facenet_pytorch import MTCNN  # noqa: PLC0415 - imports torch

            torch.set_num_threads(self._threads)
            self._nets = MTCNN(keep_all=True, select_largest=False, post_process=False, device=torch.device("cpu"))
        return self._nets


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


def _limited(image: Image, longest_side: int) -> Image:
    height, width = image.shape[:2]
    scale = longest_side / max(height, width)
    if scale >= 1:
        return image
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _smallest(shape: tuple[int, ...]) -> int:
    return max(SMALLEST_PIXELS, round(max(shape[:2]) * SMALLEST_FRACTION))


def _detect(nets: "MTCNN", pictures: Sequence[Image]) -> Iterable[Detections]:
    """Of pictures of one size. When the batch fails, each alone, so that only the one to blame has an error."""
    import torch  # noqa: PLC0415 - loaded by now

    nets.min_face_size = _smallest(pictures[0].shape)
    try:
        with torch.inference_mode():
            boxes, scores, points = nets.detect(np.stack(pictures), landmarks=True)
    except (RuntimeError, IndexError) as error:  # a proposal wholly outside its picture upsets the cascade's indices
        if len(pictures) == 1:
            return [Detections(error=f"the face detector failed: {error}")]
        return [detections for picture in pictures for detections in _detect(nets, [picture])]
    return [
        Detections() if boxes[i] is None else _faces(pictures[i], boxes[i], scores[i], points[i])
        for i in range(len(pictures))
    ]


def _faces(picture: Image, boxes: np.ndarray, scores: np.ndarray, points: np.ndarray) -> Detections:
    height, width = picture.shape[:2]
    sides = np.array([width, height], np.float64)
    faces = []
    for corners, score, marks in zip(
        boxes.astype(np.float64), scores.astype(np.float64), points.astype(np.float64), strict=True
    ):
        x0, y0, x1, y1 = np.clip((corners.reshape(2, 2) / sides).ravel(), 0, 1).tolist()
        box: Box = (x0, y0, x1, y1)
        if x0 < x1 and y0 < y1 and np.isfinite(corners).all() and np.isfinite(marks).all():
            landmarks = tuple((float(x), float(y)) for x, y in marks / sides)
            faces.append(DetectedFace(box, landmarks, float(np.clip(score, 0, 1))))
    return Detections(best_first(faces))
