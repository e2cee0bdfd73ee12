"""SigLIP (Zhai et al. 2023) and SigLIP 2 (Tschannen et al. 2025): both towers behind their pooling heads.

SigLIP 2 of fixed resolution is of the first's classes (model_type siglip). Its NaFlex variant (model_type siglip2)
keeps the picture's aspect: as many whole patches as fit into a fixed number, the rest masked.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from pydantic import JsonValue

from rushes.processors.embedding.image_tower import ImageTower, image_backend
from rushes.processors.embedding.options import BackendOptions
from rushes.processors.embedding.pixels import HALVES, PixelRecipe, resized_to
from rushes.processors.embedding.protocol import Image, Prepared, Reduction
from rushes.processors.embedding.shrinking import reduction
from rushes.processors.embedding.text_towers import ImageTextEmbedder, TextTower, read_tokenizer
from rushes.processors.embedding.torch_embedder import Backend
from rushes.processors.embedding.transformers_models import (
    PREPROCESSING,
    config_of,
    loaded_model,
    recipe_of,
    trained_size,
    version_of,
)
from rushes.processors.embedding.weights import Weights, check_model_type, read_folder
from rushes.schemas.errors import ConfigurationError
from rushes.schemas.ids import ModelId

if TYPE_CHECKING:
    import torch

HUB: Final = ("google/siglip2-base-patch16-224",)

MODEL_TYPES: Final = ("siglip", "siglip_vision_model", "siglip2", "siglip2_vision_model")

DEFAULT: Final = PixelRecipe((224, 224), None, "bicubic", HALVES, HALVES)

NAFLEX_PATCHES: Final = 256
"""Patches of a picture at most, where the preprocessing file does not say."""

PATCH: Final = 16
"""Pixels of a patch's side, where neither the preprocessing file nor the config says."""


def open_siglip(folder: Path, options: BackendOptions) -> ImageTextEmbedder:
    """From a folder of transformers, of either generation. Raises ConfigurationError."""
    weights = read_folder("siglip", folder)
    model_type = check_model_type("siglip", weights, MODEL_TYPES)
    naflex = model_type.startswith("siglip2")

    def load_text() -> TextTower:
        from transformers import Siglip2TextModel, SiglipTextModel  # noqa: PLC0415 - seconds to import

        model = loaded_model(Siglip2TextModel if naflex else SiglipTextModel, weights)
        return TextTower(model, read_tokenizer(weights), config_of(model).max_position_embeddings, _pooled_text)

    backend = _naflex_backend(weights, options) if naflex else _fixed_backend(weights, options)
    return ImageTextEmbedder(backend, options, load_text)


def _fixed_backend(weights: Weights, options: BackendOptions) -> Backend:
    recipe = recipe_of(weights, DEFAULT.at(trained_size(weights)), options)

    def load() -> ImageTower:
        from transformers import SiglipVisionModel  # noqa: PLC0415 - seconds to import

        model = loaded_model(SiglipVisionModel, weights)
        return ImageTower(model, recipe, config_of(model).hidden_size, _pooled)

    return image_backend("siglip", weights.short_hash, version_of(weights, recipe, "head"), recipe, load)


def _pooled(model: "torch.nn.Module", pixels: "torch.Tensor") -> "torch.Tensor":
    rows: torch.Tensor = model(pixel_values=pixels, interpolate_pos_encoding=True).pooler_output
    return rows


def _pooled_text(model: "torch.nn.Module", inputs: "dict[str, torch.Tensor]") -> "torch.Tensor":
    """Without a mask: the text tower was trained with its padding in sight."""
    rows: torch.Tensor = model(input_ids=inputs["input_ids"]).pooler_output
    return rows


@dataclass(frozen=True, slots=True)
class _Patches:
    """How a picture becomes patches: at most `most` of `side` pixels."""

    side: int
    most: int
    recipe: PixelRecipe

    def prepared(self, image: Image) -> Prepared:
        """(most + 1, side * side * 3) uint8: the patches, blanks, and a last row that begins with rows and columns."""
        height, width = self._target(image.shape[0], image.shape[1])
        small = resized_to(image, (height, width), self.recipe.kernel)
        rows, columns = height // self.side, width // self.side
        cells = small.reshape(rows, self.side, columns, self.side, 3).transpose(0, 2, 1, 3, 4)
        patches = np.zeros((self.most + 1, self.side * self.side * 3), np.uint8)
        patches[: rows * columns] = cells.reshape(rows * columns, -1)
        patches[-1, :4] = np.array([rows, columns], "<u2").view(np.uint8)
        return patches

    def reduction(self, height: int, width: int) -> Reduction:
        return reduction(height, width, self._target(height, width), "squash")

    def _target(self, height: int, width: int) -> tuple[int, int]:
        from transformers.models.siglip2 import image_processing_siglip2 as reference  # noqa: PLC0415 - slow to import

        return reference.get_image_size_for_max_num_patches(height, width, self.side, self.most)


@dataclass(frozen=True, slots=True)
class _NaflexTower:
    model: "torch.nn.Module"
    dim: int
    recipe: PixelRecipe

    def vectors(self, pixels: "torch.Tensor", dtype: "torch.dtype") -> "torch.Tensor":
        import torch  # noqa: PLC0415 - loaded by now

        numbers = pixels[:, -1, :4].long()
        # A blank of the batch has no patch at all: one keeps its softmax finite, and its row is dropped.
        shapes = (numbers[:, 0::2] + 256 * numbers[:, 1::2]).clamp(min=1)
        patches = pixels[:, :-1].float().reshape(len(pixels), pixels.shape[1] - 1, -1, 3)
        seen = torch.arange(patches.shape[1], device=pixels.device) < shapes.prod(dim=1, keepdim=True)
        mean, std = (torch.tensor(values, device=pixels.device) for values in (self.recipe.mean, self.recipe.std))
        normal = (patches * (1 / (255 * std)) - mean / std).flatten(-2) * seen[..., None]
        rows: torch.Tensor = self.model(
            pixel_values=normal.to(dtype), pixel_attention_mask=seen.int(), spatial_shapes=shapes
        ).pooler_output
        return rows


def _naflex_backend(weights: Weights, options: BackendOptions) -> Backend:
    said: dict[str, JsonValue] = {}
    for name in PREPROCESSING:
        said = said or weights.json_file(name) or {}
    inner = said.get("image_processor")
    said = inner if isinstance(inner, dict) else said
    vision = weights.config.get("vision_config")
    built = (vision if isinstance(vision, dict) else weights.config).get("patch_size", PATCH)
    side, most = said.get("patch_size", built), said.get("max_num_patches", NAFLEX_PATCHES)
    if not isinstance(side, int) or not isinstance(most, int):
        raise ConfigurationError(
            f"expected patch_size and max_num_patches as integers beside {weights.path}, found {side} and {most}"
        )
    if options.image_size is not None:
        most = max((options.image_size // side) ** 2, 1)
    recipe = recipe_of(weights, replace(DEFAULT, kernel="bilinear"), replace(options, image_size=None))
    patches = _Patches(side, most, recipe)
    edge = round(most**0.5) * side

    def load() -> _NaflexTower:
        from transformers import Siglip2VisionModel  # noqa: PLC0415 - seconds to import

        model = loaded_model(Siglip2VisionModel, weights)
        return _NaflexTower(model, config_of(model).hidden_size, recipe)

    version = version_of(weights, recipe, "head", side, most)
    return Backend(
        ModelId(f"siglip2/{weights.short_hash}/{version}"), (edge, edge), patches.prepared, patches.reduction, load
    )
