"""Who is this: the nearest with probability, unknown among them, and nothing of the library changes."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rushes.processors.clustering.identifying import identify
from rushes.schemas.ids import ItemId, ModelId
from rushes.streams.identifying import Found
from rushes.streams.screens.identification import json_of, lines_of
from tests.builders import LEFT, LibraryBuilder, axis, fixed_library, towards

FACE = ModelId("m1-face")


def two_people(lib: LibraryBuilder) -> LibraryBuilder:
    for place in range(8):
        lib.one(f"m{place}", faces=[(LEFT, towards(place % 2, 9, 0.97))], scene=axis(8))
    lib.consolidate()
    return lib


def half(vector: np.ndarray) -> np.ndarray:
    return vector.astype(np.float16)


def cluster_of(lib: LibraryBuilder, media: str) -> str:
    return lib.state.items[ItemId(lib.item_id(media, 0, "face", LEFT))].cluster_id


def test_the_character_comes_first_and_all_chances_add_up():
    lib = two_people(LibraryBuilder())
    near = identify(lib.state, "face", FACE, half(towards(1, 9, 0.96)))
    assert near[0].cluster_id == cluster_of(lib, "m1")
    assert near[0].size == 4
    assert near[0].probability > 0.5
    assert sum(one.probability for one in near) == pytest.approx(1.0)
    assert [one.cluster_id for one in near].count(None) == 1


def test_a_stranger_is_most_likely_unknown():
    lib = two_people(LibraryBuilder())
    near = identify(lib.state, "face", FACE, half(axis(5)))
    assert near[0].cluster_id is None
    assert near[0].probability > 0.5


def test_by_hand_set_thresholds_unknown_stands_behind_those_that_it_would_join():
    lib = two_people(fixed_library())
    known = identify(lib.state, "face", FACE, half(towards(1, 9, 0.96)))
    assert [one.cluster_id for one in known][:2] == [cluster_of(lib, "m1"), None]
    assert identify(lib.state, "face", FACE, half(axis(5)))[0].cluster_id is None
    assert all(one.probability is None for one in known)


@pytest.mark.parametrize("kind", ["person", "face"])
def test_without_anything_to_compare_with_all_is_unknown(kind):
    lib = two_people(LibraryBuilder())
    near = identify(lib.state, kind, ModelId("another"), half(axis(1)))
    assert [(one.cluster_id, one.probability) for one in near] == [(None, None)]


def test_asking_changes_no_later_decision():
    asked, left_alone = LibraryBuilder(), LibraryBuilder()
    for place in range(40):
        for lib in (asked, left_alone):
            lib.one(f"m{place}", faces=[(LEFT, towards(place % 5, 9, 0.9))])
        for axis_number in range(8):
            identify(asked.state, "face", FACE, half(axis(axis_number)))
    records = [[item.record for item in lib.state.items.values()] for lib in (asked, left_alone)]
    assert records[0] == records[1]


def test_a_film_is_told_by_character_and_a_photo_by_find():
    lib = two_people(LibraryBuilder())
    near = tuple(identify(lib.state, "face", FACE, half(towards(1, 9, 0.96))))
    photo = Found(None, "face", LEFT, 0.9, near)
    film = [replace(photo, time_us=second * 1_000_000) for second in (1, 2)]
    assert near[0].cluster_id[:8] in "".join(lines_of([photo]))
    (line,) = lines_of(film)
    assert "2 times (at 1.0, 2.0 s)" in line
    assert "unknown" in line
    told = json.loads(json_of(Path("x.jpg"), "lib", [photo]))
    assert told["found"][0]["candidates"][0]["cluster_id"] == near[0].cluster_id
    assert list(lines_of([])) == ["Nothing was found in it."]
