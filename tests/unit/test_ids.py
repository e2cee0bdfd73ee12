"""What ids promise: tenants never collide, and the same origin gives the same id for ever."""

import itertools
import uuid

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from rushes.schemas import ids

NAMES = st.text(min_size=1, max_size=20) | st.sampled_from(
    ["a", "b/c", "a/b", 'a","b', "a]", "[", '"', "\\", "\\u0061", "é", "e\u0301", "null", "0", "\U0001f600", "\ud800"]
)
VERSIONS = st.integers(0, 2**63 - 1)
TIMES = st.none() | st.integers(0, 10**12)
KINDS = st.sampled_from(["scene", "face", "person", "region"])
CORNERS = st.integers(0, 1024)
GRID_BOXES = st.tuples(CORNERS, CORNERS, CORNERS, CORNERS)


def all_ids(library: str, media: str, version: int, time_us: int | None, kind: str) -> dict[str, str]:
    """One id of every sort, made from the same names."""
    lib, med = ids.LibraryId(library), ids.MediaId(media)
    frame = ids.frame_id(lib, med, 0, time_us)
    item = ids.item_id(lib, frame, kind, (0.25, 0.25, 0.5, 0.5))
    entry = ids.entry_id(lib, "ItemsEmbedded", media, version)
    return {
        "frame": frame,
        "shot": ids.shot_id(lib, med, version, time_us),
        "item": item,
        "item of the whole frame": ids.item_id(lib, frame, kind, None),
        "item of a version": ids.item_id_of_version(lib, item, version),
        "entry": entry,
        "cluster": ids.cluster_id(lib, kind, item, entry),
    }


@given(NAMES, NAMES, NAMES, VERSIONS, TIMES, KINDS)
@example("a", "a/b", "b/c", 0, None, "face")
def test_two_tenants_share_no_id_whatever_their_names(one, other, media, version, time_us, kind) -> None:
    assume(one != other)
    ours = set(all_ids(one, media, version, time_us, kind).values())
    theirs = set(all_ids(other, media, version, time_us, kind).values())
    assert not ours & theirs


@given(NAMES, NAMES, NAMES, NAMES)
@example("a", "b/c", "a/b", "c")
@example('a","b', "c", "a", 'b","c')
def test_moving_a_border_between_names_changes_the_id(library, media, other_library, other_media) -> None:
    assume((library, media) != (other_library, other_media))
    ours = ids.frame_id(ids.LibraryId(library), ids.MediaId(media), 0, 0)
    assert ours != ids.frame_id(ids.LibraryId(other_library), ids.MediaId(other_media), 0, 0)


@given(NAMES, NAMES, VERSIONS, TIMES, KINDS)
def test_a_replay_gives_the_same_ids_and_no_two_sorts_share_one(library, media, version, time_us, kind) -> None:
    first = all_ids(library, media, version, time_us, kind)
    assert all_ids(library, media, version, time_us, kind) == first
    assert len(set(first.values())) == len(first)
    assert all(str(uuid.UUID(value)) == value for value in first.values())


def test_the_ids_of_today_are_the_ids_of_ever() -> None:
    """Rows and topics hold these. A change here breaks every stored correction."""
    assert all_ids("wedding", "a/b.mov", 7, 40_000, "face") == {
        "frame": "1c8ff0b1-f541-5a7e-bb8f-037d8e3a1d41",
        "shot": "bc200024-c3e3-566b-9c5b-0c848d767f1f",
        "item": "ffce0d62-5a3b-5585-aef4-a555ce74b159",
        "item of the whole frame": "797f1f6e-ca92-5245-ad9c-a8a17d4e2085",
        "item of a version": "f8c8f6ff-aa4c-5532-b550-1f32d06af3fe",
        "entry": "916f3767-00a0-5a73-adeb-130a57193a9f",
        "cluster": "09d848f4-4666-5c66-8dc6-32e23f77174a",
    }


