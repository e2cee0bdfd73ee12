"""Embedders whose pictures are made ready apart from the model: the same vectors, from smaller pictures too."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import skimage.data

from rushes.processors.embedding.onnx_embedder import OnnxEmbedder
from rushes.processors.embedding.preprocessing import Preprocessing, prepared
from rushes.processors.embedding.protocol import Preparing
from rushes.processors.embedding.scene_descriptor import SceneDescriptor
from rushes.processors.embedding.shrinking import REDUCED_MARGIN, reduction
from tests.tiny_onnx import tiny_embedder

PICTURES = [skimage.data.astronaut(), skimage.data.coffee(), skimage.data.rocket()[:, ::2].copy()]


@pytest.fixture(params=["opencv", {}, {"batch": 4}, {"nhwc": True}], ids=["opencv", "onnx", "fixed", "nhwc"])
def model(request, tmp_path):
    if request.param == "opencv":
        return SceneDescriptor()
    (tmp_path / "tiny.onnx").write_bytes(tiny_embedder(**request.param))
    return OnnxEmbedder(tmp_path / "tiny.onnx", threads=1, batch=2)


def test_pictures_made_ready_in_other_threads_give_the_vectors_of_embed(model):
    assert isinstance(model, Preparing)
    with ThreadPoolExecutor(3) as pool:
        ready = list(pool.map(model.prepare, PICTURES))
    assert np.array_equal(model.forward(ready), model.embed(PICTURES))
    assert model.forward([]).shape == (0, model.dim)


def test_what_is_ready_does_not_keep_the_picture(model):
    picture = PICTURES[0].copy()
    ready = model.prepare(picture)
    before = ready.copy()
    picture[:] = 0
    assert np.array_equal(ready, before)


def test_a_picture_decoded_as_small_as_the_model_allows_has_the_same_vector(model):
    for picture, (height, width) in itertools.product(PICTURES, [(1088, 1600), (544, 800)]):
        full = cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC)
        data = cv2.imencode(".jpg", np.ascontiguousarray(full[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 90])[1]
        factor = model.reduction(height, width)
        assert factor > 1
        whole = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
        small = cv2.imdecode(data, {2: 17, 4: 33, 8: 65}[factor])[..., ::-1]
        assert small.shape == (height // factor, width // factor, 3)
        first, second = model.embed([whole, np.ascontiguousarray(small)])
        assert first @ second > 0.999


@pytest.mark.parametrize("channels", ["rgb", "bgr"])
def test_the_models_numbers_are_those_of_the_plain_arithmetic(channels):
    how = Preprocessing(range=(-1, 1), mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4), channels=channels)
    picture = np.random.default_rng(0).integers(0, 256, (32, 48, 3)).astype(np.uint8)
    ordered = picture[..., ::-1] if channels == "bgr" else picture
    mean, std = np.array(how.mean, np.float32), np.array(how.std, np.float32)
    plain = (ordered.astype(np.float32) * np.float32(2 / 255) - np.float32(1) - mean) / std
    assert np.array_equal(prepared(picture, how, (32, 48)), plain)


@pytest.mark.parametrize("fit", ["squash", "crop"])
def test_a_reduced_picture_keeps_its_edges_and_the_pixels_that_the_model_needs(fit):
    rng = np.random.default_rng(0)
    found = set()
    for _ in range(2_000):
        height, width = (int(side) * int(rng.choice([1, 4, 8])) for side in rng.integers(20, 700, 2))
        size = tuple(int(side) for side in rng.choice([32, 112, 224], 2))
        factor = reduction(height, width, size, fit)
        found.add(factor)
        if factor > 1:
            assert height % factor == width % factor == 0
            shown_h, shown_w = height, width
            if fit == "crop":
                shown_h, shown_w = min(height, width * size[0] / size[1]), min(width, height * size[1] / size[0])
            assert shown_h / factor >= size[0] * REDUCED_MARGIN - 1
            assert shown_w / factor >= size[1] * REDUCED_MARGIN - 1
    assert found == {1, 2, 4, 8}
