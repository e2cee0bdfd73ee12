"""The models that Rushes knows by name: what they are for, whose they are, which files they need and where from.

A hash stands here only where it was read from its publisher (a Git LFS pointer, whose object id is the SHA-256 of the
file) or agrees between independent projects that pin the same file. Files of a model hub carry no hash here: the hub
tells size and SHA-256 of each when it is asked, and what came first is pinned in the local manifest from then on.
"""

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from pydantic import JsonValue

from rushes.processors.embedding.protocol import Template

ModelKind = Literal["scene", "face", "face_detector", "person_detector", "person"]
"""What a model can be chosen for; the names of the settings."""

ALIGNED_112: Final[Template] = (
    (38.2946 / 112, 51.6963 / 112),
    (73.5318 / 112, 51.5014 / 112),
    (56.0252 / 112, 71.7366 / 112),
    (41.5493 / 112, 92.3655 / 112),
    (70.7299 / 112, 92.2041 / 112),
)
"""The five points of ArcFace's 112 pixel crop (Deng et al. 2019)."""


@dataclass(frozen=True, slots=True)
class Licence:
    """Of the weights. `note`: what to look at before shipping something that uses them."""

    name: str
    url: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class WeightFile:
    """A file at fixed addresses, asked in this order."""

    path: str
    urls: tuple[str, ...]
    size_bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class HubRepo:
    """A repository of a model hub. `gated`: its licence must be accepted there, and a token given."""

    repo: str
    revision: str = "main"
    gated: bool = False


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model by name.

    `weights`: what stands behind `FAMILY:` in a setting, `{folder}` being where the files lie. `sidecar`: how an ONNX
    file wants its pictures, written beside it. `otherwise`: the model to take where this one can't be had. `tokens`: of
    one picture, 0 where it is no transformer. `stored_bytes`: of the download, roughly, where it is not the parameters.
    """

    name: str
    kinds: tuple[ModelKind, ...]
    family: str
    about: str
    licence: Licence
    parameters: int
    dim: int | None = None
    input_size: tuple[int, int] | None = None
    weights: str = "{folder}"
    files: tuple[WeightFile, ...] = ()
    hub: HubRepo | None = None
    sidecar: MappingProxyType[str, JsonValue] | None = None
    otherwise: str | None = None
    text: bool = False
    tokens: int = 0
    stored_bytes: int | None = None

    def choice(self, folder: Path) -> str:
        """The setting that names these weights, given the folder they lie in."""
        return f"{self.family}:{self.weights.format(folder=folder)}"

    @property
    def size_bytes(self) -> int | None:
        """Of all files to fetch, where the table knows it."""
        sizes = [file.size_bytes for file in self.files if file.size_bytes is not None]
        return sum(sizes) if sizes and len(sizes) == len(self.files) else None


APACHE: Final = Licence("Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0")
MIT: Final = Licence("MIT", "https://opensource.org/license/mit")
DINOV3: Final = Licence(
    "DINOv3 License",
    "https://ai.meta.com/resources/models-and-libraries/dinov3-license/",
    "Meta's own terms, to be accepted before use; commercial use is allowed under them.",
)

_ZOO: Final = "https://github.com/opencv/opencv_zoo/raw/47534e27c9851bb1128ccc0102f1145e27f23f98/models"
"""OpenCV's model zoo at one commit; its LFS pointers there state size and SHA-256."""

_FACENET: Final = "https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9"

_HUB: Final = "https://huggingface.co"


def _zoo(folder: str, file: str, size_bytes: int, sha256: str, hub: str | None = None) -> tuple[WeightFile, ...]:
    urls = (f"{_ZOO}/{folder}/{file}", *((f"{_HUB}/{hub}/resolve/main/{file}",) if hub else ()))
    return (WeightFile(file, urls, size_bytes, sha256),)


def _imagenet(*size: int) -> MappingProxyType[str, JsonValue]:
    return MappingProxyType(
        {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "size": list[JsonValue](size)}
    )


