"""The policy `fixed`: an example for every branch."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushes.processors.clustering.fixed import FixedPolicy, Probe, decide_frame
from rushes.processors.clustering.scoring import Gallery, Score
from rushes.schemas.errors import InvalidEvent
from tests.builders import LEFT, RIGHT, LibraryBuilder, axis, fixed_library, towards


def face(lib: LibraryBuilder, media: str, time_us: int, box=LEFT) -> str:
    return lib.item_id(media, time_us, "face", box)


def scene(lib: LibraryBuilder, media: str, time_us: int | None = 0) -> str:
    return lib.item_id(media, time_us, "scene", None)


def test_the_first_scene_founds():
    lib = fixed_library()
    lib.one("a", scene=axis(0))
    record = lib.record(scene(lib, "a"))
    assert (record.decision, record.similarity, record.provisional_id) == ("founded", None, None)
    assert record.cluster_id is not None


def test_a_scene_joins_at_the_threshold_and_not_below():
    lib = fixed_library()
    lib.one("a", scene=axis(0))
    lib.one("b", scene=towards(0, 1, 0.851))
    lib.one("c", scene=towards(0, 2, 0.80))
    assert lib.record(scene(lib, "b")).decision == "joined"
    assert lib.cluster_of(scene(lib, "b")) == lib.cluster_of(scene(lib, "a"))
    assert lib.record(scene(lib, "c")).decision == "noise"


def test_what_is_unlike_all_founds_and_what_is_between_waits_in_noise():
    lib = fixed_library()
    lib.one("a", scene=axis(0))
    lib.one("b", scene=towards(0, 1, 0.49))
    lib.one("c", scene=towards(0, 2, 0.51))
    assert lib.record(scene(lib, "b")).decision == "founded"
    noise = lib.record(scene(lib, "c"))
    assert (noise.decision, noise.cluster_id) == ("noise", None)
    assert noise.provisional_id is not None
    assert noise.similarity == pytest.approx(0.51, abs=1e-3)


def test_a_face_joins_a_character_present_in_its_scene_at_a_lower_threshold():
    lib = fixed_library()
    lib.one("a", scene=axis(0), faces=[(LEFT, axis(5))])
    lib.one("b", scene=axis(0), faces=[(LEFT, towards(5, 6, 0.78))])
    lib.one("c", scene=axis(1), faces=[(LEFT, towards(5, 7, 0.78))])
    assert lib.record(face(lib, "b", 0)).decision == "joined"
    assert lib.record(face(lib, "c", 0)).decision == "noise"


def test_a_face_joins_any_character_of_the_library_at_the_higher_threshold():
    lib = fixed_library()
    lib.one("a", scene=axis(0), faces=[(LEFT, axis(5))])
    lib.one("c", scene=axis(1), faces=[(LEFT, towards(5, 7, 0.86))])
    record = lib.record(face(lib, "c", 0))
    assert record.decision == "joined"
    assert record.parent_cluster_id == lib.cluster_of(scene(lib, "c"))


def test_two_faces_of_one_frame_never_share_a_character():
    lib = fixed_library()
    lib.one("a", scene=axis(0), faces=[(LEFT, axis(5))])
    lib.one("b", scene=axis(0), faces=[(LEFT, towards(5, 6, 0.90)), (RIGHT, towards(5, 7, 0.95))])
    assert lib.cluster_of(face(lib, "b", 0, RIGHT)) == lib.cluster_of(face(lib, "a", 0))
    assert lib.record(face(lib, "b", 0, LEFT)).decision == "noise"


def test_the_loser_of_the_matching_takes_its_next_allowed_cluster():
    lib = fixed_library()
    first, second = axis(5), towards(5, 6, 0.4)
    lib.one("a", 0, scene=axis(0), faces=[(LEFT, first)])
    lib.one("b", 0, scene=axis(0), faces=[(LEFT, second)])
    between = first * 0.9 + second * 0.85
    between /= np.linalg.norm(between)
    lib.one("c", 0, scene=axis(0), faces=[(LEFT, between), (RIGHT, first)])
    assert lib.cluster_of(face(lib, "c", 0, RIGHT)) == lib.cluster_of(face(lib, "a", 0))
    assert lib.cluster_of(face(lib, "c", 0, LEFT)) == lib.cluster_of(face(lib, "b", 0))


def test_a_poor_item_may_join_but_never_founds_nor_promotes():
    lib = fixed_library()
    lib.one("a", scene=axis(0), quality=0.01)
    assert lib.record(scene(lib, "a")).decision == "noise"
    lib.one("b", scene=axis(0), quality=0.9)
    assert lib.record(scene(lib, "b")).decision == "founded"
    lib.one("c", scene=axis(0), quality=0.01)
    assert lib.record(scene(lib, "c")).decision == "joined"


def test_a_black_frame_founds_no_scene():
    lib = fixed_library()
    lib.one("a", scene=axis(0), flags=("black",))
    assert lib.record(scene(lib, "a")).decision == "noise"


def test_two_noise_items_are_promoted_under_the_older_ones_provisional_id():
    lib = fixed_library()
    lib.one("a", scene=axis(0))
    lib.one("b", scene=towards(0, 1, 0.6))
    waiting = lib.record(scene(lib, "b")).provisional_id
    changes = lib.one("c", scene=towards(0, 1, 0.6))
    assert lib.cluster_of(scene(lib, "b")) == lib.cluster_of(scene(lib, "c")) == waiting
    assert {lib.record(scene(lib, m)).decision for m in "bc"} == {"promoted"}
    assert set(changes.items) == {scene(lib, "b"), scene(lib, "c")}
    assert changes.clusters[waiting].size == 2


def test_a_tie_goes_to_the_older_cluster():
    lib = fixed_library()
    lib.one("a", scene=axis(0))
    lib.one("b", scene=axis(1))
    older = Score("old", 0.9, 1)
    younger = Score("young", 0.9, 2)
    probe = Probe([older, younger], frozenset(), frozenset(), may_found=True)
    assert decide_frame([probe], FixedPolicy().thresholds("scene", weak=False))[0].cluster == "old"


def test_weak_faces_group_only_where_it_is_sure():
    lib = fixed_library()
    lib.one("a", faces=[(LEFT, axis(5))], weak=True)
    lib.one("b", faces=[(LEFT, towards(5, 6, 0.9))], weak=True)
    lib.one("c", faces=[(LEFT, towards(5, 6, 0.99))], weak=True)
    assert lib.record(face(lib, "b", 0)).decision == "noise"
    assert lib.record(face(lib, "c", 0)).decision == "joined"


def test_unknown_policy_parameters_are_refused():
    with pytest.raises(InvalidEvent, match="joi"):
        FixedPolicy().with_parameters({"joi": 0.5})


@given(
    st.lists(st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4), min_size=1, max_size=5),
    st.randoms(use_true_random=False),
)
def test_the_matching_is_one_to_one_and_as_good_as_brute_force(table, random):
    thresholds = FixedPolicy().thresholds("scene", weak=False)
    probes = [
        Probe(
            sorted((Score(str(j), s, j) for j, s in enumerate(row)), key=lambda s: (-s.similarity, s.age)),
            frozenset(),
            frozenset(),
            may_found=True,
        )
        for row in table
    ]
    verdicts = decide_frame(probes, thresholds)
    joined = [v.cluster for v in verdicts if v.decision == "joined"]
    assert len(joined) == len(set(joined))
    total = sum(v.similarity for v in verdicts if v.decision == "joined")
    best = 0.0
    for choice in itertools.product([None, 0, 1, 2, 3], repeat=len(table)):
        used = [c for c in choice if c is not None]
        if len(used) != len(set(used)):
            continue
        if any(c is not None and table[i][c] < thresholds.join for i, c in enumerate(choice)):
            continue
        best = max(best, sum(table[i][c] for i, c in enumerate(choice) if c is not None))
    assert total == pytest.approx(best, abs=1e-9)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.floats(-1, 1))
def test_gallery_scores_agree_with_a_naive_loop(seed, count, at_least):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((count, 8)).astype(np.float16).astype(np.float64)
    gallery = Gallery(8)
    for i, row in enumerate(rows):
        gallery.put(str(i), row, i)
    for i in range(0, count, 3):
        gallery.remove(str(i))
    kept = [i for i in range(count) if i % 3]
    probe = rng.standard_normal(8)
    naive = sorted(
        ((float(rows[i] @ probe / np.linalg.norm(rows[i]) / np.linalg.norm(probe)), i) for i in kept),
        key=lambda pair: (-pair[0], pair[1]),
    )
    expected = [pair for pair in naive if pair[0] >= at_least] or []
    expected = naive[: max(len(expected), 3)]
    found = gallery.scores(probe, at_least, 3)
    assert [score.key for score in found] == [str(i) for _, i in expected]
    assert [score.similarity for score in found] == pytest.approx([s for s, _ in expected], abs=1e-12)
