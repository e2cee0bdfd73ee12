"""The patch tokens of a vision transformer of transformers as a feature map."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from rushes.processors.embedding.image_tower import Pool


def patch_grid(patch: int) -> "Pool":
    """For patches of so many pixels: (n, d, rows, columns), without the class token and registers in front of them."""

    def grid(model: "torch.nn.Module", pixels: "torch.Tensor") -> "torch.Tensor":
        tokens: torch.Tensor = model(pixel_values=pixels).last_hidden_state
        rows, columns = pixels.shape[-2] // patch, pixels.shape[-1] // patch
        patches = tokens[:, tokens.shape[1] - rows * columns :]
        return patches.transpose(1, 2).reshape(len(patches), -1, rows, columns)

    return grid
