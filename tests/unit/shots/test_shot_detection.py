"""The detector on made-up films: what is a cut, what is not, and that a resumed detection finds the same."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rushes.processors.shots.detector import LONGEST_SHOT_US, Boundary, ShotDetector
from rushes.processors.shots.features import (
    CHROMA_COLUMNS,
    CHROMA_ROWS,
    LUMA_COLUMNS,
    LUMA_ROWS,
    FrameFeatures,
    PlaneSampler,
    change_between,
    features_of,
)
from rushes.processors.shots.motion import MotionMeter
from tests.making_media import Picture, fade, pan, scene, still

FRAME_US = 40_000
GRIDS = ((LUMA_ROWS, LUMA_COLUMNS), (CHROMA_ROWS, CHROMA_COLUMNS), (CHROMA_ROWS, CHROMA_COLUMNS))


def look(picture: Picture) -> FrameFeatures:
    """Features of an RGB picture: its mean as luma, and two colour differences."""
    height, width = picture.shape[:2]
    rgb = picture.astype(np.float64)
    luma = (rgb @ [0.299, 0.587, 0.114]).astype(np.uint8)
    u = np.clip(128 + 0.5 * (rgb[..., 2] - luma), 0, 255).astype(np.uint8)
    v = np.clip(128 + 0.5 * (rgb[..., 0] - luma), 0, 255).astype(np.uint8)
    planes = [np.empty((1, rows, columns), np.uint8) for rows, columns in GRIDS]
    for plane, out in zip((luma, u, v), planes, strict=True):
        PlaneSampler(height, width, *out.shape[1:])(plane, out[0])
    (features,) = features_of(*planes)
    return features


def detect(frames: list[FrameFeatures], *, first: int = 0, frame_us: int = FRAME_US) -> dict[int, Boundary]:
    detector = ShotDetector(first_frame=first)
    verdicts = []
    for i, features in enumerate(frames):
        verdicts += detector.push(features, (first + i) * frame_us)
    verdicts += detector.finish()
    assert [verdict.frame for verdict in verdicts] == list(range(first, first + len(frames)))
    return {verdict.frame: verdict.boundary for verdict in verdicts if verdict.boundary is not None}


def looks(*parts) -> list[FrameFeatures]:
    return [look(picture) for part in parts for picture in part]


def kinds(boundaries: dict[int, Boundary]) -> dict[int, str]:
    return {frame: boundary.transition for frame, boundary in boundaries.items()}


def test_hard_cuts_are_found_to_the_frame():
    frames = looks(still(scene(1), 30), pan(2, 40), still(scene(3), 12))
    assert kinds(detect(frames)) == {30: "cut", 70: "cut"}


def test_a_cut_to_the_same_room_with_another_person_is_found():
    room = scene(1)
    other = room.copy()
    other[20:80, 40:110] = scene(9)[20:80, 40:110]
    assert kinds(detect(looks(still(room, 20), still(other, 20)))) == {20: "cut"}


def test_a_moving_camera_is_no_cut():
    assert detect(looks(pan(5, 120))) == {}


def test_a_flash_is_no_cut():
    room = scene(1)
    bright = np.clip(room.astype(int) + 120, 0, 255).astype(np.uint8)
    assert detect(looks(still(room, 20), still(bright, 2), still(room, 20))) == {}


WHITE = np.full((90, 160, 3), 255, np.uint8)


def blown_out(picture: Picture, power: float) -> Picture:
    return np.clip(picture * power + 60, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("frames", [1, 4, 5, 8, 12])
def test_a_white_flash_is_no_cut_however_it_glows_on(frames: int):
    room = scene(1)
    glowing = [blown_out(room, 3.0) if i < frames / 2 else blown_out(room, 1.5) for i in range(frames)]
    for flash in (still(WHITE, frames), glowing):
        assert detect(looks(still(room, 20), flash, still(room, 20))) == {}
    walking = list(pan(2, 60))
    assert detect(looks(walking[:20], still(WHITE, frames), walking[20 + frames :])) == {}


@pytest.mark.parametrize("frames", [5, 12])
def test_a_flash_hides_no_cut(frames: int):
    found = kinds(detect(looks(still(scene(1), 20), still(WHITE, frames), still(scene(2), 20))))
    assert found
    assert set(found) <= {20, 20 + frames}


def test_a_white_picture_that_lasts_is_a_shot():
    room = scene(1)
    assert kinds(detect(looks(still(room, 20), still(WHITE, 25), still(room, 20)))) == {20: "cut", 45: "cut"}


def test_a_flash_moves_nothing():
    seen = looks(still(scene(1), 20), still(WHITE, 6), still(scene(1), 20))
    detector = ShotDetector()
    verdicts = [one for i, features in enumerate(seen) for one in detector.push(features, i * FRAME_US)]
    assert max(one.change for one in verdicts) == 0


@pytest.mark.parametrize("frames", [2, 6, 10])
def test_a_lamp_that_flickers_is_no_cut(frames: int):
    room = scene(1)
    dim = (room * 0.4).astype(np.uint8)
    assert detect(looks(still(room, 20), still(dim, frames), still(room, 20))) == {}


@pytest.mark.parametrize("shares", [(0.5,), (0.3, 0.7), (0.2,), (0.8,)])
def test_a_cut_with_blended_frames_is_one_cut(shares: tuple[float, ...]):
    a, b = scene(1), scene(2)
    between = [(a * (1 - share) + b * share).astype(np.uint8) for share in shares]
    ((frame, kind),) = kinds(detect(looks(still(a, 20), between, still(b, 20)))).items()
    assert kind == "cut"
    assert 20 <= frame <= 20 + len(shares)


def test_a_pan_that_stalls_and_jumps_is_no_cut():
    moving = list(pan(5, 120))
    assert detect(looks([moving[i - i % 8] for i in range(120)])) == {}


@pytest.mark.parametrize("n", [5, 8])
def test_nor_is_it_when_somebody_walks_along(n: int):
    moving = []
    for i, picture in enumerate(pan(5, 120)):
        shown = picture.copy()
        shown[20:90, 30 + i // 4 : 80 + i // 4] = scene(9)[20:90, 30:80]
        moving.append(shown)
    assert detect(looks([moving[i - i % n] for i in range(120)])) == {}


def test_a_fade_through_black_is_one_boundary():
    first, second = scene(1), scene(2)
    frames = looks(
        still(first, 20),
        fade(first, 15, out=True),
        still(first * 0, 10),
        fade(second, 15, out=False),
        still(second, 20),
    )
    ((frame, found),) = detect(frames).items()
    assert found.transition == "fade"
    assert 45 <= frame <= 50, "where the picture leaves black"
    assert 1 >= found.score >= found.threshold, "of the fade, not of the step out of black"


def test_black_at_the_start_belongs_to_the_shot_that_fades_in():
    picture = scene(1)
    assert detect(looks(still(picture * 0, 20), fade(picture, 15, out=False), still(picture, 20))) == {}


def test_a_drop_out_of_two_black_frames_is_no_boundary():
    picture = scene(1)
    assert detect(looks(still(picture, 20), still(picture * 0, 2), still(picture, 20))) == {}


def test_jumps_to_black_and_back_are_two_cuts():
    frames = looks(still(scene(1), 20), still(scene(1) * 0, 20), still(scene(2), 20))
    assert kinds(detect(frames)) == {20: "cut", 40: "cut"}


@pytest.mark.parametrize("rate", [1, 5, 25])
def test_no_shot_is_longer_than_a_minute(rate: int):
    frame_us = 1_000_000 // rate
    frames = [look(scene(1))] * (200 * rate)
    boundaries = detect(frames, frame_us=frame_us)
    starts = [0, *boundaries, len(frames)]
    lengths_us = [(b - a) * frame_us for a, b in pairwise(starts)]
    assert max(lengths_us) <= 60_000_000
    assert set(kinds(boundaries).values()) == {"continued"}


def test_a_cut_right_after_a_long_take_is_not_swallowed():
    frames = [look(scene(1))] * (58 * 25 + 2) + [look(scene(2))] * 50
    assert kinds(detect(frames)) == {58 * 25 + 2: "cut"}


GLANCES = [look(scene(seed)) for seed in range(3)]
GLANCES += [
    look(scene(0) * 0),
    look(WHITE),
    look(blown_out(scene(0), 2.0)),
    *looks(fade(scene(1), 4, out=False)),
    *looks(pan(7, 4)),
]

runs = st.lists(st.tuples(st.integers(0, len(GLANCES) - 1), st.integers(1, 14)), min_size=1, max_size=12)


@settings(max_examples=100, deadline=None)
@given(runs, st.sampled_from([FRAME_US, 3_000_000, 20_000_000]))
def test_detection_resumed_at_any_boundary_finds_the_same_boundaries(film, frame_us):
    frames = [GLANCES[which] for which, length in film for _ in range(length)]
    whole = detect(frames, frame_us=frame_us)
    for boundary in whole:
        resumed = detect(frames[boundary:], first=boundary, frame_us=frame_us)
        assert resumed == {frame: found for frame, found in whole.items() if frame > boundary}


@settings(max_examples=60, deadline=None)
@example([(0, 1), (0, 1), (4, 3), (3, 1)])  # it ends before its fade does
@given(runs)
def test_detection_of_a_film_is_that_up_to_a_boundary_and_that_from_it(film):
    frames = [GLANCES[which] for which, length in film for _ in range(length)]
    whole = detect(frames)
    for boundary in whole:
        before, after = detect(frames[:boundary]), detect(frames[boundary:], first=boundary)
        assert whole == {**before, boundary: whole[boundary], **after}


@settings(max_examples=40, deadline=None)
@given(runs, st.integers(1, 3))
def test_shots_last_longer_than_the_look_ahead(film, seconds):
    frames = [GLANCES[which] for which, length in film for _ in range(length)]
    boundaries = [0, *detect(frames, frame_us=seconds * 100_000)]
    assert all(b - a >= 5 for a, b in pairwise(boundaries))
    assert LONGEST_SHOT_US < 60_000_000


def test_change_is_symmetric_and_nothing_for_the_same_frame():
    a, b = look(scene(1)), look(scene(2))
    there, back = change_between(a, b), change_between(b, a)
    assert (there.score, there.share, there.replaced) == (back.score, back.share, back.replaced)
    assert change_between(a, a).score == 0


def test_features_are_block_means_and_a_histogram_whatever_frames_come_along():
    rng = np.random.default_rng(4)
    planes = [rng.integers(0, 256, (5, rows, columns), dtype=np.uint8) for rows, columns in GRIDS]
    together = features_of(*planes)
    for number, one in enumerate(together):
        for channel, plane in enumerate(planes):
            blocks = [
                [block.mean() for block in np.split(line, 32, axis=1)] for line in np.split(plane[number], 18, axis=0)
            ]
            assert one.grid[channel] == pytest.approx(np.array(blocks), abs=1e-3)
        counts = np.histogram(planes[0][number, ::2, ::2], bins=32, range=(0, 256))[0]
        assert one.histogram == pytest.approx(counts / 3600, abs=1e-6)
        (alone,) = features_of(*(plane[number : number + 1] for plane in planes))
        assert np.array_equal(alone.grid, one.grid)
        assert np.array_equal(alone.histogram, one.histogram)


@pytest.mark.parametrize("size", [(16, 16), (37, 51), (90, 160), (179, 321), (1080, 1920), (4096, 300)])
def test_any_size_of_plane_is_sampled_all_over(size):
    height, width = size
    plane = np.add.outer(np.arange(height), np.arange(width)).astype(np.uint16)
    sampled = np.empty((LUMA_ROWS, LUMA_COLUMNS), np.uint16)
    PlaneSampler(height, width, LUMA_ROWS, LUMA_COLUMNS)(plane, sampled)
    assert sampled.shape == (LUMA_ROWS, LUMA_COLUMNS)
    assert sampled.min() <= 0.04 * (height + width)
    assert sampled.max() >= 0.9 * (height + width - 2)


def meter(pictures) -> MotionMeter:
    metered, last = MotionMeter(), None
    for i, picture in enumerate(pictures):
        features = look(picture)
        metered.push(features, change_between(last, features).score if last is not None else 0.0, i * FRAME_US)
        last = features
    return metered


def test_a_pan_is_dynamic_and_a_still_is_not():
    assert meter(pan(3, 60)).dynamic
    assert not meter(still(scene(3), 60)).dynamic
    assert meter(pan(3, 60)).motion > meter(still(scene(3), 60)).motion == 0


def test_the_motion_of_a_transition_can_be_forgotten():
    metered, alone = meter([*still(scene(3), 30), *pan(3, 30)]), meter(still(scene(3), 30))
    assert metered.dynamic
    metered.forget_from(30 * FRAME_US)
    assert (metered.dynamic, metered.motion) == (alone.dynamic, alone.motion)
