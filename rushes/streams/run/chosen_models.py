"""Which models a folder of results was made with, by the names that chose them, so that nobody types them twice."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from rushes.infra.settings import ModelSettings

CHOOSING: Final = frozenset(
    {
        "preset", "scene", "face", "face_detector", "person_detector", "person", "regions", "detector_pixels",
        "image_size", "folder", "allow_fallback",
    }
)  # fmt: skip
"""Settings that say which vectors come out; the others say how fast."""


def to_remember(models: ModelSettings) -> dict[str, object]:
    """The choice as JSON, with files by their whole path: a later command may be given elsewhere."""
    chosen = models.model_dump(mode="json", include=set(CHOOSING))
    return {key: _absolute(value) if isinstance(value, str) else value for key, value in chosen.items()}


def with_remembered(base: ModelSettings, remembered: Mapping[str, object]) -> ModelSettings:
    """What the settings name, and what they leave open as it was before. A preset named now leaves nothing open."""
    if base.preset is not None:
        return base
    default = ModelSettings()
    open_ones = {key for key in CHOOSING if getattr(base, key) == getattr(default, key)}
    try:
        before = ModelSettings.model_validate({key: remembered[key] for key in open_ones if key in remembered})
    except ValidationError:
        return base  # written by a version that knew other settings
    return base.model_copy(update={key: getattr(before, key) for key in open_ones if key in remembered})


def _absolute(name: str) -> str:
    """`FAMILY:FILE` or `timm:NAME@FILE` with the file's whole path, anything else as it is."""
    for mark in ("@", ":"):
        before, found, path = name.rpartition(mark) if mark == "@" else name.partition(mark)
        if found and path and Path(path).expanduser().exists():
            return f"{before}{found}{Path(path).expanduser().absolute()}"
    return name
