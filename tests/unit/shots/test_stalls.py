"""A picture that stands and jumps: told from a cut by where its parts have got to."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shot_scenes import KINDS, lookalike, stalls

from rushes.processors.shots.features import FrameFeatures, change_between
from rushes.processors.shots.stalls import goes_on, stands_still
from tests.making_media import scene
from tests.unit.shots.test_shot_detection import detect, kinds, look, looks

WIDE = scene(3, 180, 480)


def made(kind, seed):
    return kind(np.random.default_rng((seed, KINDS.index(kind))))


def somebody_before(view, left, who=9):
    shown = view.copy()
    shown[40:180, left : left + 150] = scene(who, 180, 320)[40:180, 60:210]
    return shown


@pytest.mark.parametrize("seed", [18, 29, 32])
def test_a_pan_that_stalls_is_no_cut_however_large_the_people_in_it(seed: int):
    assert detect(looks(made(stalls, seed).frames)) == {}


@pytest.mark.parametrize("seed", [4, 7])
def test_another_person_in_the_same_room_is_a_cut(seed: int):
    clip = made(lookalike, seed)
    assert kinds(detect(looks(clip.frames))) == dict.fromkeys(clip.cuts, "cut")


@pytest.mark.parametrize(("shift", "left"), [(8, 120), (20, 60), (40, 90), (60, 100)])
def test_scene_and_person_that_moved_each_their_way_go_on(shift: int, left: int):
    a, b = somebody_before(WIDE[:, :320], 100), somebody_before(WIDE[:, shift : 320 + shift], left)
    assert goes_on(look(a), look(b))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 60), st.integers(1, 60), st.integers(0, 60))
def test_another_scene_does_not_go_on(seed: int, further: int, shift: int):
    other = scene(seed + further, 180, 480)[:, shift : 320 + shift]
    assert not goes_on(look(scene(seed, 180, 320)), look(other))


@pytest.mark.parametrize("who", range(10, 20))
def test_another_person_before_the_same_wall_does_not_go_on(who: int):
    a, b = somebody_before(WIDE[:, :320], 100), somebody_before(WIDE[:, :320], 110, who)
    assert not goes_on(look(a), look(b))


def test_a_frame_that_was_not_looked_at_explains_nothing():
    seen = look(scene(1))
    made_up = FrameFeatures(seen.grid, seen.histogram)
    assert not goes_on(made_up, seen)
    assert not goes_on(seen, made_up)


def test_a_picture_stands_still_but_for_noise_and_not_where_somebody_moves():
    rng = np.random.default_rng(1)
    noisy = [np.clip(scene(1) + rng.normal(0, 5, scene(1).shape), 0, 255).astype(np.uint8) for _ in range(2)]
    assert stands_still([change_between(*map(look, noisy))])
    moved = scene(1).copy()
    moved[40:60, 60:90] = scene(9)[40:60, 60:90]
    assert not stands_still([change_between(look(scene(1)), look(moved))])
