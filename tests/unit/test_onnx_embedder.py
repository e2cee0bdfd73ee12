"""Any embedder file: layout, size and batch are read from it, preprocessing from its sidecar."""

import json

import numpy as np
import pytest

from rushes.processors.embedding.onnx_embedder import OnnxEmbedder
from rushes.processors.embedding.protocol import FACE_TEMPLATE
from rushes.schemas.errors import ConfigurationError
from tests.tiny_onnx import tiny_embedder

RNG = np.random.default_rng(1)
IMAGES = [RNG.integers(0, 256, (40 + 7 * i, 60 - 3 * i, 3)).astype(np.uint8) for i in range(7)]


def embedder(folder, sidecar=None, name="tiny.onnx", **shape) -> OnnxEmbedder:
    file = folder / name
    file.write_bytes(tiny_embedder(**shape))
    if sidecar is not None:
        (folder / f"{name}.json").write_text(sidecar if isinstance(sidecar, str) else json.dumps(sidecar))
    return OnnxEmbedder(file, threads=1, batch=3)


@pytest.mark.parametrize("shape", [{}, {"batch": 4}, {"batch": 1}, {"nhwc": True}, {"size": None}])
def test_a_batch_gives_what_single_pictures_give(tmp_path, shape):
    model = embedder(tmp_path, {"size": [32, 32]}, **shape)
    rows = model.embed(IMAGES)
    alone = np.concatenate([model.embed([image]) for image in IMAGES])
    assert rows.shape == (7, 16) == (7, model.dim)
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert (rows * alone).sum(axis=1).min() > 0.999


def test_all_layouts_of_one_model_agree(tmp_path):
    kinds = [{}, {"batch": 4}, {"nhwc": True}, {"size": None}]
    rows = [
        embedder(tmp_path, {"size": [32, 32]}, name=f"{i}.onnx", **shape).embed(IMAGES) for i, shape in enumerate(kinds)
    ]
    for other in rows[1:]:
        assert np.allclose(rows[0], other, atol=1e-5)


def test_no_pictures_give_no_rows(tmp_path):
    assert embedder(tmp_path).embed([]).shape == (0, 16)


def test_the_defaults_are_rgb_from_0_to_1(tmp_path):
    plain = embedder(tmp_path, name="a.onnx").embed(IMAGES)
    said = {"range": [0, 1], "mean": [0, 0, 0], "std": [1, 1, 1], "channels": "rgb", "fit": "squash"}
    assert np.array_equal(plain, embedder(tmp_path, said, name="b.onnx").embed(IMAGES))


def test_the_order_of_channels_is_the_sidecars(tmp_path):
    bgr = embedder(tmp_path, {"channels": "bgr"}, name="a.onnx").embed(IMAGES)
    turned = embedder(tmp_path, name="b.onnx").embed([np.ascontiguousarray(image[..., ::-1]) for image in IMAGES])
    assert np.allclose(bgr, turned, atol=1e-6)


def test_the_model_id_follows_weights_and_preprocessing_but_not_the_name(tmp_path):
    first = embedder(tmp_path, name="a.onnx").model_id
    assert embedder(tmp_path, name="renamed.onnx").model_id == first
    assert embedder(tmp_path, name="c.onnx", seed=1).model_id != first
    assert embedder(tmp_path, {"channels": "bgr"}, name="d.onnx").model_id != first


def test_the_template_is_the_sidecars_or_the_known_five_points(tmp_path):
    assert embedder(tmp_path, name="a.onnx").template == FACE_TEMPLATE
    points = [[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]]
    assert embedder(tmp_path, {"template": points}, name="b.onnx").template == tuple(map(tuple, points))


@pytest.mark.parametrize(
    "sidecar", ["{", "[1]", '{"means": [0, 0, 0]}', '{"std": [0, 1, 1]}', '{"template": [[0, 0]]}']
)
def test_a_sidecar_that_says_something_else_is_refused_by_name(tmp_path, sidecar):
    with pytest.raises(ConfigurationError, match=r"tiny\.onnx\.json"):
        embedder(tmp_path, sidecar)


def test_a_file_that_is_no_model_is_refused_by_name(tmp_path):
    (tmp_path / "photo.onnx").write_bytes(b"not a model")
    with pytest.raises(ConfigurationError, match=r"photo\.onnx"):
        OnnxEmbedder(tmp_path / "photo.onnx", threads=1).load()


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(ConfigurationError, match=r"nowhere\.onnx"):
        OnnxEmbedder(tmp_path / "nowhere.onnx", threads=1)


def test_a_model_that_fails_on_a_picture_is_refused_by_name(tmp_path):
    model = embedder(tmp_path, {"size": [2, 2]}, size=None)  # smaller than its first kernel
    with pytest.raises(ConfigurationError, match=r"tiny\.onnx"):
        model.load()


def test_an_output_that_is_not_there_is_refused_with_what_there_is(tmp_path):
    model = embedder(tmp_path, {"output": "logits"})
    with pytest.raises(ConfigurationError, match="logits"):
        model.load()


def test_an_unloaded_model_loads_again(tmp_path):
    model = embedder(tmp_path)
    before = model.embed(IMAGES)
    model.unload()
    assert np.array_equal(before, model.embed(IMAGES))
