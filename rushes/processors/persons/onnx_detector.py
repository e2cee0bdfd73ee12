"""Persons by a detector in an ONNX file, on the CPU, with the outputs of a DETR with a sigmoid per class.

Two signatures are known: `logits` (n, queries, classes) with `pred_boxes` (n, queries, 4), as transformers' models are
exported; and `labels`, `boxes`, `scores` beside an input `orig_target_sizes`, as the authors of RT-DETR and D-FINE
export theirs. What persons are called is read from a `config.json` beside the file; without one they are label 0, as in
COCO with 80 classes. How the pictures are prepared is read from `<file>.json`, as for embedders.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from rushes.processors.detection import Detections, LazyDetector
from rushes.processors.embedding.preprocessing import prepared, read_preprocessing
from rushes.processors.embedding.protocol import Image
from rushes.processors.onnx_files import file_hash, open_session
from rushes.processors.persons.detector import SURE, DetectedPerson, person_labels, persons_at, query_persons
from rushes.schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

VERSION: Final = 1
"""Of the code below; part of the detector's id."""

DEFAULT_SIZE: Final = (640, 640)
"""Height and width for a file that takes any: what these detectors are trained on."""

COCO_PERSON: Final = (0,)


@dataclass(frozen=True, slots=True)
class _Loaded:
    session: "InferenceSession"
    pictures: str
    sizes: str | None
    size: tuple[int, int]
    fixed_batch: int | None


class OnnxPersonDetector(LazyDetector[_Loaded]):
    """PersonDetector of a file. Raises ConfigurationError at `load` where its signature is unknown."""

    def __init__(self, model_file: Path, *, threads: int = 2, batch: int = 4, least: float = SURE) -> None:
        weights = file_hash(model_file, "a person detector")
        self._how = read_preprocessing(model_file)
        self._labels = _labels_beside(model_file)
        labels = "+".join(map(str, self._labels))
        super().__init__(f"onnx-persons/{weights[:16]}/{VERSION}-{self._how.version}-{labels}-{least:g}", batch)
        self._file = model_file
        self._threads = threads
        self._least = least

    def detect(self, images: Sequence[Image]) -> list[Detections[DetectedPerson]]:
        loaded = self._ready()
        step = loaded.fixed_batch or self._batch
        found: list[Detections[DetectedPerson]] = []
        for start in range(0, len(images), step):
            found += self._detect(loaded, images[start : start + step])
        return found

    def _detect(self, loaded: _Loaded, images: Sequence[Image]) -> list[Detections[DetectedPerson]]:
        rows = np.stack([prepared(image, self._how, loaded.size) for image in images]).transpose(0, 3, 1, 2)
        if loaded.fixed_batch is not None and len(rows) < loaded.fixed_batch:
            rows = np.concatenate([rows, np.zeros((loaded.fixed_batch - len(rows), *rows.shape[1:]), np.float32)])
        feed = {loaded.pictures: np.ascontiguousarray(rows)}
        if loaded.sizes is not None:
            feed[loaded.sizes] = np.ones((len(rows), 2), np.int64)  # boxes come in 0..1 of the picture
        names = [output.name for output in loaded.session.get_outputs()]
        outputs = dict(zip(names, loaded.session.run(names, feed), strict=True))
        if loaded.sizes is None:
            return [
                Detections(query_persons(outputs["logits"][i], outputs["pred_boxes"][i], self._labels, self._least))
                for i in range(len(images))
            ]
        found = []
        for i in range(len(images)):
            own = np.isin(outputs["labels"][i], self._labels)
            boxes, scores = (outputs[name][i][own].astype(np.float64) for name in ("boxes", "scores"))
            found.append(Detections(persons_at(boxes, scores, self._least)))
        return found

    def _open(self) -> _Loaded:
        session = open_session(self._file, self._threads)
        inputs = {one.name: one for one in session.get_inputs()}
        outputs = {one.name for one in session.get_outputs()}
        pictures = [one for one in inputs.values() if len(one.shape) == 4 and one.type == "tensor(float)"]
        sizes = "orig_target_sizes" if "orig_target_sizes" in inputs else None
        wanted = {"logits", "pred_boxes"} if sizes is None else {"labels", "boxes", "scores"}
        if len(pictures) != 1 or len(inputs) != (1 if sizes is None else 2) or not wanted <= outputs:
            raise ConfigurationError(
                f"expected {self._file} to give logits and pred_boxes, or labels, boxes and scores with the input "
                f"orig_target_sizes; found inputs {', '.join(inputs)} and outputs {', '.join(sorted(outputs))}"
            )
        batch, _, height, width = pictures[0].shape
        fallback = self._how.size or DEFAULT_SIZE
        size = (height if isinstance(height, int) else fallback[0], width if isinstance(width, int) else fallback[1])
        return _Loaded(session, pictures[0].name, sizes, size, batch if isinstance(batch, int) and batch > 0 else None)


def _labels_beside(model_file: Path) -> tuple[int, ...]:
    config = model_file.with_name("config.json")
    if not config.is_file():
        return COCO_PERSON
    try:
        names = json.loads(config.read_bytes()).get("id2label")
    except (ValueError, AttributeError) as error:
        raise ConfigurationError(f"expected a JSON object in {config}, found {error}: correct or remove it") from error
    if names is None:
        return COCO_PERSON
    return person_labels({int(label): str(name) for label, name in names.items()}, f"id2label of {config}")
