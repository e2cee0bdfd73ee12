"""Faces by YuNet (Wu et al. 2023) through OpenCV's own class, from a weights file of OpenCV's model zoo (MIT)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from rushes.processors.detection import Detections, LazyDetector
from rushes.processors.embedding.protocol import Image
from rushes.processors.faces.detector import DetectedFace, best_first, limited
from rushes.processors.onnx_files import file_hash
from rushes.processors.opencv_log import errors_only
from rushes.schemas.errors import ConfigurationError

VERSION: Final = 1
"""Of the code below; part of the detector's id."""

LEAST: Final = 0.7
"""Score of the weakest face: as in the demonstration of OpenCV's model zoo a little below its .9, because what is
doubtful is left to the quality of the face."""

DUPLICATE: Final = 0.3
"""IoU from which two boxes are one face, the zoo's own value."""

CANDIDATES: Final = 5000
"""Boxes before duplicates are removed, the zoo's own value: a crowd in one picture has fewer."""


class YunetDetector(LazyDetector[cv2.FaceDetectorYN]):
    """FaceDetector of a file. `longest_side` (pixels) bounds the input; the net finds faces from about 10 pixels up."""

    def __init__(self, model_file: Path, *, longest_side: int = 1024, least: float = LEAST) -> None:
        weights = file_hash(model_file, "YuNet's weights")
        super().__init__(f"yunet/{weights[:16]}/{VERSION}-{longest_side}-{least:g}")
        self._file = model_file
        self._longest_side = longest_side
        self._least = least

    def detect(self, images: Sequence[Image]) -> list[Detections[DetectedFace]]:
        net = self._ready()
        return [_detect(net, limited(image, self._longest_side)) for image in images]

    def _open(self) -> cv2.FaceDetectorYN:
        try:
            with errors_only():
                net = cv2.FaceDetectorYN.create(str(self._file), "", (320, 320), self._least, DUPLICATE, CANDIDATES)
            net.detect(np.zeros((320, 320, 3), np.uint8))
        except cv2.error as error:
            raise ConfigurationError(
                f"expected YuNet in ONNX format at {self._file}, found what OpenCV does not take: {error}"
            ) from error
        return net


def _detect(net: cv2.FaceDetectorYN, picture: Image) -> Detections[DetectedFace]:
    height, width = picture.shape[:2]
    net.setInputSize((width, height))
    try:
        _, rows = net.detect(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    except cv2.error as error:
        return Detections(error=f"the face detector failed: {error}")
    faces = []
    for row in () if rows is None else rows.astype(np.float64):
        if not np.isfinite(row).all():
            continue
        corners = np.concatenate([row[:2], row[:2] + row[2:4]]) / (width, height, width, height)
        x0, y0, x1, y1 = np.clip(corners, 0, 1).tolist()
        if x0 < x1 and y0 < y1:
            marks = tuple((float(x), float(y)) for x, y in row[4:14].reshape(5, 2) / (width, height))
            faces.append(DetectedFace((x0, y0, x1, y1), marks, float(np.clip(row[14], 0, 1))))
    return Detections(best_first(faces))
