"""The policy `calibrated` in a library: arrivals, consolidation told, words of people that hold through it."""

import numpy as np
import pytest

from rushes.processors.clustering.fold import apply
from rushes.processors.clustering.library import Library
from rushes.schemas import ids
from rushes.schemas.errors import InvalidEvent
from rushes.schemas.feedback import ItemRef, Reject
from rushes.schemas.ids import ClusterId
from rushes.schemas.log import PolicyChanged
from tests.builders import DIM, GENERATION, LEFT, RIGHT, LibraryBuilder, axis, towards


def face(lib: LibraryBuilder, media: str, time_us: int = 0, box=LEFT) -> str:
    return lib.item_id(media, time_us, "face", box)


def people(rng: np.random.Generator, count: int, each: int, spread: float = 0.25) -> list[np.ndarray]:
    """Pictures of people, one after another in turn."""
    centres = [axis(i) for i in range(count)]
    made = [centres[i % count] + spread * rng.standard_normal(DIM) / np.sqrt(DIM) for i in range(count * each)]
    return [vector / np.linalg.norm(vector) for vector in made]


def library_of(count: int, each: int) -> tuple[LibraryBuilder, list[str]]:
    """A library of one face a picture; the items in order."""
    lib = LibraryBuilder()
    vectors = people(np.random.default_rng(0), count, each)
    for place, vector in enumerate(vectors):
        lib.one(f"m{place}", faces=[(LEFT, vector)])
    return lib, [face(lib, f"m{place}") for place in range(len(vectors))]


def test_the_first_of_a_kind_waits_and_the_second_promotes_it_under_its_provisional_id():
    lib = LibraryBuilder()
    lib.one("a", faces=[(LEFT, axis(5))])
    first = lib.record(face(lib, "a"))
    assert (first.decision, first.cluster_id, first.policy) == ("noise", None, "calibrated")
    changes = lib.one("b", faces=[(LEFT, axis(5))])
    assert {item: record.decision for item, record in changes.items.items()} == {
        face(lib, "a"): "promoted",
        face(lib, "b"): "promoted",
    }
    assert lib.cluster_of(face(lib, "a")) == lib.cluster_of(face(lib, "b")) == first.provisional_id


def test_every_record_gives_its_reason_its_figures_and_what_it_was_held_against():
    lib, items = library_of(3, 4)
    record = lib.record(items[-1])
    assert record.decision == "joined"
    assert record.basis == "likeness"
    assert record.reason is not None
    assert f"{record.similarity:.2f}" in record.reason
    assert record.thresholds is not None
    assert record.similarity >= record.thresholds.join
    assert record.nearest[0].cluster_id == record.cluster_id
    assert [near.probability for near in record.nearest] == sorted(
        (n.probability for n in record.nearest), reverse=True
    )