_FACES: Final = (
    KnownModel(
        "yunet", ("face_detector",), "yunet",
        "Face detector with five landmarks for faces of 10 to 300 pixels; small and fast on a CPU.",
        MIT, parameters=75_856, weights="{folder}/face_detection_yunet_2023mar.onnx",
        files=_zoo(
            "face_detection_yunet", "face_detection_yunet_2023mar.onnx", 232_589,
            "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4", "opencv/face_detection_yunet",
        ),
    ),
    KnownModel(
        "sface", ("face",), "sface",
        "Face embedder (MobileFaceNet by SFace loss): small, fast on a CPU.",
        Licence(
            "Apache-2.0", APACHE.url,
            "The publisher names no training set for this file; only for its family (CASIA, VGGFace2, MS1M).",
        ),
        parameters=9_670_000, dim=128, input_size=(112, 112),
        weights="{folder}/face_recognition_sface_2021dec.onnx",
        files=_zoo(
            "face_recognition_sface", "face_recognition_sface_2021dec.onnx", 38_696_353,
            "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79", "opencv/face_recognition_sface",
        ),
    ),
    KnownModel(
        "auraface", ("face",), "onnx",
        "Face embedder (ResNet-100, ArcFace), trained on data that its publisher calls free for commercial use.",
        APACHE, parameters=65_150_000, dim=512, input_size=(112, 112), weights="{folder}/glintr100.onnx",
        files=(
            WeightFile(
                "glintr100.onnx",
                (f"{_HUB}/fal/AuraFace-v1/resolve/af6d057c9b0ec4071d4c49c80e3539258798b609/glintr100.onnx",),
                260_694_151, "a7933ea5330113b01c9b60351d8f4c33003f145d8470ac5f0e52ee2effe25c60",
            ),
        ),
        sidecar=MappingProxyType(
            {"range": [-1, 1], "size": [112, 112], "template": [list[JsonValue](point) for point in ALIGNED_112]}
        ),
    ),
    KnownModel(
        "inception", ("face",), "inception",
        "Face embedder (InceptionResnetV1 of facenet-pytorch, VGGFace2).",
        Licence("MIT", MIT.url, "MIT is the code's; VGGFace2, the training set, was given out for research."),
        parameters=23_480_000, dim=512, input_size=(160, 160), weights="{folder}/20180402-114759-vggface2.pt",
        files=(
            WeightFile(
                "20180402-114759-vggface2.pt",
                (f"{_FACENET}/20180402-114759-vggface2.pt",),
            ),
        ),
    ),
)  # fmt: skip

