"""InternViT (Chen et al. 2024), the vision tower of InternVL, as transformers has it.

Simple: the mean of the patch tokens of the whole picture. Three levels: that mean is the primary vector; `focused` is
the same for the middle square of the picture, and `tiles/0`, `tiles/1` ... for the tiles that InternVL cuts a picture
of this aspect into (row by row), each at the model's full size. So a small thing in a corner has a vector of its own to
be searched by, and what is clustered stays one vector a picture.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from rushes.processors.embedding.image_tower import ImageTower, image_backend
from rushes.processors.embedding.options import BackendOptions
from rushes.processors.embedding.patch_grid import patch_grid
from rushes.processors.embedding.pixels import IMAGENET_MEAN, IMAGENET_STD, PixelRecipe, resized_to
from rushes.processors.embedding.pooled_regions import PoolingEmbedder
from rushes.processors.embedding.protocol import Embedded, Image, Prepared, Reduction, Vectors
from rushes.processors.embedding.torch_embedder import Backend
from rushes.processors.embedding.transformers_models import config_of, loaded_model, recipe_of, side_of, version_of
from rushes.processors.embedding.weights import check_model_type, read_folder

if TYPE_CHECKING:
    import torch

VERSION: Final = 1
"""Of the cutting below; part of the secondary vectors' id."""

HUB: Final = ("OpenGVLab/InternVL3-1B-hf",)
"""A whole InternVL, of which the vision tower alone is loaded."""

MODEL_TYPES: Final = ("internvl_vision", "internvl")

DEFAULT: Final = PixelRecipe((448, 448), None, "bicubic", IMAGENET_MEAN, IMAGENET_STD)


def open_internvit(folder: Path, options: BackendOptions) -> PoolingEmbedder:
    """The simple one, from a folder of transformers. Raises ConfigurationError."""
    backend, recipe = _backend(folder, options)
    return PoolingEmbedder(backend, options, recipe)


def open_three_levels(folder: Path, options: BackendOptions) -> "ThreeLevelEmbedder":
    """Likewise, with secondary vectors. Its primary ones are those of the simple one, and so is its model id."""
    backend, recipe = _backend(folder, options)
    return ThreeLevelEmbedder(backend, options, recipe)


class ThreeLevelEmbedder(PoolingEmbedder):
    """SecondaryEmbedder: a picture costs one pass more than it has tiles, and one for the middle."""

    def __init__(self, backend: Backend, options: BackendOptions, recipe: PixelRecipe) -> None:
        super().__init__(backend, options, recipe)
        self._recipe = recipe
        self._most = options.tiles

    def secondary_id(self) -> str:
        return f"3level-{VERSION}-{self._most}"

    def prepare(self, image: Image) -> Prepared:
        """(2 + number of its tiles, h, w, 3) uint8: the whole, the middle, the tiles."""
        views = [self._recipe.prepared(view) for view in (image, middle_of(image))]
        return np.stack([*views, *tiles_of(image, self._recipe, self._most)])

    def reduction(self, height: int, width: int) -> Reduction:
        """Tiles are what they are for their fine detail: nothing is to be lost before."""
        del height, width
        return 1

    def embed(self, images: Sequence[Image]) -> Vectors:
        return super().forward([self._recipe.prepared(image) for image in images])

    def forward(self, prepared: Sequence[Prepared]) -> Vectors:
        return super().forward([views[0] for views in prepared])

    def forward_all(self, prepared: Sequence[Prepared]) -> Embedded:
        rows = super().forward([view for views in prepared for view in views])
        primary: list[int] = []
        secondary = []
        start = 0
        for views in prepared:
            names = ["focused", *(f"tiles/{place}" for place in range(len(views) - 2))]
            own = zip(names, rows[start + 1 : start + len(views)], strict=True)
            secondary.append({name: row for name, row in own if np.isfinite(row).all()})
            primary.append(start)
            start += len(views)
        return Embedded(rows[primary], tuple(secondary))


def middle_of(image: Image) -> Image:
    """The middle square, half the picture's shorter side: what the camera points at, at twice the size."""
    height, width = image.shape[:2]
    side = max(min(height, width) // 2, 1)
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]


def tiles_of(image: Image, recipe: PixelRecipe, most: int) -> list[Image]:
    """Tiles of the model's size, row by row; none where the picture is best left whole."""
    from transformers.models.got_ocr2 import image_processing_got_ocr2 as reference  # noqa: PLC0415 - slow to import

    height, width = recipe.size
    columns, rows = reference.get_optimal_tiled_canvas(image.shape[:2], recipe.size, 1, most)
    if columns * rows == 1:
        return []
    canvas = resized_to(image, (height * rows, width * columns), recipe.kernel)
    return [
        canvas[row * height : (row + 1) * height, column * width : (column + 1) * width]
        for row in range(rows)
        for column in range(columns)
    ]


def _backend(folder: Path, options: BackendOptions) -> tuple[Backend, PixelRecipe]:
    weights = read_folder("internvit", folder)
    whole = check_model_type("internvit", weights, MODEL_TYPES) == "internvl"
    recipe = recipe_of(weights, DEFAULT, options)

    def load() -> ImageTower:
        from transformers import InternVLVisionModel  # noqa: PLC0415 - seconds to import

        renamed = {"key_mapping": {r"^(model\.)?vision_tower\.": ""}} if whole else {}
        model = loaded_model(InternVLVisionModel, weights, **renamed)
        config = config_of(model)
        return ImageTower(model, recipe, config.hidden_size, _mean, patch_grid(side_of(config.patch_size)))

    backend = image_backend("internvit", weights.short_hash, version_of(weights, recipe, "mean"), recipe, load)
    return backend, recipe


def _mean(model: "torch.nn.Module", pixels: "torch.Tensor") -> "torch.Tensor":
    """(n, d): of the patch tokens, without the class token in front of them."""
    tokens: torch.Tensor = model(pixel_values=pixels).last_hidden_state
    return tokens[:, 1:].mean(dim=1)
