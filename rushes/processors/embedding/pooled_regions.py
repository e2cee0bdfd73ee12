"""Vectors of boxes from one pass over the picture, by RoI align (He et al. 2017) on its feature map.

One pass serves any number of boxes, where crops cost a pass each; a box smaller than a few cells of the map is seen
coarsely. A pooled vector lives in a space of its own: what a token says depends on the whole picture around it.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast

import numpy as np
from numpy.typing import NDArray

from rushes.processors.embedding.options import BackendOptions
from rushes.processors.embedding.pixels import PixelRecipe
from rushes.processors.embedding.protocol import Image, Vectors, unit_rows
from rushes.processors.embedding.torch_embedder import Backend, GridTower, TorchEmbedder
from rushes.schemas.ids import Box, ModelId

if TYPE_CHECKING:
    import torch

VERSION: Final = 1
"""Of the code below; part of the pooled vectors' model id."""

SAMPLES: Final = 2
"""Per side of a bin of the RoI align, as in Detectron2."""

BINS: Final = 4
"""Per side of a box; their mean is its vector."""


class PoolingEmbedder(TorchEmbedder):
    """TorchEmbedder and RegionEmbedder. Its towers are GridTowers."""

    def __init__(self, backend: Backend, options: BackendOptions, recipe: PixelRecipe) -> None:
        """For regions the whole picture is squashed to the size of `recipe`, so that no box is cut off."""
        super().__init__(backend, options)
        self._whole = replace(recipe, resize=recipe.size, crop=None)

    def region_model_id(self) -> ModelId:
        return ModelId(f"{self.model_id}+roi{VERSION}")

    def embed_regions(self, images: Sequence[Image], boxes: Sequence[Sequence[Box]]) -> list[Vectors]:
        loaded = self.ready()
        tower = cast("GridTower", loaded.tower)
        wanted = [index for index, found in enumerate(boxes) if found]
        found = [np.empty((0, tower.dim), np.float32)] * len(images)
        if not wanted:
            return found
        passes = loaded.run(tower.grid, [self._whole.prepared(images[index]) for index in wanted])
        start = 0
        for grid, count in passes:
            part = wanted[start : start + count]
            pooled = pooled_boxes(grid, [boxes[index] for index in part])
            for index, rows in zip(part, pooled, strict=True):
                found[index] = unit_rows(rows)
            start += count
        return found


def pooled_boxes(grid: "torch.Tensor", boxes: Sequence[Sequence[Box]]) -> list[NDArray[np.float32]]:
    """(number of its boxes, d) for each picture of the map (n, d, rows, columns)."""
    import torch  # noqa: PLC0415 - loaded by now
    from torchvision.ops import roi_align  # noqa: PLC0415 - as above

    rows, columns = grid.shape[-2:]
    steps = np.array([columns, rows, columns, rows], np.float32)
    cells = [torch.from_numpy(np.array(found, np.float32) * steps).to(grid.device) for found in boxes]
    pooled = roi_align(grid[: len(boxes)].float(), cells, BINS, sampling_ratio=SAMPLES, aligned=True)
    vectors = pooled.mean(dim=(2, 3)).cpu().numpy()
    return np.split(vectors, np.cumsum([len(found) for found in boxes])[:-1])