def test_an_item_of_a_tracklet_joins_it_however_unlike_it_is():
    lib = LibraryBuilder()
    frames = [lib.frame("film", at, faces=[(LEFT, axis(5 + at // 500_000))]) for at in (0, 500_000)]
    lib.apply(lib.in_tracklets(lib.shot_entry("film", frames)))
    first, second = face(lib, "film"), face(lib, "film", 500_000)
    assert lib.cluster_of(first) == lib.cluster_of(second) is not None
    assert lib.record(second).basis == "tracklet"
    assert "tracklet" in lib.record(second).reason


def test_a_poor_item_and_a_flagged_frame_found_nothing():
    lib = LibraryBuilder()
    for media in "abcd":
        lib.one(media, faces=[(LEFT, axis(5))], quality=0.05)
    for media in "ef":
        lib.one(media, scene=axis(0), flags=("black",))
    assert not any(cluster.members for cluster in lib.state.clusters.values())
    assert "too poor" in lib.record(face(lib, "d")).reason


def test_what_is_merged_leads_to_where_it_went_and_corrections_follow():
    lib = LibraryBuilder()
    one, other, between = towards(0, 1, 0.98), towards(0, 2, 0.98), axis(0)
    pictures = [towards(5 + i, 11, 0.97) for i in range(3)] * 4
    lib.move("f0", face(lib, "x"), None)  # refused: nothing there yet; must not disturb
    for place, vector in enumerate([one, one, other, other, *pictures, between, between, between]):
        lib.one(f"m{place}", faces=[(LEFT, vector)])
    first, third = face(lib, "m0"), face(lib, "m2")
    lib.move("f1", third, None)
    apart = ClusterId(lib.cluster_of(third))
    lib.undo("f2", "f1")
    changes = lib.consolidate()
    assert lib.cluster_of(first) == lib.cluster_of(third)
    merged = {name: record for name, record in lib.state.clusters.items() if record.record.status == "merged"}
    for name, cluster in merged.items():
        assert cluster.record.merged_into == lib.state.resolve(name)
        assert lib.state.clusters[cluster.record.merged_into].members
    assert all(record.status != "merged" or record.merged_into for record in changes.clusters.values())
    if apart in merged:
        lib.move("f3", face(lib, "m4"), apart)
        assert lib.cluster_of(face(lib, "m4")) == lib.cluster_of(first)


def test_what_consolidation_moves_is_told_with_decision_reason_and_figures():
    lib, _ = library_of(4, 10)
    lib.one("late", faces=[(LEFT, axis(9))])
    before = {item_id: item.cluster_id for item_id, item in lib.state.items.items()}
    changes = lib.consolidate()
    moved = {item_id for item_id, item in lib.state.items.items() if item.cluster_id != before[item_id]}
    assert set(changes.items) == moved
    for item_id in moved:
        record = changes.items[item_id]
        assert record.decision in {"merged", "split", "promoted", "moved", "noise"}
        assert record.basis == "evidence"
        assert record.reason
    assert changes.revised == len(moved)


def test_a_request_that_finds_nothing_left_changes_nothing():
    lib, _ = library_of(4, 10)
    lib.consolidate("first")
    changes = lib.consolidate("second")
    assert not changes.items
    assert lib.state.settled_n == lib.state.n


@pytest.mark.parametrize("kind", ["move", "reject"])
def test_a_correction_holds_through_consolidation(kind):
    lib, items = library_of(3, 8)
    lib.consolidate("first")
    ann, bob = lib.cluster_of(items[0]), lib.cluster_of(items[1])
    assert ann != bob
    if kind == "move":
        lib.move("f1", items[0], bob)
    else:
        lib.reject("f1", items[0], ann)
    for round_ in range(3):
        for place in range(6):
            lib.one(f"n{round_}-{place}", faces=[(LEFT, people(np.random.default_rng(round_), 3, 2)[place])])
        lib.consolidate(str(round_))
        assert (lib.cluster_of(items[0]) == bob) if kind == "move" else (lib.cluster_of(items[0]) != ann)
        assert lib.cluster_of(items[3]) == ann
        assert lib.cluster_of(items[1]) == bob, "those who were there stay, and keep the id"


def test_a_rejection_holds_against_what_the_cluster_is_merged_into():
    lib = LibraryBuilder()
    for place in range(12):
        lib.one(f"m{place}", faces=[(LEFT, towards(place % 3, 9 + place % 2, 0.93))])
    lib.consolidate("first")
    item = face(lib, "m0")
    home = lib.cluster_of(item)
    lib.move("f1", face(lib, "m3"), None)
    apart = lib.cluster_of(face(lib, "m3"))
    lib.say("f2", Reject(items=(ItemRef(item_id=item),), cluster_id=apart))
    lib.undo("f3", "f1")
    lib.consolidate("second")
    assert lib.cluster_of(face(lib, "m3")) == home or lib.cluster_of(item) != lib.cluster_of(face(lib, "m3"))
    assert lib.cluster_of(item) != lib.state.resolve(ClusterId(apart))


def test_moving_a_face_takes_its_tracklet_along_and_drives_out_who_shares_a_frame():
    lib = LibraryBuilder()
    lib.one("a", faces=[(LEFT, axis(5))])
    lib.one("b", faces=[(LEFT, axis(5))])
    frames = [lib.frame("film", at, faces=[(LEFT, axis(5)), (RIGHT, axis(6))]) for at in (0, 500_000)]
    lib.apply(lib.in_tracklets(lib.shot_entry("film", frames)))
    ann = lib.cluster_of(face(lib, "a"))
    assert lib.cluster_of(face(lib, "film")) == ann
    lib.move("f1", face(lib, "film", 0, RIGHT), ann)
    assert {lib.cluster_of(face(lib, "film", at, RIGHT)) for at in (0, 500_000)} == {ann}
    assert ann not in {lib.cluster_of(face(lib, "film", at, LEFT)) for at in (0, 500_000)}
    assert {lib.record(face(lib, "film", at, LEFT)).decision for at in (0, 500_000)} == {"displaced"}
    lib.undo("f2", "f1")
    assert {lib.cluster_of(face(lib, "film", at, LEFT)) for at in (0, 500_000)} == {ann}


def test_the_policy_changes_on_the_way_and_everybody_stays_where_no_fact_forbids_it():
    lib = LibraryBuilder(policy="fixed")
    for place in range(9):
        lib.one(f"m{place}", faces=[(LEFT, towards(place % 3, 9, 0.99))])
    before = {item_id: item.cluster_id for item_id, item in lib.state.items.items()}
    change = PolicyChanged(
        library_id=lib.library_id,
        entry_id=ids.entry_id(lib.library_id, "PolicyChanged", 1),
        policy="calibrated",
        parameters={},
    )
    lib.apply(change)
    assert {item_id: item.cluster_id for item_id, item in lib.state.items.items()} == before
    lib.one("m9", faces=[(LEFT, towards(0, 9, 0.99))])
    assert lib.record(face(lib, "m9")).policy == "calibrated"
    assert lib.cluster_of(face(lib, "m9")) == lib.cluster_of(face(lib, "m0"))


@pytest.mark.parametrize(("policy", "parameters"), [("calibrated", {"join": 0.5}), ("fixd", {})])
def test_an_unknown_policy_or_parameter_is_refused(policy, parameters):
    lib = LibraryBuilder()
    entry_id = ids.entry_id(lib.library_id, "PolicyChanged", 1)
    change = PolicyChanged(library_id=lib.library_id, entry_id=entry_id, policy=policy, parameters=parameters)
    with pytest.raises(InvalidEvent, match=r"expected the policy|no parameters"):
        lib.apply(change)


def test_the_same_log_gives_the_same_records_however_often_it_is_applied():
    lib, _ = library_of(5, 20)
    lib.consolidate()
    again = Library(lib.library_id, GENERATION)
    for entry in lib.entries:
        apply(again, entry)
    assert {i: item.record for i, item in again.items.items()} == {
        i: item.record for i, item in lib.state.items.items()
    }
    assert {c: one.record for c, one in again.clusters.items()} == {
        c: one.record for c, one in lib.state.clusters.items()
    }
