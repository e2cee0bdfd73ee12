"""Hash, quality and flags of single pictures."""

import io

import numpy as np
import pytest
from PIL import Image

from rushes.processors.shots.pictures import (
    box_resize,
    hash_distance,
    is_black,
    near_duplicate,
    perceptual_hash,
)
from tests.making_media import scene


def grey(seed: int, height: int = 180, width: int = 320) -> np.ndarray:
    return np.asarray(Image.fromarray(scene(seed, height, width)).convert("L"))


@pytest.mark.parametrize("seed", range(5))
def test_a_hash_survives_compression_and_scaling(seed: int):
    picture = Image.fromarray(grey(seed))
    packed = io.BytesIO()
    picture.resize((200, 113)).save(packed, "JPEG", quality=60)
    again = np.asarray(Image.open(packed))
    assert near_duplicate(perceptual_hash(again), [perceptual_hash(np.asarray(picture))])


def test_other_pictures_have_other_hashes():
    hashes = [perceptual_hash(grey(seed)) for seed in range(10)]
    assert all(hash_distance(a, b) > 10 for i, a in enumerate(hashes) for b in hashes[:i])
    assert not near_duplicate(hashes[0], hashes[1:])


def test_hash_of_tiny_and_flat_pictures_is_a_hash():
    for shape in ((1, 1), (3, 500), (500, 2)):
        assert len(perceptual_hash(np.full(shape, 90, np.uint8))) == 16


def test_box_resize_is_the_mean_of_each_box():
    picture = np.random.default_rng(1).integers(0, 256, (70, 130)).astype(np.uint8)
    small = box_resize(picture, 7, 13)
    slow = [[picture[y * 10 : y * 10 + 10, x * 10 : x * 10 + 10].mean() for x in range(13)] for y in range(7)]
    assert np.allclose(small, slow)


def test_black_is_black_with_noise_and_not_with_a_title():
    noise = np.random.default_rng(1).integers(10, 30, (180, 320)).astype(np.uint8)
    assert is_black(noise)
    titled = noise.copy()
    titled[80:100, 100:220] = 235
    assert not is_black(titled)
