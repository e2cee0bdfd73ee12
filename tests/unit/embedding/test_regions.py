"""Boxes pooled from one pass: what a plain loop over the feature map gives, whatever else is in the batch."""

import numpy as np
import pytest
import torch

from rushes.processors.embedding.families import open_model
from rushes.processors.embedding.image_tower import normalised
from rushes.processors.embedding.options import BackendOptions
from rushes.processors.embedding.pooled_regions import BINS, SAMPLES
from rushes.processors.embedding.protocol import RegionEmbedder
from tests.tiny_checkpoints import pictures

PICTURES = pictures()[:4]
BOXES = [[(0.0, 0.0, 1.0, 1.0), (0.1, 0.2, 0.4, 0.9)], [], [(0.5, 0.5, 0.52, 0.53)], [(0.0, 0.0, 1.0, 1.0)]]
WITH_A_MAP = ["dinov2", "dinov2-registers", "dinov3", "dinov3-convnext", "internvit", "timm-file", "timm-folder"]
OPTIONS = BackendOptions(device="cpu", precision="float32", threads=1, batch=2)


def sampled(grid: np.ndarray, y: float, x: float) -> np.ndarray:
    """Bilinear, cells' middles at whole numbers, the border going on; grid (d, rows, columns)."""
    y, x = (min(max(at, 0.0), side - 1.0) for at, side in ((y, grid.shape[1]), (x, grid.shape[2])))
    top, left = int(y), int(x)
    bottom, right = min(top + 1, grid.shape[1] - 1), min(left + 1, grid.shape[2] - 1)
    upper = grid[:, top, left] * (1 - (x - left)) + grid[:, top, right] * (x - left)
    lower = grid[:, bottom, left] * (1 - (x - left)) + grid[:, bottom, right] * (x - left)
    return upper * (1 - (y - top)) + lower * (y - top)


def pooled_by_a_loop(grid: np.ndarray, box) -> np.ndarray:
    """RoI align as the paper says it: the mean of evenly spread samples."""
    points = BINS * SAMPLES
    x0, y0, x1, y1 = (side * at for side, at in zip((*grid.shape[:0:-1], *grid.shape[:0:-1]), box, strict=True))
    places = [
        (y0 + (y1 - y0) * (i + 0.5) / points, x0 + (x1 - x0) * (j + 0.5) / points)
        for i in range(points)
        for j in range(points)
    ]
    row = np.mean([sampled(grid, y - 0.5, x - 0.5) for y, x in places], axis=0)
    return row / np.linalg.norm(row)


@pytest.mark.parametrize("family", WITH_A_MAP)
def test_pooled_vectors_are_those_of_a_plain_loop_over_the_map(checkpoint, family):
    embedder = open_model(checkpoint(family).setting, options=OPTIONS)
    assert isinstance(embedder, RegionEmbedder)
    found = embedder.embed_regions(PICTURES, BOXES)
    assert [rows.shape for rows in found] == [(len(boxes), embedder.dim) for boxes in BOXES]
    tower = embedder.ready().tower
    for picture, boxes, rows in zip(PICTURES, BOXES, found, strict=True):
        pixels = torch.from_numpy(embedder._whole.prepared(picture)[None])
        with torch.inference_mode():
            grid = tower._grid(tower.model, normalised(pixels, tower._recipe, torch.float32))[0].numpy()
        for box, row in zip(boxes, rows, strict=True):
            assert np.abs(row - pooled_by_a_loop(grid.astype(np.float64), box)).max() < 1e-5


@pytest.mark.parametrize("family", ["dinov2", "timm-folder"])
def test_the_map_is_that_of_the_librarys_model(checkpoint, family):
    """Its mean is what the model pools itself, or its tokens in reading order."""
    made = checkpoint(family)
    embedder = open_model(made.setting, options=OPTIONS)
    tower = embedder.ready().tower
    pixels = normalised(torch.from_numpy(embedder._whole.prepared(PICTURES[0])[None]), tower._recipe, torch.float32)
    with torch.inference_mode():
        grid = tower._grid(tower.model, pixels)[0]
        if family == "dinov2":
            tokens = tower.model(pixels).last_hidden_state[0, 1:]
            assert torch.equal(grid[:, 1, 2], tokens[1 * grid.shape[2] + 2])
        else:
            assert torch.allclose(grid.mean(dim=(1, 2)), made.reference(pixels)[0], atol=1e-5)


def test_pooled_vectors_have_a_model_id_of_their_own(checkpoint):
    embedder = open_model(checkpoint("dinov2").setting, options=OPTIONS)
    assert embedder.region_model_id() != embedder.model_id
    assert embedder.embed_regions([], []) == []
    assert not isinstance(open_model(checkpoint("clip").setting, options=OPTIONS), RegionEmbedder)
