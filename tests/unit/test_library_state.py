"""State as a fold: duplicates, order of batches, versions, removal, tenants, corrections."""

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushes.processors.clustering.calibrated_rules import CalibratedRules
from rushes.processors.clustering.finding import anchored_frames
from rushes.processors.clustering.fold import apply
from rushes.processors.clustering.foresight import expect
from rushes.processors.clustering.human import effective
from rushes.processors.clustering.library import Library
from rushes.schemas import ids
from rushes.schemas.decisions import Presence
from rushes.schemas.errors import InvalidEvent
from rushes.schemas.feedback import Confirm, Move, Rename
from rushes.schemas.ids import MediaId
from rushes.schemas.log import Tracklet
from rushes.schemas.revision import Revision
from tests.broken_facts import broken_facts
from tests.builders import GENERATION, LEFT, RIGHT, LibraryBuilder, axis, fixed_library, towards
from tests.random_library import POLICIES, random_library

OTHER_PICTURE = "f" * 16


def fingerprint(state: Library) -> tuple:
    """Everything a consumer could see of a library."""
    return (
        {item_id: item.record for item_id, item in state.items.items()},
        {cluster_id: (c.record, frozenset(c.members)) for cluster_id, c in state.clusters.items()},
        {media_id: media.status for media_id, media in state.media.items()},
        state.n,
    )


def replayed(entries, library_id) -> Library:
    state = Library(library_id, GENERATION)
    for entry in entries:
        apply(state, entry)
    return state


@pytest.mark.parametrize("policy", POLICIES)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_replay_gives_the_same_records_and_counts_duplicates_once(policy, seed):
    lib = random_library(seed, policy=policy)
    rng = random.Random(seed)
    again = []
    for entry in lib.entries:
        again.append(entry)
        if rng.random() < 0.3:
            again.append(rng.choice(again))
    assert fingerprint(replayed(again, lib.library_id)) == fingerprint(lib.state)


@pytest.mark.parametrize("policy", POLICIES)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), sizes=st.lists(st.integers(1, 12), min_size=1, max_size=5))
def test_any_batches_of_the_log_give_the_same_state_and_the_same_records(policy, seed, sizes):
    lib = random_library(seed, policy=policy)
    state, left, said = Library(lib.library_id, GENERATION), [], []
    for place, entry in enumerate(lib.entries):
        if not left:
            left = list(range(sizes[place % len(sizes)]))
            expect(state, lib.entries[place : place + len(left)])
        left.pop()
        changes = apply(state, entry)
        said.append((changes.items, changes.clusters, changes.statuses, changes.arrived, changes.revised))
    alone = Library(lib.library_id, GENERATION)
    for entry, told in zip(lib.entries, said, strict=True):
        changes = apply(alone, entry)
        assert told == (changes.items, changes.clusters, changes.statuses, changes.arrived, changes.revised)
    assert fingerprint(state) == fingerprint(alone)


