"""Who is in a file that is not taken in: its pictures through the models, each find held against a library."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from rushes.infra.media.decoder import MediaDecoder, Picture
from rushes.infra.models import VisionModels
from rushes.processors.clustering.identifying import Candidate, identify
from rushes.processors.clustering.library import Library
from rushes.schemas.errors import ConfigurationError
from rushes.schemas.event import ItemKind
from rushes.schemas.ids import Box, ModelId
from rushes.schemas.vectors import decode_vector
from rushes.streams.pictures_of_files import pictures_of_file
from rushes.streams.stages.embed_reading import decoded
from rushes.streams.stages.vision import Vision

BATCH: Final = 16
"""Pictures that go through the models together: 100 MB of 1080p."""


@dataclass(frozen=True, slots=True)
class Found:
    """Something in the file, and who it may be: most probable first, unknown (no cluster) among them."""

    time_us: int | None
    kind: ItemKind
    box: Box | None
    quality: float | None
    candidates: tuple[Candidate, ...]


def identify_file(path: Path, library: Library, models: VisionModels, decoder: MediaDecoder) -> Iterator[Found]:
    """Scenes, faces and persons of a photo or film, in order of time. Nothing is stored.

    Raises ConfigurationError where the library was made with other models; OSError and PermanentError where the file
    can't be read.
    """
    vision = Vision(models.scene, models.detector, models.face, models.persons)
    ids = _model_ids(models)
    _check(library, ids)
    pictures = pictures_of_file(path, decoder)
    first = next(pictures, None)
    if first is None:
        return
    vision.load()
    batch = [first, *islice(pictures, BATCH - 1)]
    while batch:
        yield from _look(batch, library, vision, ids)
        batch = list(islice(pictures, BATCH))


def _look(batch: Sequence[Picture], library: Library, vision: Vision, ids: dict[ItemKind, ModelId]) -> Iterator[Found]:
    ordered = sorted(batch, key=lambda picture: picture.figures.time_us or 0)
    images = [(picture, decoded(picture.image)) for picture in ordered]
    readable = [(picture, image) for picture, image in images if image is not None]
    seen = vision.see([vision.picture(image, ()) for _, image in readable])
    for (picture, _), what in zip(readable, seen, strict=True):
        for group in what.kinds:
            if group.kind == "scene" and vision.clips is not None:
                continue  # its scenes are of clips, with which no picture can be compared
            for item in group.items:
                near = identify(library, group.kind, ids[group.kind], decode_vector(item.vector).astype(np.float16))
                yield Found(picture.figures.time_us, group.kind, item.box, item.quality, tuple(near))


def _model_ids(models: VisionModels) -> dict[ItemKind, ModelId]:
    found: dict[ItemKind, ModelId] = {"scene": models.scene.model_id}
    if models.face is not None:
        found["face"] = models.face.model_id
    if models.persons is not None:
        found["person"] = ModelId(str(models.persons.model_id))
    return found


def _check(library: Library, ids: dict[ItemKind, ModelId]) -> None:
    for kind, state in library.spaces.items():
        if kind in ids and ids[kind] != state.model_id:
            raise ConfigurationError(
                f"expected the {kind} model {state.model_id} that library {library.library_id} was made with, found "
                f"{ids[kind]}: set RUSHES_MODELS__{kind.upper()} to it"
            )
