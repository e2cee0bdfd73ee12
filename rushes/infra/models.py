"""Models by the settings' names. Only the modules of what is chosen are imported."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rushes.infra.settings import ModelSettings
from rushes.processors.embedding.protocol import Embedder, FaceEmbedder
from rushes.processors.faces.detector import FaceDetector
from rushes.schemas.errors import ConfigurationError

SCENE_SIZE: Final = (224, 224)
FACE_SIZE: Final = (112, 112)
"""Height and width for models that take any size: what backbones of their kind are trained on."""

WEIGHTLESS: Final = "opencv"
ONNX_PREFIX: Final = "onnx:"


@dataclass(frozen=True, slots=True)
class VisionModels:
    """What the embed stage works with. Faces are off where there is no detector."""

    scene: Embedder
    detector: FaceDetector | None
    face: FaceEmbedder | None


def vision_models(settings: ModelSettings) -> VisionModels:
    """The models that the settings name, not loaded yet. Raises ConfigurationError, which names the setting."""
    threads = settings.threads or os.cpu_count() or 1
    if settings.face_detector == "off":
        return VisionModels(_scene(settings.scene, threads), None, None)
    from rushes.processors.faces.mtcnn import MtcnnDetector  # noqa: PLC0415 - only where faces are looked for

    detector = MtcnnDetector(longest_side=settings.detector_pixels, threads=threads)
    return VisionModels(_scene(settings.scene, threads), detector, _face(settings.face, threads))


def _scene(name: str, threads: int) -> Embedder:
    if name == WEIGHTLESS:
        from rushes.processors.embedding.scene_descriptor import SceneDescriptor  # noqa: PLC0415 - imports cv2

        return SceneDescriptor()
    return _onnx("RUSHES_MODELS__SCENE", name, threads, SCENE_SIZE)


def _face(name: str, threads: int) -> FaceEmbedder:
    if name == WEIGHTLESS:
        from rushes.processors.embedding.face_descriptor import FaceDescriptor  # noqa: PLC0415 - imports cv2

        return FaceDescriptor()
    return _onnx("RUSHES_MODELS__FACE", name, threads, FACE_SIZE)


def _onnx(setting: str, name: str, threads: int, size: tuple[int, int]) -> FaceEmbedder:
    """An embedder of a file serves scenes and faces alike."""
    if not name.startswith(ONNX_PREFIX) or len(name) == len(ONNX_PREFIX):
        raise ConfigurationError(f"expected {setting} to be `{WEIGHTLESS}` or `{ONNX_PREFIX}FILE`, found {name!r}")
    from rushes.processors.embedding.onnx_embedder import OnnxEmbedder  # noqa: PLC0415 - only where a file is named

    try:
        return OnnxEmbedder(Path(name.removeprefix(ONNX_PREFIX)).expanduser(), threads=threads, default_size=size)
    except ConfigurationError as error:
        raise ConfigurationError(f"{setting}={name}: {error}") from error
