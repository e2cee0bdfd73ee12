"""Persons by a detector of the RT-DETR or D-FINE family from a folder in transformers' format.

RT-DETR: Zhao et al. 2024, "DETRs Beat YOLOs on Real-time Object Detection"; D-FINE: Peng et al. 2024. Code and
published weights of both are under Apache-2.0.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rushes.processors.detection import Detections, LazyDetector, each_alone_on_failure
from rushes.processors.embedding.devices import chosen_device
from rushes.processors.embedding.protocol import Image
from rushes.processors.persons.detector import SURE, DetectedPerson, person_labels, query_persons
from rushes.schemas.errors import ConfigurationError

if TYPE_CHECKING:
    import torch

VERSION: Final = 1
"""Of the code below; part of the detector's id."""

FAMILIES: Final = ("rt_detr", "rt_detr_v2", "d_fine")
"""Model types whose boxes and scores are read as here: a sigmoid per class, boxes in 0..1."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    model: "torch.nn.Module"
    processor: Any  # transformers gives its processors no type of use
    device: "torch.device"


class TransformersPersonDetector(LazyDetector[_Loaded]):
    """PersonDetector of a folder with `config.json`, `preprocessor_config.json` and weights as safetensors."""

    def __init__(
        self, folder: Path, *, threads: int = 2, batch: int = 4, device: str = "auto", least: float = SURE
    ) -> None:
        """Reads the configuration and hashes the weights; `device` as `chosen_device` takes it.

        Raises ConfigurationError where they aren't usable.
        """
        config = _read_config(folder)
        family = str(config.get("model_type"))
        if family not in FAMILIES:
            raise ConfigurationError(
                f"expected a detector of type {', '.join(FAMILIES)} in {folder}, found {family}: name another folder"
            )
        super().__init__(f"{family}/{_folder_hash(folder)[:16]}/{VERSION}-{least:g}", batch)
        self._labels = person_labels(_label_names(config), f"id2label of {folder / 'config.json'}")
        self._folder = folder
        self._threads = threads
        self._device = device
        self._least = least

    def detect(self, images: Sequence[Image]) -> list[Detections[DetectedPerson]]:
        found: list[Detections[DetectedPerson]] = []
        for start in range(0, len(images), self._batch):
            found += each_alone_on_failure(self._detect, images[start : start + self._batch], "person detector")
        return found

    def _detect(self, images: Sequence[Image]) -> list[Detections[DetectedPerson]]:
        import torch  # noqa: PLC0415 - seconds to import: only where persons are looked for

        loaded = self._ready()
        with torch.inference_mode():
            # each by itself: the processor wants pictures of one size to stack
            pixels = [loaded.processor(images=image, return_tensors="pt")["pixel_values"] for image in images]
            outputs = loaded.model(pixel_values=torch.cat(pixels).to(loaded.device))
        logits, boxes = outputs.logits.float().cpu().numpy(), outputs.pred_boxes.float().cpu().numpy()
        return [
            Detections(query_persons(row, places, self._labels, self._least))
            for row, places in zip(logits, boxes, strict=True)
        ]

    def _open(self) -> _Loaded:
        return _load(self._folder, self._threads, self._device)


def _load(folder: Path, threads: int, device: str) -> _Loaded:
    import torch  # noqa: PLC0415 - seconds to import: only where persons are looked for
    from transformers import AutoImageProcessor, AutoModelForObjectDetection  # noqa: PLC0415 - as above
    from transformers.utils import logging  # noqa: PLC0415 - as above

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # the screens of a run have their own
    torch.set_num_threads(threads)
    try:
        processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True)  # type: ignore[no-untyped-call]
        model, facts = AutoModelForObjectDetection.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigurationError(f"expected a person detector in {folder}, found: {error}") from error
    missing = sorted(facts["missing_keys"])
    if missing:
        raise ConfigurationError(
            f"expected all weights of the person detector in {folder}, found {len(missing)} missing "
            f"({', '.join(missing[:3])}): fetch the folder anew"
        )
    where = chosen_device(device)
    return _Loaded(model.eval().to(where), processor, where)


def _read_config(folder: Path) -> dict[str, object]:
    file = folder / "config.json"
    for needed in (file, folder / "preprocessor_config.json"):
        if not needed.is_file():
            raise ConfigurationError(f"expected a person detector in {folder}, found no {needed.name} there")
    try:
        config = json.loads(file.read_bytes())
    except ValueError as error:
        raise ConfigurationError(f"expected JSON in {file}, found {error}: fetch the folder anew") from error
    if not isinstance(config, dict):
        raise ConfigurationError(f"expected a JSON object in {file}, found {type(config).__name__}")
    return config


def _label_names(config: dict[str, object]) -> dict[int, str]:
    names = config.get("id2label")
    return {int(label): str(name) for label, name in names.items()} if isinstance(names, dict) else {}


def _folder_hash(folder: Path) -> str:
    """SHA-256 over the configurations and the weights, in the order of their names."""
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise ConfigurationError(f"expected weights as *.safetensors in {folder}, found none: fetch the folder anew")
    digest = hashlib.sha256()
    for part in (folder / "config.json", folder / "preprocessor_config.json", *weights):
        with part.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()
