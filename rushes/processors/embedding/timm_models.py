"""Any model of timm (Wightman 2019), by its name and a weight file, or by a folder of timm's own (config.json and
model.safetensors): its pooled features, without the classifier."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from pydantic import JsonValue

from rushes.processors.embedding.image_tower import ImageTower, image_backend
from rushes.processors.embedding.options import BackendOptions
from rushes.processors.embedding.pixels import PixelRecipe
from rushes.processors.embedding.pooled_regions import PoolingEmbedder
from rushes.processors.embedding.state_files import read_state
from rushes.processors.embedding.weights import Weights, read_file, read_folder
from rushes.schemas.errors import ConfigurationError

if TYPE_CHECKING:
    import torch

VERSION: Final = 1
"""Of the code below; part of the model id."""


class Features(Protocol):
    """What every model of timm has."""

    def forward_features(self, pixels: "torch.Tensor") -> "torch.Tensor": ...


def is_timm_folder(folder: Path) -> bool:
    """Whether config.json is in timm's format rather than in transformers'."""
    if not (folder / "config.json").is_file():
        return False
    config = read_folder("timm", folder).config
    return "architecture" in config and "model_type" not in config


def open_timm(name: str | None, path: Path, options: BackendOptions) -> PoolingEmbedder:
    """`name` as timm lists it (`vit_small_patch14_dinov2.lvd142m`); None: as the folder says.

    Raises ConfigurationError.
    """
    weights = read_folder("timm", path) if path.is_dir() else read_file("timm", path)
    said = weights.config.get("architecture")
    architecture = name or (said if isinstance(said, str) else None)
    if architecture is None:
        raise ConfigurationError(
            f"expected the name of a model of timm beside the file {path}, found none: write timm:NAME@FILE"
        )
    arguments = weights.config.get("model_args")
    arguments = dict(arguments) if isinstance(arguments, dict) else {}
    arguments.pop("num_classes", None)  # the classifier goes: whatever it told apart
    config = _pretrained_config(architecture, weights)
    recipe = _recipe(config, options, architecture)
    if options.image_size is not None and config.get("fixed_input_size"):
        arguments["img_size"] = list(recipe.size)

    def load() -> ImageTower:
        model = _model(architecture, weights, arguments, config.get("classifier"))
        return ImageTower(model, recipe, int(cast("int", model.num_features)), _pooled, _map)

    origin = repr([VERSION, architecture, json.dumps(arguments, sort_keys=True), recipe.version])
    version = f"{VERSION}-{hashlib.sha256(origin.encode()).hexdigest()[:8]}"
    backend = image_backend(f"timm-{architecture}", weights.short_hash, version, recipe, load)
    return PoolingEmbedder(backend, options, recipe)


def _pretrained_config(architecture: str, weights: Weights) -> Mapping[str, JsonValue]:
    """What timm knows of the model's pixels; what the folder says goes before it."""
    import timm  # noqa: PLC0415 - seconds to import: only where a model of timm is named

    if not timm.is_model(architecture):
        raise ConfigurationError(
            f"expected the name of a model of timm, found {architecture!r}: timm.list_models() has them all"
        )
    known = timm.get_pretrained_cfg(architecture)
    said = weights.config.get("pretrained_cfg")
    return {**(asdict(known) if known else {}), **(said if isinstance(said, dict) else {})}


def _recipe(config: Mapping[str, JsonValue], options: BackendOptions, architecture: str) -> PixelRecipe:
    """Of timm's evaluation transform."""
    match config:
        case {
            "input_size": [3, int(height), int(width)] | (3, int(height), int(width)),
            "interpolation": "bicubic" | "bilinear" | "lanczos" as kernel,
            "mean": [float() | int() as r, float() | int() as g, float() | int() as b]
            | (float() | int() as r, float() | int() as g, float() | int() as b),
            "std": [float() | int() as sr, float() | int() as sg, float() | int() as sb]
            | (float() | int() as sr, float() | int() as sg, float() | int() as sb),
        }:
            pass
        case _:
            raise ConfigurationError(f"expected input_size, interpolation, mean and std of {architecture}: {config}")
    part = config.get("crop_pct") or 1.0
    if not isinstance(part, float | int) or config.get("crop_mode", "center") not in {"center", "squash"}:
        raise ConfigurationError(f"expected crop_mode center or squash of {architecture}, found {config}")
    squash = config.get("crop_mode") == "squash" or height != width
    resize = (int(height / part), int(width / part)) if squash else int(height / part)
    mean, std = (float(r), float(g), float(b)), (float(sr), float(sg), float(sb))
    return PixelRecipe(resize, (height, width), kernel, mean, std).at(options.image_size)


def _model(
    architecture: str, weights: Weights, arguments: Mapping[str, JsonValue], classifier: JsonValue
) -> "torch.nn.Module":
    """The classifier's tensors are taken out here: timm would then no longer ask for all of the others."""
    import timm  # noqa: PLC0415 - loaded by now

    files = [weights.path] if weights.path.is_file() else sorted(weights.path.glob("model*.safetensors"))
    files = files or sorted(weights.path.glob("pytorch_model*.bin"))
    names = classifier if isinstance(classifier, list | tuple) else [classifier]
    heads = tuple(f"{name}." for name in names if isinstance(name, str))
    state = {name: value for file in files for name, value in read_state(file).items() if not name.startswith(heads)}
    try:
        return timm.create_model(
            architecture,
            pretrained=True,
            pretrained_cfg_overlay={"state_dict": state, "classifier": None},
            num_classes=0,
            **cast("dict[str, Any]", arguments),
        )
    except (RuntimeError, KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"expected {weights.path} to hold the weights of timm's {architecture}, found others: {error}"
        ) from error


def _pooled(model: "torch.nn.Module", pixels: "torch.Tensor") -> "torch.Tensor":
    rows: torch.Tensor = model(pixels)
    return rows


def _map(model: "torch.nn.Module", pixels: "torch.Tensor") -> "torch.Tensor":
    """(n, d, rows, columns), from tokens or a map with channels first or last."""
    features: torch.Tensor = cast("Features", model).forward_features(pixels)
    dim = int(cast("int", model.num_features))
    if features.ndim == 4:
        return features if features.shape[1] == dim else features.permute(0, 3, 1, 2)
    patches = features[:, int(cast("int", getattr(model, "num_prefix_tokens", 0))) :]
    height, width = pixels.shape[-2:]
    rows = round((patches.shape[1] * height / width) ** 0.5)
    return patches.transpose(1, 2).reshape(len(patches), dim, rows, -1)