_SCENES: Final = (
    KnownModel(
        "dinov2-s", ("scene",), "dinov2", "Scenes: the smallest DINOv2, for CPUs.", APACHE,
        parameters=22_060_000, dim=384, input_size=(224, 224), tokens=257, hub=HubRepo("facebook/dinov2-small"),
    ),
    KnownModel(
        "dinov2-b", ("scene",), "dinov2", "Scenes: DINOv2, the middle of speed and quality.", APACHE,
        parameters=86_580_000, dim=768, input_size=(224, 224), tokens=257, hub=HubRepo("facebook/dinov2-base"),
    ),
    KnownModel(
        "dinov2-l", ("scene",), "dinov2", "Scenes: a large DINOv2, for GPUs.", APACHE,
        parameters=304_370_000, dim=1024, input_size=(224, 224), tokens=257, hub=HubRepo("facebook/dinov2-large"),
    ),
    KnownModel(
        "dinov3-s-timm", ("scene",), "timm", "Scenes: dinov3-s as timm publishes it, without a gate.", DINOV3,
        parameters=21_590_000, dim=384, input_size=(256, 256), tokens=261,
        weights="vit_small_patch16_dinov3.lvd1689m@{folder}/model.safetensors",
        hub=HubRepo("timm/vit_small_patch16_dinov3.lvd1689m"),
    ),
    KnownModel(
        "dinov3-b-timm", ("scene",), "timm", "Scenes: dinov3-b as timm publishes it, without a gate.", DINOV3,
        parameters=85_640_000, dim=768, input_size=(256, 256), tokens=261,
        weights="vit_base_patch16_dinov3.lvd1689m@{folder}/model.safetensors",
        hub=HubRepo("timm/vit_base_patch16_dinov3.lvd1689m"),
    ),
    KnownModel(
        "dinov3-l-timm", ("scene",), "timm", "Scenes: dinov3-l as timm publishes it, without a gate.", DINOV3,
        parameters=303_080_000, dim=1024, input_size=(256, 256), tokens=261,
        weights="vit_large_patch16_dinov3.lvd1689m@{folder}/model.safetensors",
        hub=HubRepo("timm/vit_large_patch16_dinov3.lvd1689m"),
    ),
    KnownModel(
        "dinov3-s", ("scene",), "dinov3", "Scenes: the small DINOv3.", DINOV3,
        parameters=21_600_000, dim=384, input_size=(224, 224), tokens=201, otherwise="dinov3-s-timm",
        hub=HubRepo("facebook/dinov3-vits16-pretrain-lvd1689m", gated=True),
    ),
    KnownModel(
        "dinov3-b", ("scene",), "dinov3", "Scenes: DINOv3, base.", DINOV3,
        parameters=85_660_000, dim=768, input_size=(224, 224), tokens=201, otherwise="dinov3-b-timm",
        hub=HubRepo("facebook/dinov3-vitb16-pretrain-lvd1689m", gated=True),
    ),
    KnownModel(
        "dinov3-l", ("scene",), "dinov3", "Scenes: a large DINOv3, the best here for places; for GPUs.", DINOV3,
        parameters=303_130_000, dim=1024, input_size=(224, 224), tokens=201, otherwise="dinov3-l-timm",
        hub=HubRepo("facebook/dinov3-vitl16-pretrain-lvd1689m", gated=True),
    ),
    KnownModel(
        "siglip2-b", ("scene",), "siglip2", "Scenes, with a text tower: SigLIP 2, base.", APACHE,
        parameters=375_190_000, dim=768, input_size=(224, 224), tokens=196, text=True,
        hub=HubRepo("google/siglip2-base-patch16-224"),
    ),
    KnownModel(
        "siglip2-so400m", ("scene",), "siglip2", "Scenes, with a text tower: SigLIP 2, shape-optimised.", APACHE,
        parameters=1_136_000_000, dim=1152, input_size=(384, 384), tokens=729, text=True,
        hub=HubRepo("google/siglip2-so400m-patch14-384"),
    ),
    KnownModel(
        "clip-b", ("scene",), "clip", "Scenes, with a text tower: OpenAI's CLIP, ViT-B/32.", MIT,
        parameters=151_280_000, dim=512, input_size=(224, 224), tokens=50, text=True,
        hub=HubRepo("openai/clip-vit-base-patch32"),
    ),
    KnownModel(
        "clip-l", ("scene",), "clip", "Scenes, with a text tower: OpenAI's CLIP, ViT-L/14.", MIT,
        parameters=427_620_000, dim=768, input_size=(224, 224), tokens=257, text=True,
        hub=HubRepo("openai/clip-vit-large-patch14"),
    ),
    KnownModel(
        "internvit-300m", ("scene",), "internvit", "Scenes with fine detail: InternViT at 448 pixels.",
        Licence("MIT", MIT.url, "The download is a whole InternVL3-1B; its language part (Apache-2.0) is not loaded."),
        parameters=303_940_000, dim=1024, input_size=(448, 448), tokens=1025, stored_bytes=1_880_000_000,
        hub=HubRepo("OpenGVLab/InternVL3-1B-hf"),
    ),
    KnownModel(
        "vjepa2-l", ("scene",), "vjepa2", "Shots by their motion: V-JEPA 2 sees clips, not single pictures.",
        Licence("MIT", MIT.url, "Parts of its code are Apache-2.0."),
        parameters=325_970_000, dim=1024, input_size=(256, 256), tokens=2048,
        hub=HubRepo("facebook/vjepa2-vitl-fpc64-256"),
    ),
)  # fmt: skip

_PERSONS: Final = (
    KnownModel(
        "rtdetr-r18", ("person_detector",), "rtdetr", "Person detector: RT-DETR v2 with ResNet-18.", APACHE,
        parameters=20_170_000, input_size=(640, 640), hub=HubRepo("PekingU/rtdetr_v2_r18vd"),
    ),
    KnownModel(
        "dfine-s", ("person_detector",), "dfine", "Person detector: D-FINE, small.", APACHE,
        parameters=10_330_000, input_size=(640, 640), hub=HubRepo("ustc-community/dfine-small-coco"),
    ),
    KnownModel(
        "youtu-reid", ("person",), "onnx", "Person Re-ID vectors of body crops (Tencent Youtu, by OpenCV's zoo).",
        APACHE, parameters=26_700_000, dim=768, input_size=(256, 128),
        weights="{folder}/person_reid_youtu_2021nov.onnx",
        files=_zoo(
            "person_reid_youtureid", "person_reid_youtu_2021nov.onnx", 106_878_407,
            "0579683334d4b9440221606dcb461656dd0dc64143b18f48faedaced9b4f580d",
        ),
        sidecar=_imagenet(256, 128),
    ),
)  # fmt: skip

MODELS: Final = MappingProxyType({model.name: model for model in (*_FACES, *_SCENES, *_PERSONS)})

BUILT_IN: Final = MappingProxyType(
    {
        "opencv": "Plain descriptors of colour, texture and layout, without weights: a fallback.",
        "mtcnn": "Face detector (Zhang et al. 2016); its weights come with the package facenet-pytorch (MIT).",
        "scene": "The scene model, on crops of bodies.",
        "off": "Not looked for.",
    }
)
"""Choices that need no files."""
