"""InceptionResnetV1 (FaceNet, Schroff et al. 2015) by facenet-pytorch, with weights of a file: 512 values of a face."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from rushes.processors.embedding.image_tower import ImageTower
from rushes.processors.embedding.options import BackendOptions
from rushes.processors.embedding.pixels import PixelRecipe
from rushes.processors.embedding.protocol import Template
from rushes.processors.embedding.state_files import read_state
from rushes.processors.embedding.torch_embedder import Backend, TorchEmbedder
from rushes.processors.embedding.weights import Weights, read_file
from rushes.schemas.errors import ConfigurationError
from rushes.schemas.ids import ModelId

if TYPE_CHECKING:
    import torch

VERSION: Final = 1
"""Of the code below; part of the model id."""

DIM: Final = 512

STANDARD: Final = (127.5 / 255,) * 3, (128 / 255,) * 3
"""facenet-pytorch's fixed_image_standardization: (x - 127.5) / 128."""

SIDE: Final = 160
"""Pixels of the crops that the published weights were trained on."""

TEMPLATE: Final[Template] = (
    (0.265, 0.372),
    (0.735, 0.372),
    (0.500, 0.573),
    (0.305, 0.765),
    (0.695, 0.765),
)
"""Where MTCNN's landmarks lie in its own box, which is what the published weights saw: medians over nine upright
frontal faces, made symmetric; they spread by .02 (eyes) to .04 (mouth)."""


def open_inception(file: Path, options: BackendOptions) -> TorchEmbedder:
    """From a state dict (.pt or .safetensors), of facenet-pytorch's release say. Raises ConfigurationError."""
    weights = read_file("inception", file)
    side = options.image_size or SIDE
    recipe = PixelRecipe((side, side), None, "bilinear", *STANDARD)

    model_id = ModelId(f"inception/{weights.short_hash}/{VERSION}-{recipe.version}")
    backend = Backend(
        model_id, recipe.size, recipe.prepared, recipe.reduction, lambda: _load(weights, recipe), TEMPLATE
    )
    return TorchEmbedder(backend, options)


def _load(weights: Weights, recipe: PixelRecipe) -> ImageTower:
    from facenet_pytorch import InceptionResnetV1  # noqa: PLC0415 - imports torch

    state = {name: value for name, value in read_state(weights.path).items() if not name.startswith("logits.")}
    model = InceptionResnetV1(pretrained=None)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ConfigurationError(
            f"expected {weights.path} to hold the weights of InceptionResnetV1, found others: {error}"
        ) from error
    return ImageTower(model, recipe, DIM, _vectors)


def _vectors(model: "torch.nn.Module", pixels: "torch.Tensor") -> "torch.Tensor":
    rows: torch.Tensor = model(pixels)
    return rows
