"""Background work comes in pieces of bounded size, and arithmetic in pieces gives what it gives at once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushes.processors.identity.calibration import Evidence, calibrate
from rushes.processors.identity.grid import to_grid
from rushes.processors.identity.linkage import agglomerate, averages, products
from rushes.processors.identity.pairs import SAMPLE_COST
from rushes.processors.identity.slices import FEW, MOST_AT_ONCE, STEP_COST, median, spans
from tests.making_identities import identities

MOST_PIECE = 2 * MOST_AT_ONCE
"""A piece is one of arithmetic, and a few figures of a sample beside it."""


def pieces(work):
    """What each piece cost, and the result."""
    costs = []
    while True:
        try:
            costs.append(next(work))
        except StopIteration as done:
            return costs, done.value


@given(
    seed=st.integers(0, 1000),
    count=st.integers(1, 4 * FEW),
    distinct=st.sampled_from([1, 2, 1000, 10**9]),
)
@settings(max_examples=40, deadline=None)
def test_the_median_in_pieces_is_that_of_numpy(seed, count, distinct):
    values = np.random.default_rng(seed).integers(distinct, size=count) / distinct
    costs, found = pieces(median(values))
    assert found == np.median(values)
    assert distinct < 1000 or max(costs) <= MOST_PIECE, "many equal values are sorted at once"


def test_the_median_of_sorted_and_of_skewed_values_is_that_of_numpy():
    for values in (np.arange(3.0 * FEW), np.exp(np.linspace(0, 300, 2 * FEW + 1)), np.repeat([0.0, 1.0], FEW)):
        assert pieces(median(values))[1] == np.median(values)


@given(count=st.integers(0, 500), cost=st.integers(1, 3 * MOST_AT_ONCE))
@settings(max_examples=40, deadline=None)
def test_spans_cover_every_row_once_and_hold_the_bound_unless_one_row_is_beyond_it(count, cost):
    found = list(spans(count, cost))
    assert [row for span in found for row in range(span.start, span.stop)] == list(range(count))
    assert all((span.stop - span.start) * cost <= MOST_AT_ONCE or span.stop - span.start == 1 for span in found)


@pytest.mark.parametrize("sizes", [[1] * 800, [40] * 20, [800], [300, 300] + [2] * 100])
def test_no_piece_of_a_calibration_is_larger_than_stated(sizes):
    rows = np.stack([to_grid(vector) for vector in identities(1, sizes, 512).vectors]).astype(np.float64)
    ones = np.ones(len(rows))
    costs, gram = pieces(products(rows, ones))
    more, similarity = pieces(averages(gram, ones))
    linking, merges = pieces(agglomerate(similarity, ones))
    choosing, _ = pieces(calibrate(similarity, merges, Evidence(np.zeros(0))))
    assert max(*costs, *more, *linking) <= MOST_PIECE + STEP_COST
    assert sum(cost > MOST_PIECE for cost in choosing) == 1, "the sample's mixture alone"
    assert max(choosing) <= SAMPLE_COST
