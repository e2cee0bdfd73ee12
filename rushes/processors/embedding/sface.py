"""Faces by SFace (Zhong et al., "SFace: Sigmoid-Constrained Hypersphere Loss for Robust Face Recognition", 2021),
through OpenCV's own class, which takes one aligned crop of 112 x 112 at a time.

Crops are aligned as `FaceRecognizerSF.alignCrop` does it, with two differences that are ours: beyond the picture its
border goes on (there: black), and a face much larger than the crop is first shrunk by area.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from rushes.processors.embedding.protocol import Facts, Image, Template, Vectors, unit_rows
from rushes.processors.opencv_log import errors_only
from rushes.schemas.errors import ConfigurationError
from rushes.schemas.ids import ModelId

if TYPE_CHECKING:
    from cv2 import FaceRecognizerSF

VERSION: Final = 1
"""Of the code below; part of the model's id."""

SIDE: Final = 112

TEMPLATE: Final[Template] = (
    (38.2946 / SIDE, 51.6963 / SIDE),
    (73.5318 / SIDE, 51.5014 / SIDE),
    (56.0252 / SIDE, 71.7366 / SIDE),
    (41.5493 / SIDE, 92.3655 / SIDE),
    (70.7299 / SIDE, 92.2041 / SIDE),
)
"""Where `alignCrop` puts the five points (OpenCV, modules/objdetect/src/face_recognize.cpp)."""


class SfaceEmbedder:
    """FaceEmbedder of a file `face_recognition_sface_*.onnx`. Raises ConfigurationError at `load`."""

    weak = False
    batch = 1
    facts = Facts()
    template: Template = TEMPLATE
    crop_size = (SIDE, SIDE)

    def __init__(self, model_file: Path) -> None:
        """Reads and hashes the file."""
        if not model_file.is_file():
            raise ConfigurationError(f"expected SFace's ONNX file at {model_file}, found no such file")
        self._file = model_file
        digest = hashlib.sha256(model_file.read_bytes()).hexdigest()
        self._model_id = ModelId(f"sface/{digest[:16]}/{VERSION}")
        self._net: FaceRecognizerSF | None = None
        self._dim = 0

    @property
    def model_id(self) -> ModelId:
        return self._model_id

    @property
    def dim(self) -> int:
        self._ready()
        return self._dim

    def load(self) -> None:
        self._ready()

    def unload(self) -> None:
        self._net = None

    def embed(self, images: Sequence[Image]) -> Vectors:
        net = self._ready()
        if not images:
            return np.empty((0, self._dim), np.float32)
        return unit_rows(np.stack([_feature(net, image) for image in images]))

    def _ready(self) -> "FaceRecognizerSF":
        if self._net is None:
            try:
                with errors_only():
                    net = cv2.FaceRecognizerSF.create(str(self._file), "")
                self._dim = len(_feature(net, np.zeros((SIDE, SIDE, 3), np.uint8)))
            except cv2.error as error:
                raise ConfigurationError(
                    f"expected SFace's ONNX file at {self._file}, found one that OpenCV can't run: {error}"
                ) from error
            self._net = net
        return self._net


def _feature(net: "FaceRecognizerSF", image: Image) -> np.ndarray:
    """(d,) of one crop; the class wants OpenCV's channel order and turns it round itself."""
    crop = image if image.shape[:2] == (SIDE, SIDE) else cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    # a copy: the class may give back a view of the net's own memory, which the next crop overwrites
    return np.array(net.feature(np.ascontiguousarray(crop[..., ::-1])), np.float32).ravel()
