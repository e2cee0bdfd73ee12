"""Corrections at odds: with each other, with the frame, with what has not come yet and what is gone."""

import pytest

from rushes.schemas.feedback import Confirm, ItemRef, Move, Reject
from rushes.schemas.ids import MediaId
from rushes.schemas.revision import Revision
from tests.builders import LEFT, RIGHT, LibraryBuilder, axis, fixed_library, towards

OTHER_PICTURE = "f" * 16


def ref(item: str) -> ItemRef:
    return ItemRef(item_id=item)


def frame_of_two() -> tuple[LibraryBuilder, str, str, str]:
    """Ann alone in one picture; Ann (left) and Bob (right) in another."""
    lib = fixed_library()
    lib.one("a", faces=[(LEFT, axis(5))])
    lib.one("b", faces=[(LEFT, axis(5)), (RIGHT, axis(6))])
    ann = lib.cluster_of(lib.item_id("a", 0, "face", LEFT))
    assert ann is not None
    return lib, lib.item_id("b", 0, "face", LEFT), lib.item_id("b", 0, "face", RIGHT), ann


def reasons(changes) -> str:
    return " / ".join(refusal.reason for refusal in changes.refusals.values())


def test_two_faces_of_one_frame_are_never_moved_to_one_character():
    lib, left, right, ann = frame_of_two()
    before = lib.cluster_of(left), lib.cluster_of(right)
    for name, to in (("f1", ann), ("f2", None)):
        changes = lib.say(name, Move(items=(ref(left), ref(right)), to_cluster_id=to))
        assert "one frame" in reasons(changes)
    assert (lib.cluster_of(left), lib.cluster_of(right)) == before


def test_of_two_faces_pinned_to_one_character_the_newer_correction_holds_and_the_older_comes_back():
    lib, left, right, ann = frame_of_two()
    lib.confirm("f1", left)
    lib.move("f2", right, ann)
    assert lib.cluster_of(right) == ann
    assert lib.cluster_of(left) != ann
    assert not lib.record(left).pinned
    lib.undo("f3", "f2")
    assert lib.cluster_of(left) == ann
    assert lib.record(left).pinned
    assert lib.cluster_of(right) != ann


def test_the_older_comes_back_also_where_the_newer_is_moved_away():
    lib, left, right, ann = frame_of_two()
    lib.confirm("f1", left)
    lib.move("f2", right, ann)
    lib.move("f3", right, None)
    assert lib.cluster_of(left) == ann
    assert (lib.record(left).decision, lib.record(left).pinned) == ("confirmed", True)


def test_undo_brings_back_whom_the_correction_had_displaced():
    lib, left, right, ann = frame_of_two()
    bob = lib.cluster_of(right)
    lib.move("f1", right, ann)
    assert lib.record(left).decision == "displaced"
    lib.undo("f2", "f1")
    assert (lib.cluster_of(left), lib.cluster_of(right)) == (ann, bob)


def test_an_undo_of_an_undo_of_a_long_chain_ends():
    lib, _, right, ann = frame_of_two()
    bob = lib.cluster_of(right)
    lib.move("f0", right, ann)
    for step in range(1, 3001):
        assert not lib.undo(f"f{step}", f"f{step - 1}").refusals
    assert lib.cluster_of(right) == ann
    lib.undo("last", "f3000")
    assert lib.cluster_of(right) == bob


def test_what_is_undone_already_is_not_undone_again():
    lib, _, right, ann = frame_of_two()
    lib.move("f1", right, ann)
    lib.undo("f2", "f1")
    assert "undone already" in reasons(lib.undo("f3", "f1"))


def test_an_undone_correction_that_waits_has_no_effect_and_no_letter_until_it_is_brought_back():
    lib, _, _, ann = frame_of_two()
    lib.say("f1", Move(items=(lib.anchor("c", 0, "face", LEFT),), to_cluster_id=ann))
    lib.undo("f2", "f1")
    lib.one("c", faces=[(LEFT, axis(7))])
    carl = lib.item_id("c", 0, "face", LEFT)
    assert lib.record(carl).decision == "founded"
    assert not lib.totals("c").refusals
    lib.undo("f3", "f2")
    assert lib.cluster_of(carl) == ann
    assert lib.record(carl).cause.feedback_id == "f1"


def test_a_correction_brought_back_when_its_media_is_complete_without_the_item_is_refused():
    lib, _, _, ann = frame_of_two()
    lib.say("f1", Move(items=(lib.anchor("c", 0, "face", RIGHT),), to_cluster_id=ann))
    lib.undo("f2", "f1")
    lib.one("c", faces=[(LEFT, axis(7))])
    lib.totals("c")
    assert "no such item" in reasons(lib.undo("f3", "f2"))


