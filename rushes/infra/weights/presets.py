"""Presets: one word for a choice of all models."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from rushes.infra.settings import PresetName
from rushes.infra.weights.registry import BUILT_IN, MODELS, KnownModel


@dataclass(frozen=True, slots=True)
class Preset:
    """Names of the registry, or of what needs no weights."""

    about: str
    scene: str
    face: str
    face_detector: str
    person_detector: str = "off"
    person: str = "scene"

    @property
    def models(self) -> tuple[KnownModel, ...]:
        """Those that have weights to fetch."""
        names = (self.scene, self.face, self.face_detector, self.person_detector, self.person)
        return tuple(MODELS[name] for name in names if name not in BUILT_IN)


PRESETS: Final = MappingProxyType[PresetName, Preset](
    {
        "offline": Preset(
            "Nothing to fetch: plain descriptors, MTCNN from its package. Groups only what looks nearly the same.",
            scene="opencv", face="opencv", face_detector="mtcnn",
        ),
        "faces": Preset(
            "A trained face model for 39 MB of permissive weights; scenes by the plain descriptor.",
            scene="opencv", face="sface", face_detector="yunet",
        ),
        "fast": Preset(
            "For a CPU: the smallest real models for scenes and faces.",
            scene="dinov2-s", face="sface", face_detector="yunet",
        ),
        "balanced": Preset(
            "For a small GPU, or a CPU with patience.",
            scene="dinov2-b", face="sface", face_detector="yunet",
        ),
        "best": Preset(
            "For a GPU: the strongest models that may be used commercially, and persons by their bodies.",
            scene="dinov3-l", face="auraface", face_detector="yunet", person_detector="dfine-s", person="youtu-reid",
        ),
    }
)  # fmt: skip
