"""From a hub to vectors: a tiny checkpoint in the family's own format, fetched by name, verified, loaded and used."""

import os

import numpy as np
import pytest
import torch
from skimage import data
from transformers import Dinov2Config, Dinov2Model

from rushes.infra.models import vision_models
from rushes.infra.settings import ModelSettings
from rushes.infra.weights.fetching import Fetcher
from rushes.infra.weights.registry import MODELS
from rushes.schemas.errors import WeightsMissing, WeightsRejected
from tests.weights_server import Served, serving

REPO = "facebook/dinov2-small"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("checkpoint")
    torch.manual_seed(0)
    config = Dinov2Config(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=14)
    Dinov2Model(config).save_pretrained(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def hub(checkpoint):
    with serving(Served()) as served:
        served.hub_repo(REPO, checkpoint)
        yield served


@pytest.fixture
def settings(hub, tmp_path) -> ModelSettings:
    return ModelSettings(
        folder=tmp_path, hub=hub.url, face_detector="off", device="cpu", precision="float32", threads=1
    )


def test_a_model_by_its_name_gives_the_vectors_of_its_checkpoint(settings, hub):
    named = settings.model_copy(update={"scene": "dinov2-s", "image_size": 28})
    with pytest.raises(WeightsMissing, match="rushes models fetch dinov2-s"):
        vision_models(named)
    Fetcher(settings, lambda _: None).fetch(MODELS["dinov2-s"])
    hub.asked.clear()
    scene = vision_models(named).scene
    rows = scene.embed([data.astronaut(), data.coffee()])
    assert rows.shape == (2, 32)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert scene.model_id.startswith("dinov2/")
    assert not scene.weak
    assert hub.asked == []  # what is on the shelf is enough


def test_where_downloads_are_allowed_a_missing_model_comes_at_start_up_by_name_or_repository(settings, hub):
    named = settings.model_copy(update={"scene": "dinov2-s", "image_size": 28, "download": True})
    by_name = vision_models(named).scene
    by_repository = vision_models(named.model_copy(update={"scene": f"dinov2:{REPO}"})).scene
    assert by_name.model_id == by_repository.model_id
    assert sum(path.endswith("model.safetensors") for path, _ in hub.asked) == 1


def test_weights_that_somebody_changed_do_not_load(settings, hub):
    Fetcher(settings, lambda _: None).fetch(MODELS["dinov2-s"])
    file = settings.folder / "dinov2-s/model.safetensors"
    changed = bytearray(file.read_bytes())
    changed[-1] ^= 1
    file.write_bytes(bytes(changed))
    os.utime(file, ns=(1, 1))
    with pytest.raises(WeightsRejected, match=r"expected SHA-256"):
        vision_models(settings.model_copy(update={"scene": "dinov2-s"}))
