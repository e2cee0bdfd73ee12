"""A handful of items, some of them copies of others: what tells nothing of a level must not choose one."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rushes.processors.identity.clusterer import Clusterer
from rushes.processors.identity.items import Observation

DIM = 64


def views(places: Sequence[int], likeness: float, within: float = 1.0) -> NDArray[np.float16]:
    """Unit vectors (n, DIM): two views of different places score `likeness`, two of one place `within`."""
    base, noise = np.sqrt(likeness), np.sqrt(1.0 - within)
    rows = np.zeros((len(places), DIM))
    for view, place in enumerate(places):
        rows[view, 0] = base
        rows[view, 1 + place] = np.sqrt(within - likeness)
        rows[view, DIM - 1 - view] = noise
    return rows.astype(np.float16)


def settled(vectors: NDArray[np.float16], order: Sequence[int], quiet_after: int = 0) -> list[int | None]:
    """Each item's cluster when all background work is done; they arrive in this order, each in a frame of its own.
    After `quiet_after` items the library is quiet, and all work on those is done.
    """
    clusterer = Clusterer(DIM)
    number = {}
    for at, item in enumerate(order):
        clusterer.observe([Observation(vectors[item], frame=at)])
        number[item] = at
        if at + 1 == quiet_after:
            clusterer.settle()
    clusterer.settle()
    return [clusterer.partition.cluster_of(number[item]) for item in range(len(vectors))]


def partition(found: Sequence[int | None]) -> set[frozenset[int]]:
    """Groups of items, one that waits alone."""
    groups: dict[int, set[int]] = {}
    for item, cluster in enumerate(found):
        groups.setdefault(-1 - item if cluster is None else cluster, set()).add(item)
    return {frozenset(group) for group in groups.values()}


@pytest.mark.parametrize("likeness", [0.1, 0.3, 0.49, 0.59])
@pytest.mark.parametrize("places", [(0, 1, 0, 1), (0, 1, 2, 0, 1), (0, 0, 0, 1, 1), (0, 1, 2, 0, 1, 2)])
@pytest.mark.parametrize("seed", range(3))
def test_copies_of_a_few_places_stay_apart_by_place(places, likeness, seed):
    found = settled(views(places, likeness), np.random.default_rng(seed).permutation(len(places)).tolist())
    for one in range(len(places)):
        for other in range(one):
            together = found[one] is not None and found[one] == found[other]
            assert together == (places[one] == places[other]), (places, found)


@pytest.mark.parametrize("count", [2, 3, 6])
def test_copies_of_one_picture_are_one(count):
    found = settled(views([0] * count, 0.3), range(count))
    assert found[0] is not None
    assert set(found) == {found[0]}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("places", [(0, 0, 0, 0, 0), (0, 0, 0, 1, 1, 1)])
def test_a_copy_does_not_scatter_the_few_views_of_an_identity(places, seed):
    vectors = views(places, 0.1, within=0.8)
    vectors[1] = vectors[0]
    found = settled(vectors, np.random.default_rng(seed).permutation(len(places)).tolist())
    assert None not in found
    assert len(set(found)) == len(set(places))
    assert all((found[0] == each) == (place == 0) for each, place in zip(found, places, strict=True))


@given(seed=st.integers(0, 10_000), quiet_after=st.integers(3, 7))
@settings(max_examples=60, deadline=None)
def test_a_pause_before_the_copies_come_does_not_matter_in_the_end(seed, quiet_after):
    rng = np.random.default_rng(seed)
    places = rng.integers(0, 3, 5).tolist()
    vectors = views(places, 0.3, within=0.5)
    vectors = np.concatenate([vectors, vectors[:3]])
    in_order = range(len(vectors))
    assert partition(settled(vectors, in_order, quiet_after)) == partition(settled(vectors, in_order))


@pytest.mark.parametrize("seed", range(5))
def test_a_pair_of_copies_does_not_tell_that_only_copies_are_one(seed):
    places = (0, 0, 0, 1, 1, 1, 2, 2, 2)
    vectors = views(places, 0.1, within=0.8)
    vectors[1] = vectors[0]
    found = settled(vectors, np.random.default_rng(seed).permutation(len(places)).tolist())
    assert [found[at] == found[at - at % 3] for at in range(9)] == [True] * 9
    assert len(set(found)) == 3
    assert None not in found
