"""Tracklets: faces of a shot that are sure to be one person, and none that could be two."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rushes.processors.faces.tracklets import (
    CLEAR,
    LONGEST_GAP_US,
    SightedFrame,
    Sighting,
    intersection_over_union,
    link_sightings,
    match_step,
)

STEP_US = 500_000


def box(x: float, y: float = 0.3, side: float = 0.1) -> tuple[float, float, float, float]:
    return (x, y, x + side, y + side)


def person(number: int) -> np.ndarray:
    return np.eye(8)[number]


def frames_of(*faces: list[Sighting]) -> list[SightedFrame]:
    return [SightedFrame(number * STEP_US, found) for number, found in enumerate(faces)]


def drawn_frames(seed: int) -> list[SightedFrame]:
    """A shot of heads that walk, vanish and come back, some alike; every frame with up to four."""
    rng = np.random.default_rng(seed)
    telling = rng.random() < 0.6
    places = rng.uniform(0.1, 0.8, (4, 2))
    frames = []
    for number in range(8):
        places += rng.normal(0, 0.03, places.shape)
        found = []
        for who in np.flatnonzero(rng.random(4) < 0.7):
            vector = person(int(who)) + rng.normal(0, 0.3, 8)
            side = rng.uniform(0.08, 0.12)
            x, y = places[who]
            found.append(Sighting((x, y, x + side, y + side), vector / np.linalg.norm(vector) if telling else None))
        frames.append(SightedFrame(number * STEP_US, found))
    return frames


seeds = st.integers(0, 100_000)


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_no_tracklet_holds_two_faces_of_one_frame(seed):
    frames = drawn_frames(seed)
    numbers = link_sightings(frames)
    assert all(len(set(found)) == len(found) for found in numbers)
    begun = [number for found in numbers for number in found]
    assert set(begun) == set(range(max(begun, default=-1) + 1))


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_the_order_of_frames_and_of_the_faces_in_one_changes_nothing(seed):
    frames = drawn_frames(seed)
    numbers = link_sightings(frames)
    rng = np.random.default_rng(seed + 1)
    frame_order = rng.permutation(len(frames))
    face_orders = [rng.permutation(len(frames[at].sightings)) for at in frame_order]
    shuffled = [
        SightedFrame(frames[at].time_us, [frames[at].sightings[place] for place in order])
        for at, order in zip(frame_order, face_orders, strict=True)
    ]
    again = link_sightings(shuffled)
    for at, order, found in zip(frame_order, face_orders, again, strict=True):
        assert found == [numbers[at][place] for place in order]


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_no_tracklet_goes_on_after_a_longer_gap(seed):
    frames = drawn_frames(seed)
    last: dict[int, int] = {}
    for frame, found in zip(frames, link_sightings(frames), strict=True):
        for number in found:
            assert frame.time_us - last.get(number, frame.time_us) <= LONGEST_GAP_US
            last[number] = frame.time_us


def brute_force(affinity: np.ndarray, allowed: np.ndarray) -> float:
    """The greatest sum of all one-to-one matchings of pairs that may be."""
    rows, columns = affinity.shape
    best = 0.0
    for size in range(min(rows, columns) + 1):
        for chosen in itertools.combinations(range(rows), size):
            for places in itertools.permutations(range(columns), size):
                pairs = list(zip(chosen, places, strict=True))
                if all(allowed[pair] for pair in pairs):
                    best = max(best, sum(affinity[pair] for pair in pairs))
    return best


@settings(max_examples=80, deadline=None)
@given(seeds, st.integers(1, 4), st.integers(1, 4))
def test_a_step_links_the_best_of_all_matchings_as_far_as_it_is_clear(seed, rows, columns):
    rng = np.random.default_rng(seed)
    affinity = rng.random((rows, columns)) * 2
    allowed = rng.random((rows, columns)) < 0.6
    links, doubtful = match_step(affinity, allowed)
    pairs = [(row, column) for column, row in links.items()]
    for row, column in pairs:
        assert allowed[row, column]
        rest = [affinity[row, c] for c in range(columns) if c != column]
        rest += [affinity[r, column] for r in range(rows) if r != row]
        assert affinity[row, column] - max(rest, default=0.0) >= CLEAR
    if not doubtful:
        assert np.isclose(sum(affinity[pair] for pair in pairs), brute_force(affinity, allowed))
    assert not doubtful & {row for row, _ in pairs}


def test_a_head_that_moves_on_is_one_person():
    walk = [[Sighting(box(0.1 + 0.03 * number))] for number in range(5)]
    assert link_sightings(frames_of(*walk)) == [[0]] * 5


def test_a_fast_walk_needs_a_vector_that_tells_who_it_is():
    places = [box(0.1 + 0.09 * number) for number in range(4)]
    assert link_sightings(frames_of(*([Sighting(place)] for place in places))) == [[0], [1], [2], [3]]
    assert link_sightings(frames_of(*([Sighting(place, person(1))] for place in places))) == [[0]] * 4


def test_a_face_missed_in_one_frame_is_found_again_and_after_two_it_begins_anew():
    still = [Sighting(box(0.4))]
    assert link_sightings(frames_of(still, [], still)) == [[0], [], [0]]
    assert link_sightings(frames_of(still, [], [], still)) == [[0], [], [], [1]]


def test_another_person_in_the_same_place_is_another_tracklet():
    """A cut that was not found: same room, same framing."""
    before, after = [Sighting(box(0.4), person(0))], [Sighting(box(0.4), person(1))]
    assert link_sightings(frames_of(before, before, after, after)) == [[0], [0], [1], [1]]


def test_without_telling_vectors_nobody_is_followed_into_another_picture():
    """A cut that was not found, again; only the picture around the face can tell."""
    faces = [Sighting(box(0.4))]
    looks = ["00000000000000f0", "00000000000000ff", "0f0f0000000000ff"]
    frames = [SightedFrame(number * STEP_US, faces, look) for number, look in enumerate(looks)]
    assert link_sightings(frames) == [[0], [0], [1]]
    known = [SightedFrame(frame.time_us, [Sighting(box(0.4), person(0))], frame.looks) for frame in frames]
    assert link_sightings(known) == [[0]] * 3


def test_two_who_pass_each_other_are_kept_apart():
    """Without telling vectors their tracklets end where they meet; with them each goes on."""
    places = [(0.30, 0.50), (0.33, 0.46), (0.36, 0.42), (0.39, 0.38), (0.42, 0.34)]
    by_place = link_sightings(frames_of(*([Sighting(box(a)), Sighting(box(b))] for a, b in places)))
    assert all(len(set(found)) == 2 for found in by_place)
    assert by_place[0][0] not in by_place[-1]
    assert by_place[0][1] not in by_place[-1]
    known = [[Sighting(box(a), person(0)), Sighting(box(b), person(1))] for a, b in places]
    assert link_sightings(frames_of(*known)) == [[0, 1]] * 5


def test_look_alikes_side_by_side_are_told_apart_by_their_place():
    twins = [Sighting(box(0.2), person(0)), Sighting(box(0.6), person(0))]
    assert link_sightings(frames_of(twins, twins)) == [[0, 1], [0, 1]]


def test_a_face_that_could_follow_two_follows_none():
    two = [Sighting(box(0.40)), Sighting(box(0.44))]
    assert link_sightings(frames_of(two, [Sighting(box(0.42))])) == [[0, 1], [2]]


def test_a_face_of_another_size_is_not_the_same():
    assert link_sightings(frames_of([Sighting(box(0.4, side=0.1))], [Sighting(box(0.38, side=0.16))])) == [[0], [1]]


def test_overlap_is_shared_area_over_joined_area():
    assert intersection_over_union((0, 0, 1, 1), (0, 0, 1, 1)) == 1
    assert intersection_over_union((0, 0, 0.5, 1), (0.5, 0, 1, 1)) == 0
    assert np.isclose(intersection_over_union((0, 0, 0.2, 0.2), (0.1, 0, 0.3, 0.2)), 1 / 3)
