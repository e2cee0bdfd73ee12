"""Labelled pictures to labelled vectors: a folder per identity or place, through the pipeline's own decoder, detectors
and embedders. Of faces and persons the largest in a picture is whom the folder names; others are left out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np

from rushes.infra.inventory import walk
from rushes.infra.media.decoder import MediaDecoder, Picture
from rushes.infra.models import VisionModels
from rushes.processors.evaluation.material import Material, unit_rows
from rushes.schemas.errors import ConfigurationError, PermanentError
from rushes.schemas.vectors import decode_vector
from rushes.streams.pictures_of_files import pictures_of_file
from rushes.streams.stages.embed_reading import decoded
from rushes.streams.stages.seen import Seen, SeenItem
from rushes.streams.stages.vision import Vision

Kind = Literal["face", "person", "scene"]

BATCH: Final = 16
"""Pictures that go through the models together."""


@dataclass(frozen=True, slots=True)
class LabelledPictures:
    """What became of a folder."""

    material: Material
    names: tuple[str, ...]
    """Of the identities, by label."""
    model: str
    """Whose vectors they are."""
    unseen: tuple[Path, ...]
    """Pictures in which nothing of the kind was found."""
    failed: tuple[tuple[Path, str], ...]
    """Files that are no pictures, and why."""


@dataclass(frozen=True, slots=True)
class _Frame:
    label: int
    path: Path
    picture: Picture


def look_at_folder(
    folder: Path, kind: Kind, models: VisionModels, decoder: MediaDecoder, progress: Callable[[int, int, Path], None]
) -> LabelledPictures:
    """All pictures below the folders of `folder`, in order of their paths; of films the keyframes.

    Raises ConfigurationError where there are no such folders, or no models for the kind.
    """
    files = _files(folder)
    vision, model = _vision(kind, models)
    names = tuple(dict.fromkeys(name for name, _ in files))
    failed: list[tuple[Path, str]] = []
    unseen: list[Path] = []
    labels: list[int] = []
    rows: list[SeenItem] = []
    media: list[int] = []
    waiting: list[_Frame] = []

    def look() -> None:
        images = [decoded(frame.picture.image) for frame in waiting]
        readable = [(frame, image) for frame, image in zip(waiting, images, strict=True) if image is not None]
        waiting.clear()
        pictures = [vision.picture(image, (), whole=kind == "scene") for _, image in readable]
        for (frame, _), seen in zip(readable, vision.see(pictures), strict=True):
            item = _shown(seen, kind)
            if item is None:
                unseen.append(frame.path)
                continue
            labels.append(frame.label)
            rows.append(item if item.quality is not None else item.model_copy(update={"quality": 1.0}))
            media.append(number[frame.path])

    number = {path: place for place, (_, path) in enumerate(files)}
    vision.load()
    for place, (name, path) in enumerate(files):
        progress(place, len(files), path)
        try:
            for picture in pictures_of_file(path, decoder):
                waiting.append(_Frame(names.index(name), path, picture))
                if len(waiting) == BATCH:
                    look()
        except (PermanentError, OSError) as error:
            failed.append((path, str(error)))
    if waiting:
        look()
    if not rows:
        raise ConfigurationError(
            f"expected pictures with a {kind} below the folders of {folder}, found none in {len(files)} files"
        )
    material = Material(
        unit_rows(np.stack([decode_vector(item.vector) for item in rows])),
        np.array(labels, np.int64),
        quality=np.array([item.quality for item in rows], np.float64) if kind != "scene" else None,
        media=np.array(media, np.int64),
    )
    return LabelledPictures(material, names, model, tuple(unseen), tuple(failed))


def _files(folder: Path) -> list[tuple[str, Path]]:
    """(label, file) of all files that lie in a folder below."""
    found = [(path.relative_to(folder).parts[0], path) for path in walk(folder, folder / ".rushes")]
    labelled = [(name, path) for name, path in found if path.parent != folder]
    if not labelled:
        raise ConfigurationError(
            f"expected a folder for each identity or place in {folder}, with its pictures, found "
            f"{len(found)} files beside one another: put them into folders, or give an .npz of labelled embeddings"
        )
    return labelled


def _vision(kind: Kind, models: VisionModels) -> tuple[Vision, str]:
    """The models for one kind alone, and the id of those that give its vectors."""
    match kind:
        case "scene":
            return Vision(models.scene, None, None), str(models.scene.model_id)
        case "face":
            if models.detector is None or models.face is None:
                raise ConfigurationError("expected a face detector, found RUSHES_MODELS__FACE_DETECTOR=off")
            return Vision(models.scene, models.detector, models.face), str(models.face.model_id)
        case "person":
            if models.persons is None:
                raise ConfigurationError(
                    "expected a person detector, found RUSHES_MODELS__PERSON_DETECTOR=off: name one, or look at crops "
                    "of bodies whole, with --kind scene"
                )
            return Vision(models.scene, None, None, models.persons), str(models.persons.model_id)


def _shown(seen: Seen, kind: Kind) -> SeenItem | None:
    """The item of the kind that a picture is of: the largest."""
    items: Sequence[SeenItem] = [item for each in seen.kinds if each.kind == kind for item in each.items]
    return max(items, key=lambda item: _area(item.box), default=None)


def _area(box: Sequence[float] | None) -> float:
    return 0.0 if box is None else (box[2] - box[0]) * (box[3] - box[1])
