"""Metrics agree with naive loops over items and pairs."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushes.processors.evaluation.metrics import bcubed, pairwise

clusterings = st.integers(0, 30).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(-1, 5), min_size=n, max_size=n), st.lists(st.integers(0, 5), min_size=n, max_size=n)
    )
)


def together(labels, i, j):
    return i == j or (labels[i] == labels[j] and labels[i] >= 0)


def naive_bcubed(found, truth):
    items = range(len(found))
    precision, recall = [], []
    for i in items:
        cluster = [j for j in items if together(found, i, j)]
        identity = [j for j in items if truth[i] == truth[j]]
        both = len(set(cluster) & set(identity))
        precision.append(both / len(cluster))
        recall.append(both / len(identity))
    return np.mean(precision), np.mean(recall)


def naive_pairwise(found, truth):
    pairs = list(combinations(range(len(found)), 2))
    put = {p for p in pairs if together(found, *p)}
    belong = {(i, j) for i, j in pairs if truth[i] == truth[j]}
    right = len(put & belong)
    return (right / len(put) if put else 1.0), (right / len(belong) if belong else 1.0)


@given(clusterings)
def test_bcubed_is_what_a_loop_over_items_gives(labels):
    found, truth = (np.array(side, np.int64) for side in labels)
    got = bcubed(found, truth)
    if len(found):
        assert (got.precision, got.recall) == pytest.approx(naive_bcubed(found, truth))
    else:
        assert got.f1 == 1.0


@given(clusterings)
def test_pairwise_is_what_a_loop_over_pairs_gives(labels):
    found, truth = (np.array(side, np.int64) for side in labels)
    got = pairwise(found, truth)
    assert (got.precision, got.recall) == pytest.approx(naive_pairwise(found, truth))


@given(clusterings, st.permutations(range(7)))
def test_names_of_clusters_change_nothing(labels, names):
    found, truth = (np.array(side, np.int64) for side in labels)
    renamed = np.array([names[f] if f >= 0 else -1 for f in found], np.int64)
    assert bcubed(renamed, truth).f1 == pytest.approx(bcubed(found, truth).f1)


def test_noise_counts_as_singletons_and_not_as_one_cluster():
    truth = np.array([0, 0, 1, 1])
    assert bcubed(np.full(4, -1), truth) == bcubed(np.arange(4), truth)
    assert bcubed(np.full(4, -1), truth).precision == 1.0
    assert bcubed(np.full(4, -1), truth).recall == 0.5


def test_labels_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="3 and 2"):
        bcubed(np.zeros(3, np.int64), np.zeros(2, np.int64))