def test_a_waiting_correction_never_puts_an_item_into_a_cluster_of_another_kind():
    lib = fixed_library()
    lib.one("a", scene=axis(0), faces=[(LEFT, axis(5))])
    kitchen = lib.cluster_of(lib.item_id("a", 0, "scene", None))
    coming = lib.item_id("b", 0, "face", LEFT)
    assert not lib.move("f1", coming, kitchen).refusals
    changes = lib.one("b", faces=[(LEFT, axis(6))])
    assert "kind scene" in reasons(changes)
    assert lib.record(coming).decision == "founded"


def test_a_waiting_move_to_a_new_cluster_takes_items_of_one_kind():
    lib = fixed_library()
    lib.one("a", scene=axis(0))
    face, scene = lib.item_id("b", 0, "face", LEFT), lib.item_id("b", 0, "scene", None)
    lib.say("f1", Move(items=(ref(face), ref(scene)), to_cluster_id=None))
    changes = lib.one("b", scene=axis(1), faces=[(LEFT, axis(6))])
    assert "of kind" in reasons(changes)
    assert lib.state.clusters[lib.cluster_of(face)].kind == "face"
    assert lib.state.clusters[lib.cluster_of(scene)].kind == "scene"


def test_an_item_named_twice_is_corrected_once():
    lib, _, _, ann = frame_of_two()
    coming = lib.item_id("c", 0, "face", LEFT)
    lib.say("f1", Move(items=(ref(coming), lib.anchor("c", 0, "face", LEFT)), to_cluster_id=ann))
    changes = lib.one("c", faces=[(LEFT, axis(7))])
    assert not changes.refusals
    assert lib.cluster_of(coming) == ann
    assert len(lib.state.items[coming].human) == 1


def test_staleness_is_decided_also_for_what_waited():
    lib, _, _, ann = frame_of_two()
    seen = Revision(n=lib.state.n, k=0)
    place = lib.anchor("c", 0, "face", LEFT)
    lib.say("f1", Move(items=(place,), to_cluster_id=ann))
    lib.say("f2", Move(items=(place,), to_cluster_id=None), based_on=seen)
    changes = lib.one("c", faces=[(LEFT, axis(7))])
    assert "stale" in reasons(changes)
    assert lib.cluster_of(lib.item_id("c", 0, "face", LEFT)) == ann


def test_of_several_that_waited_for_one_item_the_newest_holds():
    lib, _, right, ann = frame_of_two()
    bob = lib.cluster_of(right)
    place = lib.anchor("c", 0, "face", LEFT)
    lib.say("f1", Move(items=(place,), to_cluster_id=ann))
    lib.say("f2", Move(items=(place,), to_cluster_id=bob))
    lib.one("c", faces=[(LEFT, axis(7))])
    carl = lib.item_id("c", 0, "face", LEFT)
    assert lib.cluster_of(carl) == bob
    lib.undo("f3", "f2")
    assert lib.cluster_of(carl) == ann


def test_one_unknown_item_refuses_the_whole_correction():
    lib, left, right, _ = frame_of_two()
    for media in "ab":
        lib.totals(media)
    before = lib.record(right)
    changes = lib.say("f1", Move(items=(ref(right), ref(left.replace(left[:8], "0" * 8))), to_cluster_id=None))
    assert "no such item" in reasons(changes)
    assert lib.record(right) == before
    assert "f1" not in lib.state.feedback
    assert "no feedback f1" in reasons(lib.undo("f2", "f1"))


def test_the_known_items_of_a_correction_move_at_once_and_the_others_when_they_come():
    lib, _, right, ann = frame_of_two()
    lib.say("f1", Move(items=(ref(right), lib.anchor("c", 0, "face", LEFT)), to_cluster_id=ann))
    assert lib.cluster_of(right) == ann
    lib.one("c", faces=[(LEFT, axis(7))])
    assert lib.cluster_of(lib.item_id("c", 0, "face", LEFT)) == ann
    lib.undo("f2", "f1")
    assert lib.cluster_of(right) != ann
    assert lib.cluster_of(lib.item_id("c", 0, "face", LEFT)) != ann


