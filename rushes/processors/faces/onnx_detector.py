"""Faces by a single-shot detector in an ONNX file, on the CPU: YuNet, SCRFD or RetinaFace, told apart by their outputs.

| family | outputs of a picture | input |
|---|---|---|
| YuNet | `cls_S`, `obj_S`, `bbox_S`, `kps_S` for S in 8, 16, 32 | BGR 0..255 |
| SCRFD | nine, three each with 1, 4 and 10 columns, two anchors a cell | RGB -1..1 |
| RetinaFace | three: 2 columns (background, face), 4 and 10 | BGR less the mean of ImageNet |
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, assert_never

import cv2
import numpy as np
from numpy.typing import NDArray

from rushes.processors.detection import Detections, LazyDetector
from rushes.processors.embedding.protocol import Image
from rushes.processors.faces.decoding import STRIDES, Level, Raw, retinaface_faces, scrfd_faces, yunet_faces
from rushes.processors.faces.detector import DetectedFace, best_first, limited
from rushes.processors.onnx_files import file_hash, open_session
from rushes.processors.overlap import best_apart
from rushes.schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

VERSION: Final = 1
"""Of the code below; part of the detector's id."""

DUPLICATE: Final = 0.4
"""IoU from which two boxes are one face: SCRFD's and RetinaFace's own value."""

DEEPEST: Final = 32
"""Pixels that an input's sides are a multiple of: the coarsest map's stride."""

RETINA_MEAN: Final = (104.0, 117.0, 123.0)
"""Of ImageNet, blue, green, red."""

Family = Literal["yunet", "scrfd", "retinaface"]

