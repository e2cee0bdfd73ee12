"""Every family of embedders by its name: `dinov2:FOLDER`, `timm:NAME@FILE`, `onnx:FILE`, `opencv` ...

Only the module of the family that is asked for is imported, and torch or transformers when its model is loaded.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

from rushes.processors.embedding.options import BackendOptions
from rushes.processors.embedding.protocol import Embedder, FaceEmbedder
from rushes.processors.embedding.weights import located
from rushes.schemas.errors import ConfigurationError

WEIGHTLESS: Final = "opencv"
TIMM: Final = "timm"

TRANSFORMERS: Final = {
    "dinov2": ("dinov2", "open_dinov2"),
    "dinov3": ("dinov3", "open_dinov3"),
    "clip": ("clip", "open_clip"),
    "siglip": ("siglip", "open_siglip"),
    "siglip2": ("siglip", "open_siglip"),
    "internvit": ("internvit", "open_internvit"),
    "internvit-3level": ("internvit", "open_three_levels"),
    "vjepa2": ("vjepa2", "open_vjepa2"),
}
"""Module here and its function, by family."""

FAMILIES: Final = (WEIGHTLESS, "onnx", *TRANSFORMERS, TIMM, "inception", "sface")

SCENE_SIZE: Final = (224, 224)
FACE_SIZE: Final = (112, 112)
"""Height and width for ONNX models that take any size: what backbones of their kind are trained on."""


@dataclass(frozen=True, slots=True)
class ModelName:
    """What a setting names: a family; for timm the model's name; where the weights are."""

    family: str
    name: str | None = None
    weights: Path | None = None


def parse_model(setting: str) -> ModelName:
    """`family`, `family:PATH`, `timm:NAME`, `timm:NAME@PATH` or `timm:FOLDER`. Raises ConfigurationError.

    >>> parse_model("timm:vit_small_patch14_dinov2.lvd142m@w.safetensors").name
    'vit_small_patch14_dinov2.lvd142m'
    """
    family, _, rest = setting.partition(":")
    if family not in FAMILIES or (":" in setting and not rest) or (family == WEIGHTLESS and rest):
        raise ConfigurationError(
            f"expected a model as `{WEIGHTLESS}` or FAMILY:PATH with a family of {', '.join(FAMILIES[1:])}, found "
            f"{setting!r}"
        )
    if family == TIMM:
        name, _, path = rest.partition("@")
        if not path and Path(name).expanduser().is_dir():
            return ModelName(family, None, Path(name).expanduser())
        return ModelName(family, name or None, Path(path).expanduser() if path else None)
    return ModelName(family, None, Path(rest).expanduser() if rest else None)


def open_model(setting: str, *, options: BackendOptions, face: bool = False) -> FaceEmbedder | Embedder:
    """The embedder that a setting names; see `open_embedder`, or `open_face_embedder` for `face`."""
    model = parse_model(setting)
    if face:
        return open_face_embedder(model.family, model.weights, options=options, name=model.name)
    return open_embedder(model.family, model.weights, options=options, name=model.name)


def open_embedder(family: str, weights: Path | None, *, options: BackendOptions, name: str | None = None) -> Embedder:
    """An embedder that is not loaded yet; its weights are found and hashed. `name` is timm's.

    Beside `Embedder` it may be any of the protocols SecondaryEmbedder, Preparing, RegionEmbedder, TextEmbedder
    and ClipEmbedder: ask by isinstance. Raises ConfigurationError that says what is missing and what to do.
    """
    if family == WEIGHTLESS:
        from rushes.processors.embedding.scene_descriptor import SceneDescriptor  # noqa: PLC0415 - imports cv2

        return SceneDescriptor()
    return _opened(family, weights, options, name, SCENE_SIZE)


def open_face_embedder(
    family: str, weights: Path | None, *, options: BackendOptions, name: str | None = None
) -> FaceEmbedder:
    """The same for aligned faces. Raises ConfigurationError."""
    if family == WEIGHTLESS:
        from rushes.processors.embedding.face_descriptor import FaceDescriptor  # noqa: PLC0415 - imports cv2

        return FaceDescriptor()
    return _opened(family, weights, options, name, FACE_SIZE)


def _opened(
    family: str, weights: Path | None, options: BackendOptions, name: str | None, onnx_size: tuple[int, int]
) -> FaceEmbedder:
    if family == "onnx":
        from rushes.processors.embedding.onnx_embedder import OnnxEmbedder  # noqa: PLC0415 - only where it is named

        file = located(family, weights, (), None)
        return OnnxEmbedder(
            file,
            threads=options.threads,
            batch=options.batch or 16,
            default_size=onnx_size if options.image_size is None else (options.image_size, options.image_size),
            device=options.device,
        )
    if family == "sface":
        from rushes.processors.embedding.sface import SfaceEmbedder  # noqa: PLC0415 - imports cv2

        return SfaceEmbedder(located(family, weights, (), None))
    if family == "inception":
        from rushes.processors.embedding.inception import open_inception  # noqa: PLC0415 - only where it is named

        return open_inception(located(family, weights, (), None), options)
    if family == TIMM:
        hub = () if name is None else (f"timm/{name}",)
        return _timm(name, located(TIMM, weights, hub, options.fetch), options)
    hub_names, opener = _transformers_family(family)
    folder = located(family, weights, hub_names, options.fetch)
    from rushes.processors.embedding.timm_models import is_timm_folder  # noqa: PLC0415 - only where a folder is named

    return _timm(None, folder, options) if is_timm_folder(folder) else opener(folder, options)


def _timm(name: str | None, path: Path, options: BackendOptions) -> FaceEmbedder:
    from rushes.processors.embedding.timm_models import open_timm  # noqa: PLC0415 - only where it is named

    return open_timm(name, path, options)


def _transformers_family(family: str) -> tuple[tuple[str, ...], Callable[[Path, BackendOptions], FaceEmbedder]]:
    """Names on the hub, and what opens a folder in the format of transformers."""
    if family not in TRANSFORMERS:
        raise ConfigurationError(f"expected a family of {', '.join(FAMILIES)}, found {family!r}")
    module_name, function = TRANSFORMERS[family]
    module = import_module(f"rushes.processors.embedding.{module_name}")
    return module.HUB, getattr(module, function)
