"""What a reader that skips frames may rely on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushes.processors.shots.gaps import may_hide_boundary
from tests.making_media import pan, scene
from tests.unit.shots.test_shot_detection import detect, look, looks


def test_the_same_picture_hides_nothing():
    assert not may_hide_boundary(look(scene(1)), look(scene(1)))


def test_a_little_noise_hides_nothing():
    noisy = np.clip(scene(1) + np.random.default_rng(3).normal(0, 6, scene(1).shape), 0, 255).astype(np.uint8)
    assert not may_hide_boundary(look(scene(1)), look(noisy))


@pytest.mark.parametrize("seed", range(6))
def test_two_scenes_may_hide_a_boundary(seed):
    assert may_hide_boundary(look(scene(seed)), look(scene(seed + 1)))


def test_black_and_a_dim_title_may_hide_a_boundary():
    title = scene(1) * 0
    title[40:50, 40:120] = 90
    assert may_hide_boundary(look(scene(1) * 0), look(title))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 50), st.integers(51, 99), st.integers(1, 12))
def test_frames_on_both_sides_of_any_boundary_found_are_not_called_quiet(first, second, gap):
    frames = looks(pan(first, 30), pan(second, 30))
    for boundary in detect(frames):
        assert may_hide_boundary(frames[boundary - gap], frames[min(boundary - gap + 12, boundary + 4)])