LEAST: Final[Mapping[Family, float]] = {"yunet": 0.7, "scrfd": 0.5, "retinaface": 0.6}
"""Score of the weakest face: their authors' values (SCRFD .5, RetinaFace .6 for showing, YuNet as in `yunet`)."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    session: "InferenceSession"
    family: Family
    input_name: str
    outputs: tuple[str, ...]
    size: tuple[int, int] | None


class OnnxFaceDetector(LazyDetector[_Loaded]):
    """FaceDetector of a file. Raises ConfigurationError at `load` where its outputs are of no known family."""

    def __init__(self, model_file: Path, *, longest_side: int = 1024, threads: int = 2) -> None:
        weights = file_hash(model_file, "a face detector")
        super().__init__(f"onnx-faces/{weights[:16]}/{VERSION}-{longest_side}")
        self._file = model_file
        self._longest_side = longest_side
        self._threads = threads

    def detect(self, images: Sequence[Image]) -> list[Detections[DetectedFace]]:
        loaded = self._ready()
        return [self._detect(loaded, limited(image, self._longest_side)) for image in images]

    def _detect(self, loaded: _Loaded, picture: Image) -> Detections[DetectedFace]:
        scale, board = _on_board(picture, loaded.size)
        outputs = loaded.session.run(list(loaded.outputs), {loaded.input_name: _numbers(board, loaded.family)})
        named = {name: np.asarray(value, np.float32) for name, value in zip(loaded.outputs, outputs, strict=True)}
        raw = decoded(loaded.family, named, (board.shape[0], board.shape[1]))
        sides = np.array(picture.shape[1::-1], np.float64) * scale
        return Detections(_faces(raw, sides))

    def _open(self) -> _Loaded:
        session = open_session(self._file, self._threads)
        inputs = session.get_inputs()
        outputs = tuple(one.name for one in session.get_outputs())
        widths = [one.shape[-1] for one in session.get_outputs()]
        family = _family(outputs, widths)
        if family is None or len(inputs) != 1 or len(inputs[0].shape) != 4:
            raise ConfigurationError(
                f"expected {self._file} to be YuNet, SCRFD or RetinaFace by its outputs, found "
                f"{len(inputs)} inputs and the outputs {', '.join(outputs)}: name another face detector"
            )
        height, width = inputs[0].shape[2:]
        fixed = (height, width) if isinstance(height, int) and isinstance(width, int) else None
        return _Loaded(session, family, inputs[0].name, outputs, fixed)


def decoded(family: Family, outputs: Mapping[str, NDArray[np.float32]], size: tuple[int, int]) -> Raw:
    """Faces in the outputs of one picture of `size` (height, width)."""
    least = LEAST[family]
    match family:
        case "yunet":
            levels = []
            for stride in STRIDES:
                cls, obj, box, kps = (outputs[f"{name}_{stride}"] for name in ("cls", "obj", "bbox", "kps"))
                score = np.sqrt(np.clip(cls, 0, 1).ravel() * np.clip(obj, 0, 1).ravel())
                levels.append(Level(stride, score, box.reshape(-1, 4), kps.reshape(-1, 10)))
            return yunet_faces(levels, size, least)
        case "scrfd":
            # of each width the longest is of the finest map
            scores, boxes, points = (
                sorted((v.reshape(-1, w) for v in outputs.values() if v.shape[-1] == w), key=len, reverse=True)
                for w in (1, 4, 10)
            )
            levels = [
                Level(stride, score.ravel(), box, kps)
                for stride, score, box, kps in zip(STRIDES, scores, boxes, points, strict=True)
            ]
            return scrfd_faces(levels, size, least)
        case "retinaface":
            score, box, kps = (next(v.reshape(-1, w) for v in outputs.values() if v.shape[-1] == w) for w in (2, 4, 10))
            return retinaface_faces(score[:, 1], box, kps, size, least)
        case _:
            assert_never(family)


def _family(names: Sequence[str], widths: Sequence[object]) -> Family | None:
    if {f"{name}_{stride}" for name in ("cls", "obj", "bbox", "kps") for stride in STRIDES} <= set(names):
        return "yunet"
    if sorted(map(str, widths)) == sorted(["1", "4", "10"] * len(STRIDES)):
        return "scrfd"
    if sorted(map(str, widths)) == sorted(["2", "4", "10"]):
        return "retinaface"
    return None


def _on_board(picture: Image, size: tuple[int, int] | None) -> tuple[float, Image]:
    """The picture in the upper left of a black board that the net takes, and how much smaller it was made."""
    height, width = picture.shape[:2]
    scale = 1.0
    if size is None:
        size = (-(-height // DEEPEST) * DEEPEST, -(-width // DEEPEST) * DEEPEST)
    else:
        scale = min(size[0] / height, size[1] / width)
        height, width = (
            max(min(round(side * scale), most), 1) for side, most in zip((height, width), size, strict=True)
        )
        kernel = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        picture = np.asarray(cv2.resize(picture, (width, height), interpolation=kernel), np.uint8)
    board = np.zeros((*size, 3), np.uint8)
    board[:height, :width] = picture
    return scale, board


def _numbers(board: Image, family: Family) -> NDArray[np.float32]:
    """(1, 3, h, w) as the family was trained."""
    numbers = board.astype(np.float32)
    match family:
        case "yunet":
            numbers = numbers[..., ::-1]
        case "scrfd":
            numbers = (numbers - np.float32(127.5)) / np.float32(128)
        case "retinaface":
            numbers = numbers[..., ::-1] - np.array(RETINA_MEAN).astype(np.float32)
        case _:
            assert_never(family)
    return np.ascontiguousarray(numbers.transpose(2, 0, 1)[None])


def _faces(raw: Raw, sides: NDArray[np.float64]) -> tuple[DetectedFace, ...]:
    """Without duplicates, in 0..1 of a picture of `sides` (width, height)."""
    usable = np.isfinite(raw.boxes).all(axis=1) & np.isfinite(raw.points).all(axis=(1, 2)) & np.isfinite(raw.scores)
    boxes, scores, points = raw.boxes[usable], raw.scores[usable], raw.points[usable]
    faces = []
    for place in best_apart(boxes, scores, DUPLICATE).tolist():
        x0, y0, x1, y1 = np.clip(boxes[place] / np.tile(sides, 2), 0, 1).tolist()
        if x0 < x1 and y0 < y1:
            marks = tuple((float(x), float(y)) for x, y in points[place] / sides)
            faces.append(DetectedFace((x0, y0, x1, y1), marks, float(np.clip(scores[place], 0, 1))))
    return best_first(faces)
