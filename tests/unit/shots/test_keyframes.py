"""Which frames stand for a shot, and that few are held while it runs."""

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushes.processors.shots.keyframes import KeyframeReservoir, Pick

RATE_US = 40_000


def fill(frames: int, *, black=lambda _: False, frame_us: int = RATE_US, quality=lambda _: 0.0):
    held: list[int] = []
    reservoir: KeyframeReservoir[int] = KeyframeReservoir(quality)
    for i in range(frames):
        reservoir.push(i, i * frame_us, black=black(i), picture=lambda i=i: held.append(i) or i)
    return reservoir, held


def told(picks: list[Pick[int]]) -> list[tuple[str, int]]:
    return [(pick.why, pick.candidate.index) for pick in picks]


def test_a_static_shot_is_told_by_its_middle():
    reservoir, _ = fill(101)
    ((why, index),) = told(reservoir.pick(101 * RATE_US, dynamic=False))
    assert why == "static"
    assert abs(index - 50) <= 101 / 12


def test_a_dynamic_shot_is_told_by_start_middle_and_end_a_little_inside():
    reservoir, _ = fill(200)
    (start, first), (middle, second), (end, third) = told(reservoir.pick(200 * RATE_US, dynamic=True))
    assert (start, middle, end) == ("start", "middle", "end")
    assert 5 <= first <= 8
    assert abs(second - 100) <= 200 / 12
    assert 191 <= third <= 195


def test_a_long_take_gives_one_more_every_ten_seconds():
    reservoir, _ = fill(25 * 55)
    picks = told(reservoir.pick(25 * 55 * RATE_US, dynamic=False))
    assert [index // 25 for why, index in picks if why == "long_take"] == [10, 20, 30, 40, 50]


def test_black_frames_stand_for_a_shot_only_where_there_is_nothing_else():
    reservoir, _ = fill(100, black=lambda i: i >= 20)
    picks = told(reservoir.pick(100 * RATE_US, dynamic=True))
    assert all(index < 20 for _, index in picks)
    only_black, _ = fill(100, black=lambda _: True)
    assert [why for why, _ in told(only_black.pick(100 * RATE_US, dynamic=False))] == ["static"]


@pytest.mark.parametrize("frames", [1, 2, 3, 5, 8])
def test_short_shots_give_what_they_have_and_nothing_twice(frames: int):
    reservoir, _ = fill(frames)
    indices = [index for _, index in told(reservoir.pick(frames * RATE_US, dynamic=True))]
    assert len(indices) == len(set(indices)) == min(frames, len(indices)) >= 1


def test_memory_is_bounded_however_many_frames_a_shot_has():
    reservoir, _ = fill(60 * 240, frame_us=1_000_000 // 240)
    held = {*reservoir._light.kept, *reservoir._early, *reservoir._late, *chain(*reservoir._long)}
    assert len(held) <= 36


def test_a_blurred_frame_gives_way_to_a_clear_one_beside_it():
    nearest = {index for _, index in told(fill(200)[0].pick(200 * RATE_US, dynamic=True))}
    reservoir, _ = fill(200, quality=lambda index: 1.0 if index in nearest else 2.0)
    chosen = told(reservoir.pick(200 * RATE_US, dynamic=True))
    assert [why for why, _ in chosen] == ["start", "middle", "end"]
    assert nearest.isdisjoint(index for _, index in chosen)
    for (_, index), place in zip(chosen, sorted(nearest), strict=True):
        assert abs(index - place) <= 200 / 6


def test_hardly_better_frames_do_not_move_a_keyframe():
    plain = told(fill(200)[0].pick(200 * RATE_US, dynamic=True))
    reservoir, _ = fill(200, quality=lambda index: 1.0 + index / 2000)
    assert told(reservoir.pick(200 * RATE_US, dynamic=True)) == plain


def test_a_long_takes_extra_frames_avoid_the_blurred_one_too():
    reservoir, _ = fill(25 * 25, quality=lambda index: float(index != 250))
    extras = [index for why, index in told(reservoir.pick(25 * 25 * RATE_US, dynamic=False)) if why == "long_take"]
    assert extras[0] == 255


@given(st.integers(1, 400), st.booleans(), st.integers(0, 399))
def test_picks_are_ordered_distinct_and_within_the_shot(frames, dynamic, black_until):
    reservoir, held = fill(frames, black=lambda i: i < black_until)
    indices = [index for _, index in told(reservoir.pick(frames * RATE_US, dynamic=dynamic))]
    assert indices == sorted(set(indices))
    assert len(indices) >= 1
    assert set(indices) <= set(held) <= set(range(frames))


@given(st.integers(3, 300))
def test_three_different_frames_tell_a_dynamic_shot_of_three_or_more(frames):
    reservoir, _ = fill(frames)
    picks = [pick for pick in told(reservoir.pick(frames * RATE_US, dynamic=True)) if pick[0] != "long_take"]
    assert [why for why, _ in picks] == ["start", "middle", "end"]


def test_no_keyframe_lies_in_a_transition_while_there_are_others():
    reservoir, _ = fill(200)
    picks = told(reservoir.pick(200 * RATE_US, dynamic=True, clear_us=(40 * RATE_US, 120 * RATE_US)))
    assert len(picks) >= 2
    assert all(40 <= index < 120 for _, index in picks)
    short, _ = fill(20)
    assert told(short.pick(20 * RATE_US, dynamic=False, clear_us=(20 * RATE_US, 20 * RATE_US)))
