"""`rushes explain`: what decided, what else is near, what would change it."""

import json

from rushes.processors.clustering.explaining import Explanation, explain
from rushes.schemas.ids import ItemId
from rushes.streams.screens.explanation import json_of, lines_of
from tests.builders import LEFT, RIGHT, LibraryBuilder, axis, fixed_library, towards


def explained(lib: LibraryBuilder, media: str, box=LEFT, time_us: int = 0) -> Explanation:
    return explain(lib.state, lib.state.items[ItemId(lib.item_id(media, time_us, "face", box))])


def text(told: Explanation) -> str:
    return "\n".join(lines_of(told))


def two_people() -> LibraryBuilder:
    lib = LibraryBuilder()
    for place in range(8):
        lib.one(f"m{place}", faces=[(LEFT, towards(place % 2, 9, 0.97))], scene=axis(8))
    lib.consolidate()
    return lib


def test_an_item_that_waits_is_told_how_much_it_is_short_of_and_what_would_found_its_cluster():
    lib = two_people()
    lib.one("new", faces=[(LEFT, towards(0, 3, 0.25))])
    told = explained(lib, "new")
    assert told.record.cluster_id is None
    nearest = told.alternatives[0]
    assert nearest.obstacle is None
    assert nearest.similarity < told.thresholds.join
    short = told.thresholds.join - nearest.similarity
    assert f"{short:.2f} short of joining" in text(told)
    assert "would found a cluster" in text(told)


def test_the_figures_are_those_of_the_record_and_the_nearest_are_as_they_are_now():
    lib = two_people()
    told = explained(lib, "m6")
    assert told.alternatives[0].here
    assert told.alternatives[0].cluster_id == told.record.cluster_id
    assert told.alternatives[0].probability > told.alternatives[1].probability
    assert told.record.reason in text(told)
    assert "with 3 others" in text(told)


def test_the_commands_it_tells_name_the_library():
    lib = two_people()
    item = lib.state.items[ItemId(lib.item_id("m6", 0, "face", LEFT))]
    told = text(explain(lib.state, item, "--out results"))
    assert f"`rushes feedback move --item {item.item_id} --to CLUSTER --out results`" in told
    assert f"`rushes feedback reject --item {item.item_id} --cluster {item.cluster_id} --out results`" in told
    assert "--out" not in text(explain(lib.state, item))


def test_a_face_of_the_same_picture_is_named_as_the_obstacle():
    lib = two_people()
    lib.one("both", faces=[(LEFT, towards(0, 9, 0.97)), (RIGHT, towards(0, 10, 0.8))])
    told = explained(lib, "both", RIGHT)
    (obstacle,) = [
        one.obstacle
        for one in told.alternatives
        if one.cluster_id == lib.cluster_of(lib.item_id("m0", 0, "face", LEFT))
    ]
    assert obstacle == "same-picture"
    assert "another thing of the same picture" in text(told)


def test_a_correction_in_force_is_what_would_have_to_be_taken_back():
    lib = two_people()
    item = lib.item_id("m0", 0, "face", LEFT)
    lib.reject("f1", item, lib.cluster_of(item))
    told = explained(lib, "m0")
    assert [word.feedback_id for word in told.words] == ["f1"]
    assert "rejected" in {one.obstacle for one in told.alternatives}
    assert "rushes feedback undo f1" in text(told)


def test_a_tracklet_says_how_many_go_together():
    lib = two_people()
    frames = [lib.frame("film", at, faces=[(LEFT, towards(0, 9, 0.97))]) for at in (0, 500_000)]
    lib.apply(lib.in_tracklets(lib.shot_entry("film", frames)))
    assert "one of 2 items of a tracklet" in text(explained(lib, "film", time_us=500_000))


def test_it_names_the_scene_and_who_else_is_in_it():
    lib = two_people()
    told = explained(lib, "m0")
    assert told.scene == lib.state.scene_of(lib.frame_id("m0", 0))
    assert told.others == (lib.cluster_of(lib.item_id("m1", 0, "face", LEFT)),)


def test_the_json_holds_all_of_it_and_the_policy_fixed_is_explained_by_its_record():
    lib = two_people()
    assert json.loads(json_of(explained(lib, "m0")))["record"]["item_id"] == lib.item_id("m0", 0, "face", LEFT)
    fixed = fixed_library()
    fixed.one("a", faces=[(LEFT, axis(5))])
    told = explained(fixed, "a")
    assert told.alternatives == ()
    assert "like nothing that is known" in text(told)
