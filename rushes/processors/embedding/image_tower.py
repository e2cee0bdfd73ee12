"""The tower of most families: normalised pictures into a library's model, its output pooled to one vector."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from rushes.processors.embedding.pixels import PixelRecipe
from rushes.processors.embedding.torch_embedder import Backend
from rushes.schemas.ids import ModelId

if TYPE_CHECKING:
    import torch

    Pool = Callable[[torch.nn.Module, torch.Tensor], torch.Tensor]


class ImageTower:
    """GridTower where `grid` is given. `pool` and `grid` get the model and (n, ..., 3, h, w) normalised."""

    def __init__(
        self, model: "torch.nn.Module", recipe: PixelRecipe, dim: int, pool: "Pool", grid: "Pool | None" = None
    ) -> None:
        self.model = model
        self.dim = dim
        self.has_grid = grid is not None
        self._recipe = recipe
        self._pool = pool
        self._grid = grid

    def vectors(self, pixels: "torch.Tensor", dtype: "torch.dtype") -> "torch.Tensor":
        return self._pool(self.model, normalised(pixels, self._recipe, dtype))

    def grid(self, pixels: "torch.Tensor", dtype: "torch.dtype") -> "torch.Tensor":
        if self._grid is None:
            raise TypeError("expected a model with a feature map: ask `has_grid` first")
        return self._grid(self.model, normalised(pixels, self._recipe, dtype))


def normalised(pixels: "torch.Tensor", recipe: PixelRecipe, dtype: "torch.dtype") -> "torch.Tensor":
    """(n, ..., h, w, 3) uint8 to (n, ..., 3, h, w) of `dtype`: one multiplication and one addition, in float32."""
    import torch  # noqa: PLC0415 - loaded by now

    mean = torch.tensor(recipe.mean, dtype=torch.float32, device=pixels.device)
    std = torch.tensor(recipe.std, dtype=torch.float32, device=pixels.device)
    return (pixels.float() * (1 / (255 * std)) - mean / std).to(dtype).movedim(-1, -3).contiguous()


def image_backend(
    family: str,
    weights_hash: str,
    version: str,
    recipe: PixelRecipe,
    load: Callable[[], ImageTower],
) -> Backend:
    """Backend of whole pictures; its id is family, weights, and all that makes other vectors of the same weights."""
    return Backend(ModelId(f"{family}/{weights_hash}/{version}"), recipe.size, recipe.prepared, recipe.reduction, load)
