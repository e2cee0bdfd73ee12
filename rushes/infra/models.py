"""Models by the settings' names. Only the modules of what is chosen are imported."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rushes.infra.settings import ModelSettings
from rushes.infra.weights.choosing import Choice, Fallback, choose
from rushes.processors.embedding.protocol import Embedder, FaceEmbedder
from rushes.processors.faces.detector import FaceDetector
from rushes.schemas.errors import ConfigurationError

SCENE_SIZE: Final = (224, 224)
FACE_SIZE: Final = (112, 112)
"""Height and width for models that take any size: what backbones of their kind are trained on."""


@dataclass(frozen=True, slots=True)
class VisionModels:
    """What the embed stage works with. Faces are off where there is no detector.

    `fallbacks`: what stands in for a model that should be there.
    """

    scene: Embedder
    detector: FaceDetector | None
    face: FaceEmbedder | None
    fallbacks: tuple[Fallback, ...] = field(default=())

    def ids(self) -> dict[str, tuple[str, bool]]:
        """What looks at each kind: the model's or detector's id, and whether it is weak."""
        kinds = {"scene": (str(self.scene.model_id), self.scene.weak)}
        if self.detector is not None and self.face is not None:
            kinds["face_detector"] = (self.detector.detector_id, False)
            kinds["face"] = (str(self.face.model_id), self.face.weak)
        return kinds


def vision_models(settings: ModelSettings) -> VisionModels:
    """The models that the settings name, not loaded yet.

    Raises ConfigurationError, which names the setting; of it WeightsMissing, which names the command that fetches them.
    """
    chosen = choose(settings)
    threads = settings.threads or os.cpu_count() or 1
    if chosen.person_detector != "off":
        raise ConfigurationError("expected RUSHES_MODELS__PERSON_DETECTOR to be off: no person is looked for yet")
    scene = _scene(chosen.scene, threads)
    detector = _detector(chosen, settings, threads)
    face = _face(chosen.face, threads) if detector is not None else None
    return VisionModels(scene, detector, face, chosen.fallbacks)


def _scene(name: str, threads: int) -> Embedder:
    if name == "opencv":
        from rushes.processors.embedding.scene_descriptor import SceneDescriptor  # noqa: PLC0415 - imports cv2

        return SceneDescriptor()
    return _embedder("RUSHES_MODELS__SCENE", name, threads, SCENE_SIZE)


def _face(name: str, threads: int) -> FaceEmbedder:
    if name == "opencv":
        from rushes.processors.embedding.face_descriptor import FaceDescriptor  # noqa: PLC0415 - imports cv2

        return FaceDescriptor()
    return _embedder("RUSHES_MODELS__FACE", name, threads, FACE_SIZE)


def _detector(chosen: Choice, settings: ModelSettings, threads: int) -> FaceDetector | None:
    """None: faces are not looked for."""
    family, _, _weights = chosen.face_detector.partition(":")
    match family:
        case "off":
            return None
        case "mtcnn":
            from rushes.processors.faces.mtcnn import MtcnnDetector  # noqa: PLC0415 - only where faces are looked for

            return MtcnnDetector(longest_side=settings.detector_pixels, threads=threads)
        case _:
            raise ConfigurationError(
                f"expected RUSHES_MODELS__FACE_DETECTOR to be mtcnn or off, found {chosen.face_detector!r}"
            )


def _embedder(setting: str, name: str, threads: int, size: tuple[int, int]) -> FaceEmbedder:
    """An embedder of a file serves scenes and faces alike."""
    family, _, weights = name.partition(":")
    try:
        match family:
            case "sface":
                from rushes.processors.embedding.sface import SfaceEmbedder  # noqa: PLC0415 - imports cv2

                return SfaceEmbedder(Path(weights).expanduser())
            case "onnx":
                from rushes.processors.embedding.onnx_embedder import OnnxEmbedder  # noqa: PLC0415 - only where named

                return OnnxEmbedder(Path(weights).expanduser(), threads=threads, default_size=size)
            case _:
                pass
    except ConfigurationError as error:
        raise ConfigurationError(f"{setting}={name}: {error}") from error
    raise ConfigurationError(f"expected {setting} to be opencv, onnx:FILE or sface:FILE, found {name!r}")
