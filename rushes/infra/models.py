"""Models by the settings' names. Only the modules of what is chosen are imported."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from rushes.infra.face_detectors import open_face_detector
from rushes.infra.one_thread import InOneThread
from rushes.infra.person_models import person_models
from rushes.infra.settings import ModelSettings
from rushes.infra.weights.choosing import Fallback, choose
from rushes.infra.weights.fetching import Fetcher
from rushes.infra.weights.registry import MODELS, HubRepo, KnownModel, Licence
from rushes.infra.weights.shelf import Shelf
from rushes.processors.embedding.families import open_embedder, open_face_embedder, parse_model
from rushes.processors.embedding.options import BackendOptions
from rushes.processors.embedding.protocol import Embedder, FaceEmbedder, RegionEmbedder
from rushes.processors.faces.detector import FaceDetector
from rushes.processors.persons.detector import PersonModels
from rushes.schemas.errors import ConfigurationError, WeightsMissing, WeightsUnavailable

UNKNOWN: Final = Licence("not known here", "", "Look at the repository's own page.")


@dataclass(frozen=True, slots=True)
class VisionModels:
    """What the embed stage works with. Faces are off where there is no detector.

    `fallbacks`: what stands in for a model that should be there.
    """

    scene: Embedder
    detector: FaceDetector | None
    face: FaceEmbedder | None
    fallbacks: tuple[Fallback, ...] = field(default=())
    persons: PersonModels | None = None
    pool_regions: bool = False

    def ids(self) -> dict[str, tuple[str, bool]]:
        """What looks at each kind: the model's or detector's id, and whether it is weak."""
        kinds = {"scene": (str(self.scene.model_id), self.scene.weak)}
        if self.detector is not None and self.face is not None:
            kinds["face_detector"] = (self.detector.detector_id, False)
            kinds["face"] = (str(self.face.model_id), self.face.weak)
        if self.persons is not None:
            kinds["person_detector"] = (self.persons.detector.detector_id, False)
            kinds["person"] = (str(self.persons.model_id), self.persons.embedder.weak)
        return kinds


def vision_models(settings: ModelSettings) -> VisionModels:
    """The models that the settings name, not loaded yet.

    Raises ConfigurationError, which names the setting; of it WeightsMissing, which names the command that fetches them.
    """
    chosen = choose(settings)
    threads = settings.threads or os.cpu_count() or 1
    options = _options(settings, threads)
    scene = _scene(chosen.scene, options)
    detector = open_face_detector(chosen.face_detector, longest_side=settings.detector_pixels, threads=threads)
    face = _face(chosen.face, options) if detector is not None else None
    pooled = settings.regions == "pooled"
    if pooled and not isinstance(scene, RegionEmbedder):
        raise ConfigurationError(
            f"expected RUSHES_MODELS__REGIONS=pooled beside a scene model with a feature map (dinov2, dinov3, "
            f"internvit or timm), found {scene.model_id}: leave it at crops, or choose such a model"
        )
    persons = person_models(
        chosen.person_detector, chosen.person, scene, threads, device=settings.device, pool_regions=pooled
    )
    return VisionModels(scene, detector, face, chosen.fallbacks, persons, pool_regions=pooled)


def face_detectors(settings: ModelSettings, *longest_sides: int) -> tuple[FaceDetector, ...]:
    """The face detector that the settings name, for pictures of at most so many pixels each; none where it is off.

    They work in one thread each, for they are to search pictures while other models are at work. Raises as
    `vision_models`. Nothing else that the settings name is looked for.
    """
    others = {"scene": "opencv", "face": "opencv", "person_detector": "off", "person": "scene"}
    name = choose(settings.model_copy(update=others)).face_detector
    opened = (open_face_detector(name, longest_side=side, threads=1) for side in longest_sides)
    return tuple(InOneThread(detector, torch=name == "mtcnn") for detector in opened if detector is not None)


def _face(name: str, options: BackendOptions) -> FaceEmbedder:
    with _naming("RUSHES_MODELS__FACE", name):
        family, _, weights = name.partition(":")
        if family == "sface":
            from rushes.processors.embedding.sface import SfaceEmbedder  # noqa: PLC0415 - imports cv2

            return SfaceEmbedder(Path(weights).expanduser())
        model = parse_model(name)
        return open_face_embedder(model.family, model.weights, options=options, name=model.name)


def _scene(name: str, options: BackendOptions) -> Embedder:
    with _naming("RUSHES_MODELS__SCENE", name):
        model = parse_model(name)
        return open_embedder(model.family, model.weights, options=options, name=model.name)


@contextmanager
def _naming(setting: str, value: str) -> Iterator[None]:
    """Errors in here begin with the setting to change."""
    try:
        yield
    except ConfigurationError as error:
        raise type(error)(f"{setting}={value}: {error}") from error


def _options(settings: ModelSettings, threads: int) -> BackendOptions:
    return BackendOptions(
        device=settings.device,
        precision=settings.precision,
        threads=threads,
        batch=settings.batch,
        compile=settings.compile,
        image_size=settings.image_size,
        fetch=partial(_fetched, settings) if settings.download else None,
    )


def _fetched(settings: ModelSettings, repo: str) -> Path:
    """A repository of the hub on the shelf. Raises ConfigurationError."""
    known = next((model for model in MODELS.values() if model.hub is not None and model.hub.repo == repo), None)
    model = known or KnownModel(
        repo.replace("/", "--"), ("scene",), "hub", "Named by its repository.", UNKNOWN, parameters=0, hub=HubRepo(repo)
    )
    try:
        Fetcher(settings, time.sleep).fetch(model, other_edition=False)
    except WeightsUnavailable as error:
        raise WeightsMissing(str(error)) from error
    return Shelf(settings.folder).folder(model)
