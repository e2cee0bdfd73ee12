"""The same scene or another one: light, camera and noise explain a change, another picture does not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushes.processors.shots.features import FrameFeatures
from rushes.processors.shots.resemblance import _DX, _DY, _corners, _energy, _part, explained_by_parts, replaced_share
from tests.making_media import scene
from tests.unit.shots.test_shot_detection import look

WIDE = scene(3, 180, 480)


@pytest.mark.parametrize("gain", [0.4, 0.6, 1.3, 1.8])
def test_another_light_is_the_same_scene(gain):
    lit = np.clip(scene(1) * gain, 0, 255).astype(np.uint8)
    assert replaced_share(look(scene(1)), look(lit), 0.12) < 0.12


@pytest.mark.parametrize("shift", [12, 40, 90])
def test_a_camera_that_jumped_aside_sees_the_same_scene(shift):
    a, b = WIDE[:, 100:420], WIDE[:, 100 + shift // 2 : 420 + shift // 2]
    assert replaced_share(look(a), look(b), 0.12) < 0.12


@pytest.mark.parametrize("seed", range(2, 12))
def test_another_picture_is_another_scene(seed):
    assert replaced_share(look(scene(1)), look(scene(seed)), 0.12) > 0.3


def test_another_person_before_the_same_wall_is_another_scene():
    other = scene(1).copy()
    other[20:80, 40:110] = scene(9)[20:80, 40:110]
    assert replaced_share(look(scene(1)), look(other), 0.12) > 0.12


def somebody_before(view, left):
    shown = view.copy()
    shown[60:180, left : left + 90] = scene(9, 180, 320)[60:180, 100:190]
    return shown


@pytest.mark.parametrize(("shift", "left"), [(20, 120), (20, 80), (40, 90), (60, 85)])
def test_a_camera_that_jumped_aside_while_somebody_walked_sees_the_same_scene(shift, left):
    a, b = somebody_before(WIDE[:, :320], 100), somebody_before(WIDE[:, shift : 320 + shift], left)
    assert explained_by_parts(look(a), look(b))


def test_a_camera_that_jumped_does_not_explain_another_picture():
    for seed in range(2, 12):
        assert not explained_by_parts(look(scene(1)), look(scene(seed)))
    other = scene(1).copy()
    other[20:80, 40:110] = scene(9)[20:80, 40:110]
    assert not explained_by_parts(look(scene(1)), look(other))


@pytest.mark.parametrize("seed", range(8))
def test_nor_does_it_in_the_dark_where_any_shift_leaves_little(seed):
    rng = np.random.default_rng(seed)
    a, b = (rng.integers(0, 60, (90, 160, 3)).astype(np.uint8) + scene(one) // 2 for one in (seed, seed + 1))
    assert not explained_by_parts(look(a), look(b))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(-3, 3), st.integers(-8, 8))
def test_what_a_shift_explains_is_what_a_loop_over_all_shifts_finds(seed, dy, dx):
    rng = np.random.default_rng(seed)
    grid = rng.uniform(16, 235, (3, 18, 32)).astype(np.float32)
    moved = np.roll(grid, (dy, dx), axis=(1, 2)) if rng.random() < 0.5 else grid[:, ::-1].copy()
    a, b = (FrameFeatures(one, np.zeros(32, np.float32)) for one in (grid, moved))
    most, left, lefts = -1, 1.0, []
    for rows in range(-3, 4):
        for columns in range(-8, 9):
            inside = seen = 0
            for y, x in np.ndindex(18, 32):
                if not (0 <= y - rows < 18 and 0 <= x - columns < 32):
                    continue
                seen += 1
                around = grid[:, max(y - rows - 1, 0) : y - rows + 2, max(x - columns - 1, 0) : x - columns + 2]
                low, high = around.min(axis=(1, 2)), around.max(axis=(1, 2))
                off = np.maximum(np.maximum(low - moved[:, y, x], moved[:, y, x] - high), 0).sum()
                inside += bool(off < 20)
            lefts.append(1 - inside / seen)
            if inside > most:
                most, left = inside, 1 - inside / seen
    changed = np.count_nonzero(np.abs(grid - moved).sum(axis=0) >= 32) / 576
    assert explained_by_parts(a, b) == (left <= 0.3 * changed and left <= 0.35 * np.median(lefts))


def test_sums_over_shifted_parts_are_those_of_a_loop():
    luma = np.random.default_rng(2).normal(0, 30, (18, 32)).astype(np.float32)
    fast = _energy(luma, _corners(_DY, _DX))
    for y in range(0, 36, 5):
        for x in range(0, 64, 7):
            slow = (_part(luma[None], int(_DY[y, x]), int(_DX[y, x])).astype(np.float64) ** 2).sum()
            assert fast[y, x] == pytest.approx(slow)