def test_every_part_of_the_origin_matters() -> None:
    lib, media = ids.LibraryId("a"), ids.MediaId("m")
    frames = [ids.frame_id(lib, media, stream, time) for stream in (0, 1) for time in (None, 0, 1)]
    shots = [ids.shot_id(lib, media, version, start) for version in (0, 1) for start in (None, 0, 1)]
    frame = frames[0]
    boxes = [None, (0.0, 0.0, 1.0, 1.0), (0.0, 0.0, 0.5, 1.0)]
    items = [ids.item_id(lib, frame, kind, box) for kind in ("face", "person") for box in boxes]
    everything = [*frames, *shots, *items]
    assert len(set(everything)) == len(everything)


@given(GRID_BOXES, st.tuples(*[st.floats(-0.49, 0.49)] * 4))
def test_a_box_that_moves_less_than_half_a_grid_step_keeps_its_id(corners, jitter) -> None:
    lib = ids.LibraryId("a")
    frame = ids.frame_id(lib, ids.MediaId("m"), 0, None)
    still = tuple(corner / ids.BOX_STEPS for corner in corners)
    moved = tuple((corner + move) / ids.BOX_STEPS for corner, move in zip(corners, jitter, strict=True))
    assert ids.item_id(lib, frame, "face", moved) == ids.item_id(lib, frame, "face", still)


@given(GRID_BOXES, GRID_BOXES)
def test_boxes_on_different_grid_points_are_different_items(one, other) -> None:
    assume(one != other)
    lib = ids.LibraryId("a")
    frame = ids.frame_id(lib, ids.MediaId("m"), 0, None)
    first, second = (tuple(corner / ids.BOX_STEPS for corner in corners) for corners in (one, other))
    assert ids.item_id(lib, frame, "face", first) != ids.item_id(lib, frame, "face", second)


@given(st.tuples(*[st.floats(-2, 3)] * 4))
def test_quantising_twice_changes_nothing_and_stays_in_the_picture(box) -> None:
    once = ids.quantised(box)
    assert ids.quantised(once) == once
    assert all(0 <= corner <= 1 for corner in once)


@given(st.permutations([(0.1, 0.1, 0.2, 0.2), (0.5, 0.1, 0.6, 0.2), (0.8, 0.1, 0.9, 0.2)]))
def test_a_detector_that_swaps_its_faces_keeps_their_ids(boxes) -> None:
    lib = ids.LibraryId("a")
    frame = ids.frame_id(lib, ids.MediaId("m"), 0, None)
    by_box = {box: ids.item_id(lib, frame, "face", box) for box in sorted(boxes)}
    assert [ids.item_id(lib, frame, "face", box) for box in boxes] == [by_box[box] for box in boxes]


@given(st.sampled_from(["split", "embed", "feedback", "cluster"]), NAMES)
def test_a_failure_delivered_again_is_the_same_letter(stage, event_id) -> None:
    event = ids.EventId(event_id)
    assert ids.letter_id(stage, event) == ids.letter_id(stage, event)
    others = {"split", "embed", "feedback", "cluster"} - {stage}
    assert all(ids.letter_id(stage, event) != ids.letter_id(other, event) for other in others)


@given(NAMES, NAMES)
def test_failures_of_different_events_are_different_letters(one, other) -> None:
    assume(one != other)
    assert ids.letter_id("split", ids.EventId(one)) != ids.letter_id("split", ids.EventId(other))


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_events_without_an_id_are_the_same_only_byte_for_byte(one, other) -> None:
    assert (ids.event_id_of_bytes(one) == ids.event_id_of_bytes(other)) == (one == other)


@given(st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z"), NAMES)
def test_a_media_key_splits_again_at_its_first_slash(library, media) -> None:
    assert ids.media_key(library, media).split("/", 1) == [library, media]


@pytest.mark.parametrize(
    ("one", "other"), list(itertools.combinations(["..", "../x", "a/b", "a\\b", "", " ", "CON", "e\u0301", "é"], 2))
)
def test_folders_of_odd_media_names_are_safe_and_apart(one, other) -> None:
    folders = [ids.media_folder(ids.LibraryId("a"), ids.MediaId(name)) for name in (one, other)]
    assert folders[0] != folders[1]
    for folder in folders:
        library, name = folder.split("/")
        assert (library, str(uuid.UUID(name))) == ("a", name)
