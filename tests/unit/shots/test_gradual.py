"""Dissolves: found at any length, to a few frames, and told from what moves or lights up slowly."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushes.processors.shots.detector import ShotDetector
from rushes.processors.shots.features import FrameFeatures
from rushes.processors.shots.gradual import HELD, MISFIT, FrameMemory, mixed_between
from rushes.schemas.shots import TransitionSpan
from tests.making_media import Picture, pan, scene, still
from tests.unit.shots.test_shot_detection import FRAME_US, detect, kinds, look, looks


def spans(frames: list[FrameFeatures], *, frame_us: int = FRAME_US) -> list[TransitionSpan]:
    detector = ShotDetector()
    verdicts = [v for i, features in enumerate(frames) for v in detector.push(features, i * frame_us)]
    return [v.transition for v in (*verdicts, *detector.finish()) if v.transition is not None]


def mixture(a: Picture, b: Picture, share: float) -> Picture:
    return (a * (1 - share) + b * share).astype(np.uint8)


def dissolve(first: list[Picture], second: list[Picture]) -> list[Picture]:
    n = len(first)
    return [mixture(a, b, (i + 1) / (n + 1)) for i, (a, b) in enumerate(zip(first, second, strict=True))]


@pytest.mark.parametrize("length", [6, 10, 15, 25, 50, 95])
def test_a_dissolve_is_one_boundary_where_it_is_over(length):
    a, b = scene(1), scene(2)
    frames = looks(still(a, 30), dissolve([a] * length, [b] * length), still(b, 30))
    ((frame, kind),) = kinds(detect(frames)).items()
    assert kind == "dissolve"
    assert abs(frame - (30 + length)) <= max(3, length // 10)
    (span,) = spans(frames)
    assert (span.kind, span.end_frame) == ("dissolve", frame)
    assert abs(span.start_frame - 30) <= max(3, length // 10)
    assert (span.start_us, span.end_us) == (span.start_frame * FRAME_US, span.end_frame * FRAME_US)
    assert span.score is not None
    assert span.threshold is not None
    assert 1 >= span.score >= span.threshold >= 1 - MISFIT


def test_a_dissolve_between_moving_cameras_is_found():
    before, after = list(pan(3, 70)), list(pan(4, 70))
    frames = looks(before[:45], dissolve(before[45:], after[:25]), after[25:])
    assert list(kinds(detect(frames)).values()) == ["dissolve"]


def test_a_dissolve_from_one_person_to_another_before_the_same_wall_is_found():
    room = scene(1)
    other = room.copy()
    other[20:80, 40:110] = scene(9)[20:80, 40:110]
    frames = looks(still(room, 20), dissolve([room] * 20, [other] * 20), still(other, 20))
    assert list(kinds(detect(frames)).values()) == ["dissolve"]


@pytest.mark.parametrize("rate", [10, 24, 50, 120])
def test_a_dissolve_of_a_second_is_found_at_any_frame_rate(rate):
    a, b = look(scene(1)), look(scene(2))
    frames = [a] * rate + [blend(a, b, i / rate) for i in range(1, rate)] + [b] * rate
    (span,) = spans(frames, frame_us=1_000_000 // rate)
    assert abs(span.start_us - 1_000_000) <= 150_000
    assert abs(span.end_us - 2_000_000) <= 250_000


def test_a_slow_pan_is_no_dissolve():
    wide = scene(5, 90, 400)
    places = [*[0] * 30, *range(60), *[60] * 30]
    assert spans(looks([wide[:, i // 2 : i // 2 + 160] for i in places])) == []


def test_a_light_that_is_dimmed_slowly_is_no_dissolve():
    picture = scene(6)
    dimmed = [(picture * (1 - 0.6 * i / 25)).astype(np.uint8) for i in range(26)]
    frames = looks(still(picture, 30), dimmed, still(dimmed[-1], 30))
    assert (spans(frames), detect(frames)) == ([], {})


def test_somebody_who_walks_in_and_stays_is_no_dissolve():
    room, look_of = scene(1), scene(9)[:, :60]

    def with_person(x: int) -> Picture:
        picture = room.copy()
        picture[10:, max(x, 0) : max(x + 60, 0)] = look_of[10:, max(-x, 0) :]
        return picture

    walk = [with_person(x) for x in range(-60, 50, 4)]
    frames = looks(still(room, 30), walk, still(walk[-1], 30))
    assert (spans(frames), detect(frames)) == ([], {})


def blend(a: FrameFeatures, b: FrameFeatures, share: float) -> FrameFeatures:
    mixed = a.grid * np.float32(1 - share) + b.grid * np.float32(share)
    return replace(a, grid=mixed, histogram=a.histogram * np.float32(1 - share) + b.histogram * np.float32(share))


LOOKS = [look(scene(seed)) for seed in range(4)] + [look(scene(0) * 0), look(scene(0) * 0 + 255)]

segments = st.lists(
    st.tuples(st.integers(0, len(LOOKS) - 1), st.integers(1, 40), st.sampled_from([0, 0, 3, 8, 20, 45])),
    min_size=1,
    max_size=6,
)


def film_of(parts: list[tuple[int, int, int]]) -> list[FrameFeatures]:
    """Pictures (which, how long), each led out by so many frames mixed with the next."""
    frames: list[FrameFeatures] = []
    for (which, length, out), (following, _, _) in zip(parts, [*parts[1:], parts[-1]], strict=True):
        frames += [LOOKS[which]] * length
        frames += [blend(LOOKS[which], LOOKS[following], (i + 1) / (out + 1)) for i in range(out)]
    return frames


@settings(max_examples=40, deadline=None)
@given(segments, st.sampled_from([FRAME_US, 20_000]))
def test_detection_resumed_behind_any_transition_finds_the_same(parts, frame_us):
    frames = film_of(parts)
    whole = detect(frames, frame_us=frame_us)
    for boundary in whole:
        resumed = detect(frames[boundary:], first=boundary, frame_us=frame_us)
        assert resumed == {frame: found for frame, found in whole.items() if frame > boundary}
        before = detect(frames[:boundary], frame_us=frame_us)
        assert before == {frame: found for frame, found in whole.items() if frame < boundary}


@settings(max_examples=30, deadline=None)
@given(segments)
def test_transitions_do_not_overlap_and_lie_in_the_film(parts):
    frames = film_of(parts)
    found = spans(frames)
    assert all(0 <= span.start_frame < span.end_frame <= len(frames) for span in found)
    assert all(one.end_frame <= other.start_frame for one, other in pairwise(found))


def test_distances_are_those_between_the_pictures_whatever_was_forgotten():
    memory = FrameMemory()
    shown = [look(picture) for picture in pan(7, HELD + 50)]
    for i, features in enumerate(shown):
        assert memory.push(i, i * 60_000, features)
        assert memory.count <= HELD
    memory.forget_before(5)
    small = [np.rint(shown[i].grid.reshape(3, 9, 2, 16, 2).mean(axis=(2, 4)) - 128) for i in memory.frames]
    expected = [[((a - b) ** 2).sum() for b in small] for a in small]
    assert np.array_equal(memory.apart[: memory.count, : memory.count], expected)
    assert memory.features == [shown[i] for i in memory.frames]


def test_the_misfit_is_that_of_pictures_averaged_and_measured_one_by_one():
    a, b = scene(1), scene(2)
    noise = np.random.default_rng(1)
    pictures = [*still(a, 12), *dissolve([a] * 14, [b] * 14), *still(b, 6)]
    memory = FrameMemory()
    for i, picture in enumerate(pictures):
        rough = np.clip(picture + noise.normal(0, 8, picture.shape), 0, 255).astype(np.uint8)
        memory.push(i, i * 60_000, look(rough))
    mixed = mixed_between(memory, 26, len(pictures) - 1)
    assert mixed is not None
    small = [np.rint(f.grid.reshape(3, 9, 2, 16, 2).mean(axis=(2, 4)) - 128).ravel() for f in memory.features]
    before = np.mean(small[mixed.before - 2 : mixed.before + 1], axis=0)
    line = np.mean(small[26:], axis=0) - before
    misfits = []
    for i in range(mixed.before + 1, 26):
        even = before + line * (i - mixed.before) / (26 - mixed.before)
        misfits.append(((small[i] - even) ** 2).sum() / (line**2).sum())
    assert mixed.misfit == pytest.approx(np.mean(misfits), rel=1e-2)
    assert abs(mixed.before - 11) <= 1
