"""The same scene or another one: light, camera and noise explain a change, another picture does not."""

import numpy as np
import pytest

from rushes.processors.shots.resemblance import _DX, _DY, _energy, _part, replaced_share
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


def test_sums_over_shifted_parts_are_those_of_a_loop():
    luma = np.random.default_rng(2).normal(0, 30, (18, 32)).astype(np.float32)
    fast = _energy(luma, _DY, _DX)
    for y in range(0, 36, 5):
        for x in range(0, 64, 7):
            slow = (_part(luma[None], int(_DY[y, x]), int(_DX[y, x])).astype(np.float64) ** 2).sum()
            assert fast[y, x] == pytest.approx(slow)
