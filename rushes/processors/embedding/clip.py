"""CLIP (Radford et al. 2021): both towers behind their projections."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from rushes.processors.embedding.image_tower import ImageTower, image_backend
from rushes.processors.embedding.options import BackendOptions
from rushes.processors.embedding.pixels import CLIP_MEAN, CLIP_STD, PixelRecipe
from rushes.processors.embedding.text_towers import ImageTextEmbedder, TextTower, read_tokenizer
from rushes.processors.embedding.transformers_models import config_of, loaded_model, recipe_of, trained_size, version_of
from rushes.processors.embedding.weights import Weights, check_model_type, read_folder

if TYPE_CHECKING:
    import torch

HUB: Final = ("openai/clip-vit-base-patch32",)

MODEL_TYPES: Final = ("clip", "clip_vision_model")

DEFAULT: Final = PixelRecipe(224, (224, 224), "bicubic", CLIP_MEAN, CLIP_STD)


def open_clip(folder: Path, options: BackendOptions) -> ImageTextEmbedder:
    """From a folder of transformers. Raises ConfigurationError."""
    weights = read_folder("clip", folder)
    both = check_model_type("clip", weights, MODEL_TYPES) == "clip"
    recipe = recipe_of(weights, DEFAULT.at(trained_size(weights)), options)

    def load() -> ImageTower:
        from transformers import CLIPVisionModelWithProjection  # noqa: PLC0415 - seconds to import

        model = loaded_model(CLIPVisionModelWithProjection, weights, **_config("vision_config", weights, both))
        return ImageTower(model, recipe, config_of(model).projection_dim, _projected)

    def load_text() -> TextTower:
        from transformers import CLIPTextModelWithProjection  # noqa: PLC0415 - seconds to import

        model = loaded_model(CLIPTextModelWithProjection, weights, **_config("text_config", weights, both))
        return TextTower(model, read_tokenizer(weights), config_of(model).max_position_embeddings, _projected_text)

    backend = image_backend("clip", weights.short_hash, version_of(weights, recipe, "projected"), recipe, load)
    return ImageTextEmbedder(backend, options, load_text)


def _config(part: str, weights: Weights, both: bool) -> dict[str, object]:
    """Of one tower of two: its projection is as wide as the whole model says, whatever the part says."""
    if not both:
        return {}
    from transformers import CLIPConfig  # noqa: PLC0415 - seconds to import

    config = CLIPConfig.from_pretrained(str(weights.path), local_files_only=True)
    tower = getattr(config, part)
    tower.projection_dim = config.projection_dim
    return {"config": tower}


def _projected(model: "torch.nn.Module", pixels: "torch.Tensor") -> "torch.Tensor":
    rows: torch.Tensor = model(pixel_values=pixels, interpolate_pos_encoding=True).image_embeds
    return rows


def _projected_text(model: "torch.nn.Module", inputs: "dict[str, torch.Tensor]") -> "torch.Tensor":
    rows: torch.Tensor = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).text_embeds
    return rows
