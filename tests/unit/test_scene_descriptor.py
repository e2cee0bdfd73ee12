"""Scenes without weights: pictures of one place agree, others do not."""

import cv2
import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st

from rushes.processors.embedding.scene_descriptor import SceneDescriptor
from tests.shots_of_pictures import jpeg

PLACES = ("astronaut", "camera", "coffee", "chelsea", "rocket", "immunohistochemistry", "retina", "coins")


def place(name: str) -> np.ndarray:
    image = getattr(skimage.data, name)()
    return image if image.ndim == 3 else np.stack([image] * 3, axis=-1)


@pytest.fixture(scope="module")
def descriptor() -> SceneDescriptor:
    return SceneDescriptor()


def test_pictures_of_different_places_do_not_agree(descriptor):
    rows = descriptor.embed([place(name) for name in PLACES])
    cosines = (rows @ rows.T)[np.triu_indices(len(PLACES), 1)]
    assert cosines.max() < 0.6
    assert np.median(cosines) < 0.25
    assert np.mean(cosines < 0.5) > 0.9


@pytest.mark.parametrize("name", PLACES)
def test_a_slightly_moved_and_brightened_picture_is_the_same_place(descriptor, name):
    image = place(name)
    height, width = image.shape[:2]
    moved = image[height // 40 : height, : width - width // 40]
    brighter = np.clip(image * 1.06, 0, 255).astype(np.uint8)
    rows = descriptor.embed([image, moved, brighter])
    assert rows[0] @ rows[1] >= 0.85
    assert rows[0] @ rows[2] >= 0.85


def test_a_jpeg_of_the_picture_is_nearly_the_picture(descriptor):
    image = place("astronaut")
    again = cv2.imdecode(np.frombuffer(jpeg(image, 50), np.uint8), cv2.IMREAD_COLOR_RGB)
    rows = descriptor.embed([image, np.asarray(again, np.uint8)])
    assert rows[0] @ rows[1] > 0.98


def test_no_pictures_give_no_rows(descriptor):
    assert descriptor.embed([]).shape == (0, descriptor.dim)


def test_a_batch_gives_what_single_pictures_give(descriptor):
    images = [place(name) for name in PLACES]
    alone = np.concatenate([descriptor.embed([image]) for image in images])
    assert np.array_equal(descriptor.embed(images), alone)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from(["black", "white", "noise", "ramp"]),
    st.integers(0, 1000),
)
def test_any_picture_gives_a_unit_vector(height, width, kind, seed):
    rng = np.random.default_rng(seed)
    image = {
        "black": np.zeros((height, width, 3), np.uint8),
        "white": np.full((height, width, 3), 255, np.uint8),
        "noise": rng.integers(0, 256, (height, width, 3)).astype(np.uint8),
        "ramp": np.broadcast_to(np.linspace(0, 255, width).astype(np.uint8)[None, :, None], (height, width, 3)).copy(),
    }[kind]
    row = SceneDescriptor().embed([image])[0]
    assert np.linalg.norm(row) == pytest.approx(1, abs=1e-5)


def test_the_noise_of_a_black_frame_says_nothing(descriptor):
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 4, (90, 160, 3)).astype(np.uint8) for _ in range(2)]
    rows = descriptor.embed(frames)
    assert rows[0] @ rows[1] > 0.95