@pytest.mark.parametrize("policy", POLICIES)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_invariants_of_the_state_hold(policy, seed):
    lib = random_library(seed, policy=policy)
    state = lib.state
    for cluster in state.clusters.values():
        members = [item for item in state.items.values() if item.cluster_id == cluster.cluster_id]
        assert {m.item_id for m in members} == cluster.members
        total = sum((m.vector64() for m in members), np.zeros(16))
        assert np.array_equal(total, cluster.total)
        assert cluster.record is not None
        assert cluster.record.size == len(members)
        into = state.redirects.get(cluster.cluster_id)
        assert cluster.record.status == ("active" if members else "merged" if into else "retired")
    for item in state.items.values():
        assert item.record is not None
        assert item.record.cluster_id == item.cluster_id
        assert (item.cluster_id is None) == (item.provisional_id is not None)
        if item.kind == "face":
            assert item.record.parent_cluster_id == state.scene_of(item.frame_id)
        said = effective(state, item)
        assert said.pinned is None or item.cluster_id == said.pinned
        assert item.cluster_id is None or item.cluster_id not in said.rejected
        assert item.record.pinned == (said.pinned is not None)
        assert item.media_version > state.media[item.media_id].removed_version
        assert item.item_id in state.frames[item.frame_id].items
        assert state.clusters[item.cluster_id].kind == item.kind if item.cluster_id else True
    for frame in state.frames.values():
        assert frame.frame_id in set(state.media[frame.media_id].frames)
        faces = [state.items[i].cluster_id for i, kind in frame.items.items() if kind == "face"]
        together = [cluster for cluster in faces if cluster is not None]
        assert len(together) == len(set(together))
    seen = Counter(
        (state.scene_of(item.frame_id), item.cluster_id)
        for item in state.items.values()
        if item.kind == "face" and item.cluster_id and state.scene_of(item.frame_id)
    )
    counted = {(scene, face): n for scene, faces in state.presence.items() for face, n in faces.items() if n}
    assert counted == seen
    assert state.in_noise == {i.provisional_id: i.item_id for i in state.items.values() if i.cluster_id is None}
    assert state.incomplete == {m.media_id for m in state.media.values() if not m.complete}
    for media in state.media.values():
        assert media.item_count == sum(item.media_id == media.media_id for item in state.items.values())
    for space in state.spaces.values():
        if isinstance(space.rules, CalibratedRules):
            assert_partition_agrees(state, space.rules)
    revisions = [i.record.revision for i in state.items.values()] + [c.record.revision for c in state.clusters.values()]
    assert len(set(revisions)) == len(revisions)


def assert_partition_agrees(state: Library, rules: CalibratedRules) -> None:
    """No hard fact is broken, and the library has everybody where the partition has them."""
    partition = rules.clusterer.partition
    assert broken_facts(partition) == []
    theirs = {}
    for number in partition.items():
        at = partition.cluster_of(number)
        theirs[rules.numbers.item_id(number)] = None if at is None else rules.numbers.cluster_id(at)
    kinds = {state.items[item_id].kind for item_id in theirs}
    assert theirs == {item.item_id: item.cluster_id for item in state.items.values() if item.kind in kinds}


def test_a_face_sample_is_in_the_scene_of_its_keyframe_wherever_that_moves():
    lib = fixed_library()
    sample = lib.sample_of(lib.frame("film", 500_000, faces=[(LEFT, axis(5))]), "film", 1_000_000)
    keyframe = lib.frame("film", 1_000_000, scene=axis(0))
    lib.one("other", scene=axis(1))
    lib.shot("film", sample, keyframe)
    face, scene = lib.item_id("film", 500_000, "face", LEFT), lib.item_id("film", 1_000_000, "scene", None)
    assert lib.record(face).parent_cluster_id == lib.record(scene).cluster_id
    elsewhere = lib.record(lib.item_id("other", 0, "scene", None)).cluster_id
    changes = lib.move("f1", scene, elsewhere)
    assert changes.items[face].parent_cluster_id == elsewhere
    assert {item.kind for item in lib.state.items.values() if item.frame_id == sample.frame_id} == {"face"}


def test_a_tracklet_and_when_it_is_seen_are_told_with_the_assignment():
    lib = fixed_library()
    frames = [lib.frame("film", at, scene=axis(0), faces=[(LEFT, axis(5))]) for at in (0, 500_000)]
    tracklet = Tracklet(
        tracklet_id=ids.tracklet_id(lib.library_id, ids.ShotId("shot"), lib.item_id("film", 0, "face", LEFT)),
        kind="face", from_us=0, to_us=500_000, count=2, best_item_id=lib.item_id("film", 0, "face", LEFT),
    )  # fmt: skip
    entry = lib.shot_entry("film", [in_tracklet(frame, tracklet.tracklet_id) for frame in frames])
    lib.apply(entry.model_copy(update={"tracklets": (tracklet,)}))
    records = [lib.record(lib.item_id("film", at, "face", LEFT)) for at in (0, 500_000)]
    assert [record.tracklet_id for record in records] == [tracklet.tracklet_id] * 2
    assert [record.presence for record in records] == [Presence(from_us=0, to_us=500_000)] * 2
    assert lib.record(lib.item_id("film", 0, "scene", None)).presence is None


