"""Pictures at a model's size."""

import cv2
import numpy as np
import pytest
import skimage.data
from hypothesis import given
from hypothesis import strategies as st

from rushes.processors.embedding.shrinking import resized

SIZES = [(480, 640), (540, 960), (720, 1280), (1080, 1920), (1080, 1921), (225, 2400), (1600, 300)]


def means(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Oracle: the mean of what each pixel covers, from sums up to every place between two pixels."""
    found = picture.astype(np.float64)
    for axis, wanted in enumerate(size):
        have = found.shape[axis]
        sums = np.concatenate([np.zeros_like(np.take(found, [0], axis)), found.cumsum(axis)], axis)
        places = np.arange(wanted + 1) * have / wanted
        whole = np.minimum(places.astype(int), have - 1)
        rest = np.expand_dims(places - whole, tuple(other for other in range(3) if other != axis))
        upto = np.take(sums, whole, axis) + rest * np.take(found, whole, axis)
        found = np.diff(upto, axis=axis) * wanted / have
    return found


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("photograph", ["astronaut", "coffee", "rocket"])
def test_each_pixel_is_about_the_mean_of_what_it_stands_for(photograph, shape):
    picture = cv2.resize(getattr(skimage.data, photograph)(), shape[::-1], interpolation=cv2.INTER_CUBIC)
    exact = means(picture, (224, 224))
    off = np.abs(resized(picture, (224, 224)) - exact)
    assert off.mean() < 1.5


@pytest.mark.parametrize("period", [2, 3, 4])
@pytest.mark.parametrize("shape", SIZES)
def test_a_pattern_too_fine_for_the_model_hardly_comes_through(shape, period):
    for axis, side in enumerate(shape):
        if side >= 4 * 224:
            stripes = np.arange(side) % period * 200 / (period - 1)
            picture = np.broadcast_to(np.expand_dims(stripes, (1 - axis, 2)), (*shape, 3)).astype(np.uint8)
            # a bilinear sample alone keeps 55 to 60, the exact mean 4 to 15
            assert resized(picture, (224, 224))[..., 0].std() < 15


@given(st.integers(32, 700), st.integers(32, 700))
def test_a_ramp_stays_a_ramp_in_its_place(height, width):
    ramp = np.linspace(20, 220, width)[None, :, None].repeat(height, 0).repeat(3, 2).astype(np.uint8)
    found = resized(ramp, (32, 32)).astype(float)
    assert np.abs(found - means(ramp, (32, 32))).max() < 3


def test_a_picture_of_the_models_size_is_left_alone():
    picture = skimage.data.astronaut()
    assert resized(picture, picture.shape[:2]) is picture
