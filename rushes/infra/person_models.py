"""Models for persons by the settings' names. Only the modules of what is chosen are imported."""

from pathlib import Path
from typing import Final

from rushes.processors.embedding.protocol import Embedder, RegionEmbedder
from rushes.processors.persons.detector import PersonDetector, PersonModels
from rushes.schemas.errors import ConfigurationError

BODY_SIZE: Final = (256, 128)
"""Height and width of a crop for a model that takes any: what person re-identification models are trained on."""


def person_models(
    detector: str, person: str, scene: Embedder, threads: int, *, device: str = "auto", pool_regions: bool = False
) -> PersonModels | None:
    """None where `detector` is `off`. Raises ConfigurationError, which names the setting.

    `person` is `scene` for the scenes' model on crops of bodies, or `onnx:FILE` for a re-identification model.
    `device` as `RUSHES_MODELS__DEVICE` says: for the families of torch; an ONNX detector runs on the CPU.
    With `pool_regions` the scenes' model, if it can, pools the bodies from its pass over the picture.
    """
    if detector == "off":
        return None
    pooled = scene if pool_regions and person == "scene" and isinstance(scene, RegionEmbedder) else None
    return PersonModels(_detector(detector, threads, device), _embedder(person, scene, threads), pooled)


def _detector(name: str, threads: int, device: str) -> PersonDetector:
    setting = "RUSHES_MODELS__PERSON_DETECTOR"
    family, _, weights = name.partition(":")
    path = Path(weights).expanduser()
    try:
        match family:
            case "rtdetr" | "dfine" if weights:
                from rushes.processors.persons.transformers_detector import (  # noqa: PLC0415 - only where named
                    TransformersPersonDetector,
                )

                return TransformersPersonDetector(path, threads=threads, device=device)
            case "onnx" if weights:
                from rushes.processors.persons.onnx_detector import OnnxPersonDetector  # noqa: PLC0415 - as above

                return OnnxPersonDetector(path, threads=threads)
            case _:
                pass
    except ConfigurationError as error:
        raise ConfigurationError(f"{setting}={name}: {error}") from error
    raise ConfigurationError(f"expected {setting} to be off, rtdetr:FOLDER, dfine:FOLDER or onnx:FILE, found {name!r}")


def _embedder(name: str, scene: Embedder, threads: int) -> Embedder:
    setting = "RUSHES_MODELS__PERSON"
    family, _, weights = name.partition(":")
    if name == "scene":
        return scene
    if family != "onnx" or not weights:
        raise ConfigurationError(f"expected {setting} to be scene or onnx:FILE, found {name!r}")
    from rushes.processors.embedding.onnx_embedder import OnnxEmbedder  # noqa: PLC0415 - only where a file is named

    try:
        return OnnxEmbedder(Path(weights).expanduser(), threads=threads, default_size=BODY_SIZE)
    except ConfigurationError as error:
        raise ConfigurationError(f"{setting}={name}: {error}") from error