def in_tracklet(frame, tracklet_id):
    kinds = []
    for group in frame.kinds:
        items = group.items
        if group.kind == "face":
            items = tuple(item.model_copy(update={"tracklet_id": tracklet_id}) for item in items)
        kinds.append(group.model_copy(update={"items": items}))
    return frame.model_copy(update={"kinds": tuple(kinds)})


def test_a_duplicate_tells_the_current_assignment_again():
    lib = fixed_library()
    lib.one("a", scene=axis(0))
    item = lib.item_id("a", 0, "scene", None)
    lib.move("f1", item, None)
    changes = apply(lib.state, lib.entries[0])
    assert changes.items[item] == lib.record(item)
    assert changes.items[item].decision == "moved"
    assert lib.state.n == 2


def test_an_entry_of_another_library_is_refused():
    lib, other = fixed_library("a"), LibraryBuilder("b")
    other.one("m", scene=axis(0))
    with pytest.raises(InvalidEvent, match="library a"):
        apply(lib.state, other.entries[0])


def test_a_detector_that_swaps_two_faces_or_moves_a_box_by_a_tenth_keeps_the_item_ids():
    lib = fixed_library()
    lib.one("a", faces=[(LEFT, axis(5)), (RIGHT, axis(6))])
    before = {i.item_id: i.cluster_id for i in lib.state.items.values()}
    width, height = (LEFT[2] - LEFT[0]) / 10, (LEFT[3] - LEFT[1]) / 10
    moved = (LEFT[0] + width, LEFT[1] + height, LEFT[2] + width, LEFT[3] + height)
    again = lib.shot_entry("a", [lib.frame("a", 0, faces=[(RIGHT, axis(6)), (moved, axis(5))])])
    lib.apply(again.model_copy(update={"entry_id": lib.item_id("a", 0, "other", None)}))
    assert {i.item_id: i.cluster_id for i in lib.state.items.values()} == before


