"""V-JEPA 2 (Assran et al. 2025): the mean of the encoder's tokens over a clip. A still is a clip that stands still."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from rushes.processors.embedding.image_tower import ImageTower
from rushes.processors.embedding.options import BackendOptions
from rushes.processors.embedding.pixels import IMAGENET_MEAN, IMAGENET_STD, PixelRecipe
from rushes.processors.embedding.protocol import Image, Prepared, Vectors
from rushes.processors.embedding.torch_embedder import Backend, TorchEmbedder
from rushes.processors.embedding.transformers_models import (
    PREPROCESSING,
    config_of,
    loaded_model,
    recipe_of,
    version_of,
)
from rushes.processors.embedding.weights import check_model_type, read_folder
from rushes.schemas.errors import ConfigurationError
from rushes.schemas.ids import ModelId

if TYPE_CHECKING:
    import torch

HUB: Final = ("facebook/vjepa2-vitl-fpc64-256",)

MODEL_TYPES: Final = ("vjepa2",)

DEFAULT: Final = PixelRecipe(292, (256, 256), "bilinear", IMAGENET_MEAN, IMAGENET_STD)

TUBELET: Final = 2
"""Frames that the encoder takes together, where the config does not say: the least that a still is repeated."""


SHOTS: Final = "shots-1"
"""Of how shots become clips; part of the model's id, for a shot's scenes have another vector by another rule."""


class VJepa2Embedder(TorchEmbedder):
    """TorchEmbedder and ClipEmbedder."""

    def __init__(self, backend: Backend, options: BackendOptions, recipe: PixelRecipe, tubelet: int) -> None:
        super().__init__(backend, options)
        self._recipe = recipe
        self._frames = max(options.clip_frames // tubelet, 1) * tubelet

    @property
    def clip_shape(self) -> tuple[int, int, int]:
        return (self._frames, *self._recipe.size)

    def embed_clips(self, clips: Sequence[Sequence[Image]]) -> Vectors:
        return self.forward([self.prepare_clip(clip) for clip in clips])

    def prepare_clip(self, frames: Sequence[Image]) -> Prepared:
        """As many frames as the model is to see, evenly spread; some twice where the clip has fewer."""
        if not frames:
            raise ValueError("expected a clip of at least one frame, found none")
        places = np.linspace(0, len(frames) - 1, self._frames).round().astype(int).tolist()
        seen = {place: self._recipe.prepared(frames[place]) for place in set(places)}
        return np.stack([seen[place] for place in places])


def open_vjepa2(folder: Path, options: BackendOptions) -> VJepa2Embedder:
    """From a folder of transformers. Raises ConfigurationError."""
    weights = read_folder("vjepa2", folder)
    check_model_type("vjepa2", weights, MODEL_TYPES)
    recipe = recipe_of(weights, DEFAULT, options, ("video_preprocessor_config.json", *PREPROCESSING))
    tubelet = weights.config.get("tubelet_size", TUBELET)
    if not isinstance(tubelet, int) or tubelet < 1:
        raise ConfigurationError(f"expected tubelet_size in {weights.path} to be a whole number, found {tubelet!r}")

    def still(image: Image) -> Prepared:
        return np.stack([recipe.prepared(image)] * tubelet)

    def load() -> ImageTower:
        from transformers import VJEPA2Model  # noqa: PLC0415 - seconds to import

        model = loaded_model(VJEPA2Model, weights)
        return ImageTower(model, recipe, config_of(model).hidden_size, _mean)

    version = version_of(weights, recipe, "mean", options.clip_frames, SHOTS)
    backend = Backend(ModelId(f"vjepa2/{weights.short_hash}/{version}"), recipe.size, still, recipe.reduction, load)
    return VJepa2Embedder(backend, options, recipe, tubelet)


def _mean(model: "torch.nn.Module", frames: "torch.Tensor") -> "torch.Tensor":
    """(n, d) from (n, frames, 3, h, w)."""
    tokens: torch.Tensor = model(pixel_values_videos=frames, skip_predictor=True).last_hidden_state
    return tokens.mean(dim=1)
