"""DINOv3 (Siméoni et al. 2025): class token of the ViTs, mean of the ConvNeXts' map, each behind the last norm.

The hub's own copies are behind a consent form; timm's copies of the same weights are not, and load here too.
"""

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

HUB: Final = ("facebook/dinov3-vits16-pretrain-lvd1689m", "timm/vit_small_patch16_dinov3.lvd1689m")

MODEL_TYPES: Final = ("dinov3_vit", "dinov3_convnext")

DEFAULT: Final = PixelRecipe((224, 224), None, "bilinear", IMAGENET_MEAN, IMAGENET_STD)

CONVNEXT_STRIDE: Final = 32
"""Pixels of the picture per cell of the last map."""


def open_dinov3(folder: Path, options: BackendOptions) -> PoolingEmbedder:
    """From a folder of transformers. Raises ConfigurationError."""
    weights = read_folder("dinov3", folder)
    model_type = check_model_type("dinov3", weights, MODEL_TYPES)
    recipe = recipe_of(weights, DEFAULT, options)

    def load() -> ImageTower:
        from transformers import DINOv3ConvNextModel, DINOv3ViTModel  # noqa: PLC0415 - seconds to import

        if model_type == "dinov3_vit":
            model = loaded_model(DINOv3ViTModel, weights)
            config = config_of(model)
            dim, stride = config.hidden_size, side_of(config.patch_size)
        else:
            model = loaded_model(DINOv3ConvNextModel, weights)
            dim, stride = config_of(model).hidden_sizes[-1], CONVNEXT_STRIDE
        return ImageTower(model, recipe, dim, class_token, patch_grid(stride))

    backend = image_backend("dinov3", weights.short_hash, version_of(weights, recipe, "class"), recipe, load)
    return PoolingEmbedder(backend, options, recipe)