def test_a_media_is_complete_when_every_listed_shot_is_in_whatever_the_order():
    first = fixed_library()
    entries = [first.shot_entry("a", [first.frame("a", t, scene=axis(t // 1000))]) for t in (0, 1000)]
    first.totals("a")
    totals = first.entries[-1]
    for order in ([totals, *entries], [*entries, totals], [entries[0], totals, entries[1]]):
        lib = fixed_library()
        states = [lib.apply(entry).statuses[MediaId("a")].state for entry in order]
        assert states == ["clustering", "clustering", "complete"]


def test_a_new_version_keeps_the_ids_of_what_it_still_shows_and_retires_the_rest():
    lib = fixed_library()
    lib.one("a", 0, scene=axis(0))
    lib.one("a", 1_000_000, scene=axis(1))
    lib.totals("a")
    kept, gone = lib.item_id("a", 0, "scene", None), lib.item_id("a", 1_000_000, "scene", None)
    lib.one("a", 10_000, scene=axis(0), version=2)
    changes = lib.one("a", 1_000_000, scene=axis(2), version=2, phash=OTHER_PICTURE)
    lib.totals("a", version=2)
    assert set(lib.state.items) >= {kept}
    assert gone not in lib.state.items
    assert changes.removed.keys() == {gone}
    assert changes.items[gone].decision == "retired"
    assert lib.record(kept).media_version == 2
    assert len(lib.state.items) == 2


def test_an_older_version_and_shots_after_a_deletion_change_nothing():
    lib = fixed_library()
    lib.one("a", 0, scene=axis(0), version=2)
    assert not lib.one("a", 1000, scene=axis(1), version=1).items
    changes = lib.remove("a", version=2)
    assert next(iter(changes.items.values())).decision == "removed"
    assert next(iter(changes.items.values())).cluster_id is None
    assert changes.statuses[MediaId("a")].state == "removed"
    assert not lib.one("a", 2000, scene=axis(2), version=2).items
    assert not lib.state.items
    assert lib.one("a", 0, scene=axis(0), version=3).items


def test_a_deletion_wins_the_tie_and_loses_against_a_greater_version():
    lib = fixed_library()
    lib.one("a", 0, scene=axis(0), version=3)
    assert not lib.remove("a", version=2).items
    assert lib.state.items


def test_vectors_of_another_model_are_refused_and_said():
    lib = fixed_library()
    lib.one("a", scene=axis(0))
    changes = lib.one("b", scene=axis(0), model="m2")
    assert [refusal.code for refusal in changes.refusals.values()] == ["model-mismatch"]
    assert len(lib.state.items) == 1


# -- corrections


def two_people() -> tuple[LibraryBuilder, str, str]:
    lib = fixed_library()
    lib.one("a", scene=axis(0), faces=[(LEFT, axis(5))])
    lib.one("b", scene=axis(0), faces=[(LEFT, axis(6))])
    return lib, lib.item_id("a", 0, "face", LEFT), lib.item_id("b", 0, "face", LEFT)


def test_a_moved_item_is_pinned_where_the_person_says():
    lib, ann, bob = two_people()
    changes = lib.move("f1", bob, lib.cluster_of(ann))
    record = changes.items[bob]
    assert (record.decision, record.pinned, record.cluster_id) == ("moved", True, lib.cluster_of(ann))
    assert record.cause.feedback_id == "f1"
    assert {c.status for c in changes.clusters.values()} == {"active", "retired"}


def test_moving_to_null_founds_a_new_cluster_for_all_items_named():
    lib = fixed_library()
    for media in "abc":
        lib.one(media, scene=axis(0))
    items = [lib.item_id(media, 0, "scene", None) for media in "abc"]
    lib.say("f1", Move(items=tuple({"item_id": i} for i in items[1:]), to_cluster_id=None))
    assert lib.cluster_of(items[1]) == lib.cluster_of(items[2]) != lib.cluster_of(items[0])


def test_a_rejected_item_leaves_and_never_comes_back():
    lib = fixed_library()
    lib.one("a", scene=axis(0))
    lib.one("b", scene=axis(0))
    first, second = (lib.item_id(m, 0, "scene", None) for m in "ab")
    cluster = lib.cluster_of(first)
    lib.reject("f1", second, cluster)
    assert lib.cluster_of(second) != cluster
    again = lib.shot_entry("b", [lib.frame("b", 0, scene=axis(0))], version=2)
    lib.apply(again)
    assert lib.cluster_of(second) != cluster


def test_undo_brings_an_item_back_to_where_it_was():
    lib, ann, bob = two_people()
    before = lib.cluster_of(bob)
    lib.move("f1", bob, lib.cluster_of(ann))
    changes = lib.undo("f2", "f1")
    assert lib.cluster_of(bob) == before
    assert (changes.items[bob].decision, changes.items[bob].pinned) == ("undone", False)


def test_undoing_the_winner_of_a_contradiction_revives_the_loser():
    lib, ann, bob = two_people()
    home = lib.cluster_of(ann)
    lib.move("f1", bob, home)
    lib.move("f2", bob, None)
    elsewhere = lib.cluster_of(bob)
    lib.undo("f3", "f2")
    assert lib.cluster_of(bob) == home
    assert lib.record(bob).pinned
    lib.undo("f4", "f3")
    assert lib.cluster_of(bob) == elsewhere


def test_a_correction_displaces_the_other_face_of_the_frame():
    lib = fixed_library()
    lib.one("a", faces=[(LEFT, axis(5))])
    lib.one("b", faces=[(LEFT, axis(5)), (RIGHT, axis(6))])
    ann = lib.cluster_of(lib.item_id("a", 0, "face", LEFT))
    left, right = (lib.item_id("b", 0, "face", box) for box in (LEFT, RIGHT))
    assert lib.cluster_of(left) == ann
    lib.move("f1", right, ann)
    assert lib.cluster_of(right) == ann
    assert lib.cluster_of(left) != ann
    assert lib.record(left).decision == "displaced"


def test_a_correction_of_an_item_on_its_way_waits_by_its_anchor():
    lib = fixed_library()
    lib.one("a", faces=[(LEFT, axis(5))])
    ann = lib.cluster_of(lib.item_id("a", 0, "face", LEFT))
    changes = lib.say("f1", Move(items=(lib.anchor("b", 40_000, "face", LEFT),), to_cluster_id=ann))
    assert not changes.refusals
    lib.one("b", 40_000, faces=[(LEFT, axis(6))])
    bob = lib.item_id("b", 40_000, "face", LEFT)
    assert lib.cluster_of(bob) == ann
    assert lib.record(bob).cause.feedback_id == "f1"


def test_a_correction_of_an_item_id_on_its_way_waits_too():
    lib = fixed_library()
    lib.one("a", faces=[(LEFT, axis(5))])
    ann = lib.cluster_of(lib.item_id("a", 0, "face", LEFT))
    coming = lib.item_id("b", 40_000, "face", LEFT)
    lib.move("f1", coming, ann)
    lib.one("b", 40_000, faces=[(LEFT, axis(6))])
    assert lib.cluster_of(coming) == ann


def test_a_correction_that_finds_nothing_is_refused_when_its_media_is_complete():
    lib = fixed_library()
    lib.one("b", 0, faces=[(LEFT, axis(6))])
    lib.say("f1", Confirm(items=(lib.anchor("b", 0, "face", RIGHT),)))
    changes = lib.totals("b")
    assert [r.entry.feedback.feedback_id for r in changes.refusals.values()] == ["f1"]
    late = lib.say("f2", Confirm(items=(lib.anchor("b", 0, "face", RIGHT),)))
    assert late.refusals


def test_a_correction_is_stale_only_against_a_newer_human_decision():
    lib, ann, bob = two_people()
    seen = lib.record(bob).revision
    lib.one("c", scene=axis(1))
    assert not lib.confirm("f1", bob, based_on=seen).refusals
    refused = lib.move("f2", bob, lib.cluster_of(ann), based_on=seen).refusals
    assert "stale" in next(iter(refused.values())).reason
    assert not lib.move("f3", bob, lib.cluster_of(ann), based_on=Revision(n=lib.state.n, k=0)).refusals


@pytest.mark.parametrize(
    "change",
    [
        Rename(cluster_id="00000000-0000-5000-8000-000000000000", name="Ann"),
        Move(items=({"item_id": "00000000-0000-5000-8000-000000000000"},), to_cluster_id=None),
    ],
)
def test_what_cannot_be_carried_out_is_refused_with_a_reason(change):
    lib = fixed_library()
    lib.one("a", scene=axis(0))
    lib.totals("a")
    assert lib.say("f1", change).refusals


def test_a_frame_with_a_human_decision_is_an_anchor():
    lib, _, bob = two_people()
    changes = lib.confirm("f1", bob)
    assert changes.anchors == {MediaId("b")}
    assert anchored_frames(lib.state, MediaId("b")) == [lib.frame_id("b", 0)]
    assert anchored_frames(lib.state, MediaId("a")) == []


def test_moving_to_a_waiting_item_promotes_it():
    lib = fixed_library()
    lib.one("a", scene=axis(0))
    lib.one("b", scene=towards(0, 1, 0.6))
    waiting = lib.item_id("b", 0, "scene", None)
    provisional = lib.record(waiting).provisional_id
    lib.move("f1", lib.item_id("a", 0, "scene", None), provisional)
    assert lib.cluster_of(waiting) == lib.cluster_of(lib.item_id("a", 0, "scene", None)) == provisional


@pytest.mark.parametrize("seed", [845, 884, 4036])
def test_histories_that_once_broke_an_invariant(seed):
    """A keyframe that itself became a sample; an undo that gave one face the place of another that people put there."""
    test_the_invariants_of_the_state_hold.hypothesis.inner_test("fixed", seed)


@pytest.mark.parametrize(("policy", "seed"), [(None, 1367)])
def test_histories_that_once_broke_an_invariant_of_a_changing_policy(policy, seed):
    """A new version of a frame brought a tracklet to where a person had put one of its items: not all were told."""
    test_the_invariants_of_the_state_hold.hypothesis.inner_test(policy, seed)
