"""New versions of a media, and deletion: nothing of the old stays in the way, nothing deleted comes back."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushes.processors.clustering.timeline import Timeline
from rushes.schemas.ids import FrameId, MediaId
from tests.builders import LEFT, RIGHT, axis, fixed_library
from tests.random_library import MEDIA, POLICIES, random_library

OTHER_PICTURE = "f" * 16


def test_a_frame_that_was_empty_before_a_deletion_is_deleted_with_the_next_one():
    lib = fixed_library()
    lib.one("a", 0)
    lib.remove("a", version=1)
    assert not lib.state.frames
    lib.one("a", 0, faces=[(LEFT, axis(5))], version=2)
    changes = lib.remove("a", version=2)
    assert changes.removed.keys() == {lib.item_id("a", 0, "face", LEFT)}
    assert not lib.state.items
    assert not lib.state.frames


@pytest.mark.parametrize("policy", POLICIES)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_after_deletion_nothing_of_any_media_is_left(policy, seed):
    lib = random_library(seed, policy=policy)
    told = {}
    for media in MEDIA:
        told.update(lib.remove(media, version=9).items)
    assert not lib.state.items
    assert not lib.state.frames
    assert not lib.state.in_noise
    assert {record.cluster_id for record in told.values()} <= {None}
    assert all(not cluster.members and not cluster.exemplars for cluster in lib.state.clusters.values())
    assert all(not cluster.total.any() for cluster in lib.state.clusters.values())
    assert all(cluster.record.status in {"retired", "merged"} for cluster in lib.state.clusters.values())
    assert all(space.rules.empty() for space in lib.state.spaces.values())


def test_a_person_in_the_new_picture_is_not_kept_from_their_character_by_the_old_picture():
    lib = fixed_library()
    lib.one("x", faces=[(LEFT, axis(5))])
    lib.one("a", scene=axis(0), faces=[(LEFT, axis(5))])
    lib.totals("a")
    old = lib.item_id("a", 0, "face", LEFT)
    ann = lib.cluster_of(old)
    changes = lib.one("a", scene=axis(1), faces=[(LEFT, axis(5))], version=2, phash=OTHER_PICTURE)
    (new,) = [item for item in lib.state.items.values() if item.media_id == "a" and item.kind == "face"]
    assert new.item_id != old
    assert new.cluster_id == ann
    assert new.record is not None
    scene = next(item for item in lib.state.items.values() if item.media_id == "a" and item.kind == "scene")
    assert new.record.parent_cluster_id == scene.cluster_id
    assert changes.items[old].decision == "retired"


def test_a_duplicate_of_a_shot_that_was_recognised_tells_its_items_again():
    lib = fixed_library()
    lib.one("a", 0, scene=axis(0))
    lib.one("a", 10_000, scene=axis(0), version=2)
    item = lib.item_id("a", 0, "scene", None)
    changes = lib.apply(lib.entries[1])
    assert changes.items == {item: lib.record(item)}


def test_a_greater_version_mid_way_overrules_the_older_which_comes_too_late():
    lib = fixed_library()
    lib.one("a", 0, scene=axis(0))
    late = lib.shot_entry("a", [lib.frame("a", 1_000_000, scene=axis(1))])
    lib.one("a", 0, scene=axis(0), version=2)
    assert not lib.apply(late).items
    assert not lib.totals("a").statuses
    changes = lib.totals("a", version=2)
    assert changes.statuses[MediaId("a")].state == "complete"
    assert changes.statuses[MediaId("a")].version == 2
    assert set(lib.state.items) == {lib.item_id("a", 0, "scene", None)}


def test_a_late_deletion_of_an_older_version_takes_what_the_newer_does_not_show():
    lib = fixed_library()
    lib.one("a", 0, scene=axis(0))
    lib.one("a", 1_000_000, scene=axis(1))
    kept, gone = lib.item_id("a", 0, "scene", None), lib.item_id("a", 1_000_000, "scene", None)
    lib.confirm("f1", gone)
    lib.one("a", 0, scene=axis(0), version=2)
    changes = lib.remove("a", version=1)
    assert changes.removed.keys() == {gone}
    assert set(lib.state.items) == {kept}
    assert lib.totals("a", version=2).statuses[MediaId("a")].state == "complete"


def test_a_media_comes_again_after_its_deletion_with_a_greater_version_only():
    lib = fixed_library()
    lib.one("a", scene=axis(0), version=2)
    lib.remove("a", version=2)
    assert not lib.one("a", scene=axis(0), version=1).items
    assert not lib.totals("a", version=2).statuses
    lib.one("a", scene=axis(0), version=3)
    changes = lib.totals("a", version=3)
    assert changes.statuses[MediaId("a")].state == "complete"
    assert not lib.remove("a", version=1).items
    assert len(lib.state.items) == 1


def test_a_deletion_before_the_upload_stops_its_shots():
    lib = fixed_library()
    assert lib.remove("a", version=2).statuses[MediaId("a")].state == "removed"
    assert not lib.one("a", scene=axis(0), version=2).items
    assert not lib.state.items


def test_parts_and_totals_complete_a_media_in_any_order():
    lib = fixed_library()
    frames = [lib.frame("a", t, scene=axis(0)) for t in (0, 1000, 2000)]
    parts = [lib.shot_entry("a", frames[:1], part=0, final=False)]
    parts += [
        parts[0].model_copy(update={"part": i, "final": i == 2, "frames": (frames[i],), "entry_id": frames[i].frame_id})
        for i in (1, 2)
    ]
    lib.totals("a")
    entries = [*parts, lib.entries[0]]
    for seed in range(24):
        random.Random(seed).shuffle(entries)
        other = fixed_library()
        states = [other.apply(entry).statuses[MediaId("a")].state for entry in entries]
        assert states == ["clustering"] * 3 + ["complete"]


def test_the_cover_of_a_cluster_follows_the_new_version_of_its_picture():
    lib = fixed_library()
    lib.one("a", scene=axis(0))
    item = lib.item_id("a", 0, "scene", None)
    frame = lib.frame("a", 0, scene=axis(0)).model_copy(update={"thumbnail_uri": "mem://new.jpg"})
    changes = lib.shot("a", frame, version=2)
    assert changes.items[item].thumbnail_uri == "mem://new.jpg"
    assert changes.clusters[lib.cluster_of(item)].cover_uri == "mem://new.jpg"


def test_faces_of_another_length_in_one_group_are_refused_and_the_others_stand():
    lib = fixed_library()
    lib.one("a", faces=[(LEFT, axis(5))])
    good, bad = (lib.frame("b", t, faces=[(LEFT, axis(5)), (RIGHT, axis(6))]) for t in (0, 1000))
    short = lib.frame("b", 1000, faces=[(LEFT, axis(5)[:8] + 1)]).kinds[1].items[0]
    faces = bad.kinds[1].model_copy(update={"items": (bad.kinds[1].items[1], short)})
    entry = lib.shot_entry("b", [good, bad.model_copy(update={"kinds": (bad.kinds[0], faces)})])
    changes = lib.apply(entry)
    assert [refusal.code for refusal in changes.refusals.values()] == ["model-mismatch"]
    assert len([item for item in lib.state.items.values() if item.media_id == "b"]) == 2


@given(st.lists(st.tuples(st.integers(0, 1), st.none() | st.integers(0, 50)), max_size=30), st.data())
def test_the_timeline_finds_what_a_look_at_all_frames_finds(places, data):
    timeline: Timeline[FrameId] = Timeline()
    frames = {FrameId(str(i)): place for i, place in enumerate(places)}
    for frame_id, place in frames.items():
        timeline.add(frame_id, *place)
        timeline.add(frame_id, *place)
    for frame_id in data.draw(st.sets(st.sampled_from(list(frames)))) if frames else ():
        timeline.discard(frame_id, *frames.pop(frame_id))
    assert set(timeline) == set(frames)
    stream, time, tolerance = data.draw(st.tuples(st.integers(0, 1), st.none() | st.integers(0, 50), st.integers(0, 9)))
    expected = {
        (frame_id, abs((at or 0) - (time or 0)))
        for frame_id, (on, at) in frames.items()
        if on == stream and (at is None) == (time is None) and abs((at or 0) - (time or 0)) <= tolerance
    }
    assert set(timeline.near(stream, time, tolerance)) == expected
