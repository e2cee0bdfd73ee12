"""Looks searched for together find what each would find alone, whatever happens until their turn."""

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushes.processors.gallery.pieces import at_once
from rushes.processors.gallery.shortlist import Sizes
from rushes.processors.identity.calibration import Calibration
from rushes.processors.identity.clusterer import Clusterer
from rushes.processors.identity.items import Observation
from rushes.processors.identity.lookahead import TOGETHER, Lookahead
from rushes.processors.identity.partition import Partition
from rushes.processors.identity.schedule import Schedule
from rushes.processors.identity.slices import MOST_AT_ONCE, STEP_COST
from tests.making_identities import alone, groups, identities

DIM = 24
SMALL = Sizes(flat_rows=12, epoch=8, list_rows=8, window=32)
LARGE = Schedule(exact_limit=20)
KNOWN = Calibration(join=0.5, different_mean=0.0, different_std=0.1, same_mean=0.7, items=500, uncertainty=0.05)


def into_lists():
    """Galleries that go into lists with a few rows."""
    return patch("rushes.processors.gallery.shortlist.Sizes", lambda: SMALL)


def shuffled(partition: Partition, rng: np.random.Generator) -> None:
    """Some items go elsewhere, some wait."""
    for item in rng.choice(partition.items_counted, 3).tolist():
        cluster = int(rng.integers(partition.clusters_counted))
        partition.place([item], cluster if rng.random() < 0.7 else None)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.booleans(), st.floats(0.0, 1.0))
def test_what_is_near_is_the_same_together_and_alone(seed, count, lists, changing):
    rng = np.random.default_rng(seed)
    made = identities(seed, [int(rng.integers(1, 5)) for _ in range(40)], DIM, 0.8)
    with into_lists() if lists else patch.dict({}):
        partition = Partition(DIM)
    homes = [partition.new_cluster(0) for _ in range(30)]
    for place, label in enumerate(made.labels.tolist()):
        partition.add(Observation(made.vectors[place], frame=place))
        if label < len(homes):
            partition.put(place, homes[label])
    asked = rng.choice(partition.items_counted, count % partition.items_counted + 1, replace=False).tolist()
    together = Lookahead(partition, 0.5, 0.2)
    for _ in together.search(asked):
        if rng.random() < changing:
            shuffled(partition, rng)
    for item in rng.permutation(asked).tolist():
        if rng.random() < changing:
            shuffled(partition, rng)
        assert at_once(together.near(item)) == at_once(Lookahead(partition, 0.5, 0.2).near(item))


@pytest.mark.parametrize("lists", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_decisions_are_the_same_however_many_look_together(seed, lists):
    made = identities(seed, [1, 1, 2, 3, 5, 8, 20, 30] * 3, DIM, spread=0.9)
    order = np.random.default_rng(seed).permutation(len(made.vectors))
    said = []
    for many in (1, 4, TOGETHER):
        with (
            into_lists() if lists else patch.dict({}),
            patch("rushes.processors.identity.consolidation.TOGETHER", many),
        ):
            clusterer = Clusterer(DIM, KNOWN, LARGE)
            moves = []
            for frame in alone(made, order):
                clusterer.observe(frame)
                moves += clusterer.work(10**12)
            clusterer.request()
            moves += clusterer.work(
                10**12
            )  # at once: what is told of a move there and back depends on where a slice ends
            said.append((moves, groups(clusterer, order)))
    assert said[0] == said[1] == said[2]
    assert said[0][0]


@pytest.mark.parametrize("count", [2_000, 9_000])
def test_no_piece_of_a_search_is_larger_than_stated(count):
    partition = Partition(64)
    rng = np.random.default_rng(1)
    for item, vector in enumerate(rng.standard_normal((count, 64)).astype(np.float16)):
        partition.add(Observation(vector, frame=item))
        if item % 2:
            partition.put(item, partition.new_cluster(item))
    costs = list(Lookahead(partition, 0.5, 0.2).search(range(TOGETHER)))
    assert len(costs) > 2
    assert max(costs) <= MOST_AT_ONCE + TOGETHER * STEP_COST
