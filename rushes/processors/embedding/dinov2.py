"""DINOv2 (Oquab et al. 2023), with and without registers (Darcet et al. 2023): the class token behind the last norm."""

from pathlib import Path
from typing import Final

from rushes.processors.embedding.image_tower import ImageTower, image_backend
from rushes.processors.embedding.options import BackendOptions
from rushes.processors.embedding.patch_grid import patch_grid
from rushes.processors.embedding.pixels import IMAGENET_MEAN, IMAGENET_STD, PixelRecipe
from rushes.processors.embedding.pooled_regions import PoolingEmbedder
from rushes.processors.embedding.transformers_models import (
    class_token,
    config_of,
    loaded_model,
    recipe_of,
    side_of,
    version_of,
)
from rushes.processors.embedding.weights import check_model_type, read_folder

HUB: Final = ("facebook/dinov2-small", "timm/vit_small_patch14_dinov2.lvd142m")

MODEL_TYPES: Final = ("dinov2", "dinov2_with_registers")

DEFAULT: Final = PixelRecipe(256, (224, 224), "bicubic", IMAGENET_MEAN, IMAGENET_STD)


def open_dinov2(folder: Path, options: BackendOptions) -> PoolingEmbedder:
    """From a folder of transformers. Raises ConfigurationError."""
    weights = read_folder("dinov2", folder)
    model_type = check_model_type("dinov2", weights, MODEL_TYPES)
    recipe = recipe_of(weights, DEFAULT, options)

    def load() -> ImageTower:
        from transformers import Dinov2Model, Dinov2WithRegistersModel  # noqa: PLC0415 - seconds to import

        model = loaded_model(Dinov2Model if model_type == "dinov2" else Dinov2WithRegistersModel, weights)
        config = config_of(model)
        return ImageTower(model, recipe, config.hidden_size, class_token, patch_grid(side_of(config.patch_size)))

    backend = image_backend("dinov2", weights.short_hash, version_of(weights, recipe, "class"), recipe, load)
    return PoolingEmbedder(backend, options, recipe)
