"""Shots as labels: what one place looks like is learnt from them, and a cut that nobody saw misleads nobody."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushes.processors.evaluation.driving import calibrated
from rushes.processors.evaluation.embedders import Synthetic
from rushes.processors.evaluation.material import Material, arrival_orders
from rushes.processors.evaluation.metrics import bcubed
from rushes.processors.evaluation.takes import each_its_own, one_place, places, shots_of
from rushes.processors.gallery.pieces import at_once
from rushes.processors.identity.items import Observation
from rushes.processors.identity.linkage import products
from rushes.processors.identity.neighbourhoods import merged, rows
from rushes.processors.identity.partition import Partition
from rushes.processors.identity.shots import look_at_shots

EMBEDDER = Synthetic("any", 96, same=0.7, base=0.1)


def f1(material: Material, number: int = 0) -> float:
    order = arrival_orders(material, number + 1)[number]
    return bcubed(calibrated()(material, order).final, material.labels).f1


def looked_at(material: Material):
    """What shots say of all items of a partition, and their rows."""
    partition = Partition(material.vectors.shape[1])
    items = [
        partition.add(Observation(row.astype(np.float16), frame=n, shot=int(material.shots[n])))
        for n, row in enumerate(material.vectors)
    ]
    sample = at_once(rows(partition, [(item,) for item in items]))
    similarity = at_once(products(sample.sums, sample.weights)) / np.multiply.outer(sample.weights, sample.weights)
    return at_once(look_at_shots(partition, sample.groups, similarity)), sample


@pytest.mark.parametrize("seed", range(4))
def test_shots_of_one_place_are_one_place(seed):
    assert f1(one_place(EMBEDDER, np.random.default_rng(seed)), seed) == 1.0


@pytest.mark.parametrize("seed", range(4))
def test_as_many_places_as_shots_stay_apart(seed):
    assert f1(each_its_own(EMBEDDER, np.random.default_rng(seed)), seed) > 0.95


@pytest.mark.parametrize("seed", range(4))
def test_places_that_come_back_are_found_among_shots(seed):
    assert f1(places(EMBEDDER, np.random.default_rng(seed)), seed) > 0.95


def test_a_cut_that_nobody_saw_does_not_make_two_places_count_as_one():
    found, sample = looked_at(shots_of(EMBEDDER, np.random.default_rng(1), np.arange(12), missed=0.3))
    material = shots_of(EMBEDDER, np.random.default_rng(1), np.arange(12), missed=0.3)
    assert len(sample.groups) == len(material)
    for one in range(len(material)):
        assert material.labels[one] == material.labels[found.group[one]]
        assert material.shots[one] == material.shots[found.group[one]]


def test_too_few_shots_say_nothing():
    found, _ = looked_at(shots_of(EMBEDDER, np.random.default_rng(1), np.arange(2), missed=0.0))
    assert found is None


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=9), st.integers(0, 99))
def test_rows_added_up_are_the_sums_of_their_items(shots, seed):
    vectors = np.random.default_rng(seed).standard_normal((len(shots), 8)).astype(np.float16)
    partition = Partition(8)
    units = [(partition.add(Observation(row, frame=n % 3)),) for n, row in enumerate(vectors)]
    sample = at_once(rows(partition, units))
    found = merged(sample, np.array([shots.index(shot) for shot in shots]))
    for row, first in enumerate(sorted({shots.index(shot) for shot in shots})):
        mine = [item for item, shot in enumerate(shots) if shot == shots[first]]
        total, weight = partition.unit_sum(mine)
        assert np.array_equal(found.sums[row], total)
        assert found.weights[row] == weight
        others = {item for item in range(len(shots)) for mate in mine if item != mate and item % 3 == mate % 3}
        apart = set() if found.in_one_frame is None else set(np.flatnonzero(found.in_one_frame[row]).tolist())
        first_of = sorted({shots.index(shot) for shot in shots})
        assert apart == {first_of.index(shots.index(shots[item])) for item in others}
