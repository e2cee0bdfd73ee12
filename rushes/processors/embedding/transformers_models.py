"""What all families of transformers share: loading a model whole, its preprocessing file, its version in the id."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol, cast

from rushes.processors.embedding.options import BackendOptions
from rushes.processors.embedding.pixels import PixelRecipe, read_recipe
from rushes.processors.embedding.weights import Weights
from rushes.schemas.errors import ConfigurationError

if TYPE_CHECKING:
    import torch

VERSION: Final = 1
"""Of the families' pooling; part of every model id. Raise it when the same weights would give other vectors."""

PREPROCESSING: Final = ("preprocessor_config.json", "processor_config.json")
"""Names of the file beside the weights, the first that is there."""


ERRORS_ONLY: Final = 40
"""Level of the logging module."""


class Config(Protocol):
    """What the families read of a model's config."""

    hidden_size: int
    hidden_sizes: Sequence[int]
    patch_size: int | Sequence[int]
    image_size: int | Sequence[int]
    projection_dim: int
    tubelet_size: int
    crop_size: int
    max_position_embeddings: int
    num_patches: int


class Loadable(Protocol):
    """A model class of transformers."""

    __name__: str

    def from_pretrained(self, *args: object, **settings: object) -> object: ...


def recipe_of(
    weights: Weights, default: PixelRecipe, options: BackendOptions, names: tuple[str, ...] = PREPROCESSING
) -> PixelRecipe:
    """What the file beside the weights says, or the family's own default, at the caller's size."""
    for name in names:
        said = weights.json_file(name)
        if said is not None:
            return read_recipe(said, default, f"{weights.path / name}").at(options.image_size)
    return default.at(options.image_size)


def trained_size(weights: Weights) -> int | None:
    """Side of the pictures that a model of fixed resolution was trained on; None where its config does not say."""
    vision = weights.config.get("vision_config")
    size = (vision if isinstance(vision, dict) else weights.config).get("image_size")
    return size if isinstance(size, int) else None


def version_of(weights: Weights, recipe: PixelRecipe, *more: str | int) -> str:
    """Short name of all that is not the weights and makes other vectors of them."""
    origin = repr([VERSION, recipe.version, weights.config_text, *more])
    return f"{VERSION}-{hashlib.sha256(origin.encode()).hexdigest()[:8]}"


def loaded_model(model_class: object, weights: Weights, **settings: object) -> "torch.nn.Module":
    """The model in float32 on the CPU, from local files alone.

    Raises ConfigurationError where the files lack a part of the model: transformers would fill it with random numbers.
    """
    import torch  # noqa: PLC0415 - seconds to import: only where a torch model is used

    loadable = cast("Loadable", model_class)
    try:
        with _quietly():
            answer = loadable.from_pretrained(
                str(weights.path),
                local_files_only=True,
                dtype=torch.float32,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
                **settings,
            )
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise ConfigurationError(
            f"expected {weights.path} to load as {loadable.__name__}, found that it does not: {error}"
        ) from error
    model, info = cast("tuple[torch.nn.Module, dict[str, object]]", answer)
    lacking = sorted(
        str(key) for name in ("missing_keys", "mismatched_keys") for key in cast("set[object]", info[name])
    )
    if lacking:
        raise ConfigurationError(
            f"expected {weights.path} to hold all of {loadable.__name__}, found {len(lacking)} of its tensors missing "
            f"or of another shape ({', '.join(lacking[:3])} ...): fetch the weights anew, or name their family"
        )
    return model


@contextmanager
def _quietly() -> Iterator[None]:
    """Without transformers' bars and reports: what they tell is in the error, or of the other tower."""
    from transformers.utils import logging  # noqa: PLC0415 - seconds to import

    said = logging.get_verbosity()
    cast("Callable[[], None]", logging.disable_progress_bar)()
    logging.set_verbosity(ERRORS_ONLY)
    try:
        yield
    finally:
        logging.set_verbosity(said)


def config_of(model: "torch.nn.Module") -> "Config":
    """What the model was built from, the defaults of its class filled in."""
    return cast("Config", model.config)


def side_of(value: int | Sequence[int]) -> int:
    """Of a square patch. Raises ConfigurationError for another one.

    >>> side_of([14, 14])
    14
    """
    sides = {value} if isinstance(value, int) else set(value)
    if len(sides) != 1:
        raise ConfigurationError(f"expected square patches, found {value}: no such model is supported")
    return sides.pop()


def class_token(model: "torch.nn.Module", pixels: "torch.Tensor") -> "torch.Tensor":
    """(n, d): the class token behind the model's last norm."""
    rows: torch.Tensor = model(pixel_values=pixels).pooler_output
    return rows
