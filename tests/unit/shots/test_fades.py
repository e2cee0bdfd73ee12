"""Fades to and from black, white and any plain picture: their spans, and where the shots border."""

import numpy as np
import pytest

from tests.making_media import Picture, scene, still
from tests.unit.shots.test_gradual import dissolve, spans
from tests.unit.shots.test_shot_detection import detect, kinds, looks


def plain(*colour: int) -> Picture:
    return np.broadcast_to(np.array(colour, np.uint8), scene(1).shape)


PLAIN = {"black": plain(16, 16, 16), "white": plain(255, 255, 255), "blue": plain(20, 30, 120)}


@pytest.mark.parametrize("colour", PLAIN)
@pytest.mark.parametrize(("out", "pause", "into"), [(12, 8, 20), (25, 20, 25), (40, 5, 60)])
def test_a_fade_out_and_in_is_one_boundary_and_two_spans(colour, out, pause, into):
    a, b, between = scene(1), scene(2), PLAIN[colour]
    first, second = 30 + out, 30 + out + pause
    frames = looks(
        still(a, 30),
        dissolve([a] * out, [between] * out),
        still(between, pause),
        dissolve([between] * into, [b] * into),
        still(b, 30),
    )
    ((frame, kind),) = kinds(detect(frames)).items()
    assert kind == "fade"
    assert first <= frame <= second + into // 2
    gone, come = spans(frames)
    assert [(span.kind, span.direction) for span in (gone, come)] == [("fade", "out"), ("fade", "in")]
    for found, true in ((gone.start_frame, 30), (gone.end_frame, first), (come.end_frame, second + into)):
        assert abs(found - true) <= 6
    assert gone.end_frame <= frame <= come.start_frame <= frame + 2


def test_a_film_that_begins_and_ends_black_has_its_fades_and_no_boundary():
    a, black = scene(1), PLAIN["black"]
    frames = looks(still(black, 10), dissolve([black] * 20, [a] * 20), still(a, 30), dissolve([a] * 20, [black] * 20))
    frames += looks(still(black, 1))
    assert detect(frames) == {}
    assert [span.direction for span in spans(frames)] == ["in", "out"]


def test_small_print_on_black_does_not_hide_a_fade():
    a, black = scene(1).copy(), PLAIN["black"].copy()
    for picture in (a, black):
        picture[80:83, 10:60:2] = 120
    frames = looks(still(a, 30), dissolve([a] * 20, [black] * 20), still(black, 15), still(scene(2), 30))
    assert [span.direction for span in spans(frames)] == ["out"]


def test_a_hand_before_the_lens_is_no_boundary():
    a, dark = scene(1), PLAIN["black"]
    frames = looks(still(a, 30), still(dark, 12), still(a, 30))
    assert kinds(detect(frames)) in ({}, {30: "cut", 42: "cut"}), "a jump to black that lasts is a cut"
    veiled = [np.concatenate([dark[:, : 16 * i], a[:, 16 * i :]], axis=1) for i in range(1, 10)]
    slowly = looks(still(a, 30), veiled, still(dark, 4), veiled[::-1], still(a, 30))
    assert detect(slowly) == {}