def test_waiting_corrections_of_a_deleted_media_are_refused():
    lib, _, _, ann = frame_of_two()
    lib.say("f1", Move(items=(lib.anchor("c", 0, "face", LEFT),), to_cluster_id=ann))
    assert "no such item" in reasons(lib.remove("c"))
    lib.one("c", faces=[(LEFT, axis(7))], version=2)
    assert lib.cluster_of(lib.item_id("c", 0, "face", LEFT)) != ann


def test_an_undo_touches_nothing_that_was_deleted_and_came_again():
    lib, _, right, ann = frame_of_two()
    lib.move("f1", right, ann)
    lib.remove("b")
    lib.one("b", faces=[(RIGHT, axis(7))], version=2)
    before = lib.record(right)
    changes = lib.undo("f2", "f1")
    assert not changes.items
    assert lib.record(right) == before


def test_an_item_moves_to_a_cluster_that_was_retired():
    lib, _, right, ann = frame_of_two()
    bob = lib.cluster_of(right)
    changes = lib.move("f1", right, ann)
    assert changes.clusters[bob].status == "retired"
    changes = lib.move("f2", right, bob)
    assert lib.cluster_of(right) == bob
    assert (changes.clusters[bob].status, changes.clusters[bob].size) == ("active", 1)


def test_the_same_feedback_again_counts_once_whatever_it_says_then():
    lib, _, right, ann = frame_of_two()
    lib.move("f1", right, ann)
    n = lib.state.n
    changes = lib.move("f1", right, None)
    assert lib.cluster_of(right) == ann
    assert changes.items[right] == lib.record(right)
    assert lib.state.n == n


@pytest.mark.parametrize("by", ["id", "anchor"])
def test_confirm_pins_an_item_where_it_is(by):
    lib, left, _, ann = frame_of_two()
    named = ref(left) if by == "id" else lib.anchor("b", 0, "face", LEFT)
    changes = lib.say("f1", Confirm(items=(named,)))
    assert (changes.items[left].decision, changes.items[left].pinned) == ("confirmed", True)
    assert lib.cluster_of(left) == ann


def test_an_item_in_noise_has_nothing_to_confirm():
    lib = fixed_library()
    lib.one("a", scene=axis(0))
    lib.one("b", scene=towards(0, 1, 0.6))
    assert "nothing to confirm" in reasons(lib.confirm("f1", lib.item_id("b", 0, "scene", None)))


def test_a_rejected_item_is_decided_anew_by_the_policy():
    lib, left, _, ann = frame_of_two()
    lib.one("c", faces=[(LEFT, towards(5, 9, 0.4))])
    changes = lib.reject("f1", left, ann)
    record = changes.items[left]
    assert (record.decision, record.cluster_id, record.previous_cluster_id) == ("rejected", None, ann)
    assert record.thresholds is not None
    lib.one("d", faces=[(LEFT, axis(5))])
    assert lib.cluster_of(left) is None


def test_no_and_then_yes_is_yes():
    lib, left, _, ann = frame_of_two()
    lib.reject("f1", left, ann)
    lib.move("f2", left, ann)
    assert (lib.cluster_of(left), lib.record(left).pinned) == (ann, True)
    lib.say("f3", Reject(items=(ref(left),), cluster_id=ann))
    assert lib.cluster_of(left) != ann


def test_a_correction_holds_through_a_new_version_of_the_bytes():
    lib, _, right, ann = frame_of_two()
    lib.move("f1", right, ann)
    lib.totals("b")
    lib.one("b", 10_000, faces=[(RIGHT, axis(6))], version=2)
    lib.totals("b", version=2)
    record = lib.record(right)
    assert (record.cluster_id, record.pinned, record.media_version) == (ann, True, 2)
    assert lib.state.feedback["f1"].live
    lib.undo("f2", "f1")
    assert lib.cluster_of(right) != ann


def test_a_correction_holds_where_the_detector_misses_the_face_in_the_same_picture():
    lib, _, right, ann = frame_of_two()
    lib.move("f1", right, ann)
    lib.totals("b")
    lib.one("b", faces=[], scene=axis(1), version=2)
    lib.totals("b", version=2)
    assert lib.cluster_of(right) == ann


def test_a_correction_ends_with_the_picture_that_it_was_about():
    lib, _, right, ann = frame_of_two()
    lib.move("f1", right, ann)
    lib.totals("b")
    changes = lib.one("b", faces=[(RIGHT, axis(6))], version=2, phash=OTHER_PICTURE)
    assert changes.removed.keys() >= {right}
    assert changes.items[right].decision == "retired"
    assert changes.anchors == {MediaId("b")}
    assert right not in lib.state.items
