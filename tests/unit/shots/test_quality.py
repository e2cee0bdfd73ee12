"""The figures of a picture's quality: each follows what it names and little else."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
import skimage.data
from skimage.measure import blur_effect

from rushes.processors.shots.quality import (
    Detail,
    effective_lines,
    noise_levels,
    perceived_blur,
    quality_of,
    richest_window,
    score_of,
)
from rushes.schemas.shots import FrameQuality
from tests.making_media import scene

PHOTOGRAPHS = ("astronaut", "coffee", "chelsea")


def photograph(name: str) -> np.ndarray:
    return cv2.cvtColor(getattr(skimage.data, name)(), cv2.COLOR_RGB2GRAY)


def noisy(picture: np.ndarray, sigma: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, sigma, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def detail(picture: np.ndarray) -> Detail:
    left, top, right, bottom = richest_window(picture.shape[1], picture.shape[0], picture)
    return Detail(picture[top:bottom, left:right], min(picture.shape))


def figures(picture: np.ndarray) -> FrameQuality:
    return quality_of(picture, detail(picture))


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_perceived_blur_is_that_of_scikit_image(name: str):
    picture = photograph(name)
    for seen in (picture, cv2.GaussianBlur(picture, (0, 0), 2)):
        assert perceived_blur(seen) == pytest.approx(blur_effect(seen.astype(float)), abs=1e-4)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_sharpness_and_resolution_fall_with_every_step_of_blur(name: str):
    steps = [figures(cv2.GaussianBlur(photograph(name), (0, 0), sigma)) for sigma in (0.3, 1.5, 3, 6)]
    assert steps[1].resolution < steps[0].resolution
    for better, worse in pairwise(steps):
        assert worse.sharpness < better.sharpness
        assert worse.resolution <= better.resolution
        assert score_of(worse) < score_of(better)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
@pytest.mark.parametrize("sigma", [5, 10, 20])
def test_the_noise_that_was_added_is_found_in_spite_of_the_texture(name: str, sigma: float):
    before, after = noise_levels(photograph(name)), noise_levels(noisy(photograph(name), sigma))
    assert before < 3
    assert 0.75 * sigma <= after <= 1.35 * sigma


@pytest.mark.parametrize("name", PHOTOGRAPHS)
@pytest.mark.parametrize("factor", [2, 3])
def test_an_enlarged_picture_has_about_the_lines_of_its_original(name: str, factor: int):
    picture = photograph(name)
    larger = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    assert effective_lines(detail(picture)) == min(picture.shape)
    assert effective_lines(detail(larger)) <= 1.65 * min(picture.shape)


def test_exposure_and_contrast_tell_the_dark_the_clipped_and_the_flat():
    picture = photograph("chelsea")
    good = quality_of(picture)
    assert quality_of(picture // 6).exposure < 0.5 * good.exposure
    assert quality_of(np.clip(picture.astype(int) * 3, 0, 255).astype(np.uint8)).exposure < 0.5 * good.exposure
    assert quality_of(picture // 4 + 90).contrast < 0.5 * good.contrast


def test_noise_and_resolution_are_not_guessed_from_a_small_picture():
    small = quality_of(photograph("coffee"))
    assert small.noise is None
    assert small.resolution is None
    assert 0 < score_of(small) <= 100


@pytest.mark.parametrize("shape", [(1, 1), (3, 700), (12, 12), (16, 16), (90, 160)])
def test_any_picture_has_figures(shape):
    for picture in (np.full(shape, 128, np.uint8), np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8)):
        assert 0 <= score_of(figures(picture)) <= 100


def test_one_bad_figure_spoils_the_score():
    good = FrameQuality(sharpness=1, exposure=1, contrast=1, noise=1, resolution=1)
    assert score_of(good) == 100
    for name in FrameQuality.model_fields:
        assert score_of(good.model_copy(update={name: 0.1})) < 80


def test_a_place_in_soft_focus_is_still_a_place():
    quality = quality_of(cv2.cvtColor(scene(1), cv2.COLOR_RGB2GRAY))
    assert (quality.sharpness * quality.exposure * quality.contrast) ** (1 / 3) > 0.2
