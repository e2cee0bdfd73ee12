"""The references do what is said of them, by slow ways to the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushes.processors.evaluation.embedders import Synthetic, equal_error_rate
from rushes.processors.evaluation.informed import informed_cut_f1
from rushes.processors.evaluation.layouts import labelled
from rushes.processors.evaluation.material import Material
from rushes.processors.evaluation.metrics import bcubed
from rushes.processors.evaluation.references import best_cut, greedy, greedy_oracle, neighbour_rule


def some(seed, noise=0.5, sizes=(4, 3, 3, 2, 1, 1)):
    rng = np.random.default_rng(seed)
    return labelled(Synthetic("any", 24, same=noise).draw(rng, list(sizes)), rng)


def naive_average_linkage(vectors):
    """All partitions on the way from singletons to one cluster."""
    clusters = [[i] for i in range(len(vectors))]
    scores = vectors.astype(np.float64) @ vectors.astype(np.float64).T
    while True:
        labels = np.empty(len(vectors), np.int64)
        for number, members in enumerate(clusters):
            labels[members] = number
        yield labels
        if len(clusters) == 1:
            return
        pairs = [(a, b) for a in range(len(clusters)) for b in range(a)]
        a, b = max(pairs, key=lambda pair: scores[np.ix_(clusters[pair[0]], clusters[pair[1]])].mean())
        clusters[b] += clusters.pop(a)


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_the_best_cut_is_the_best_of_all_levels_of_naive_average_linkage(seed):
    material = some(seed)
    cut = best_cut(material.vectors, material.labels)
    levels = [bcubed(labels, material.labels).f1 for labels in naive_average_linkage(material.vectors)]
    assert cut.f1 == pytest.approx(max(levels))
    assert bcubed(cut.labels, material.labels).f1 == pytest.approx(cut.f1)


def test_merges_of_one_height_are_one_cut():
    vectors = np.eye(4, dtype=np.float32)  # all at the same distance: everything or nothing
    cut = best_cut(vectors, np.array([0, 0, 1, 1]))
    assert len(set(cut.labels.tolist())) in {1, 4}


def test_informed_linkage_without_facts_is_the_best_cut():
    for seed in range(20):
        material = some(seed)
        assert informed_cut_f1(material) == pytest.approx(best_cut(material.vectors, material.labels).f1)


def test_informed_linkage_obeys_tracklets_and_frames():
    vectors = np.eye(4, dtype=np.float32)
    truth = np.array([0, 0, 1, 1])
    facts = Material(vectors, truth, frames=np.array([0, 1, 0, 1]), tracklets=truth)
    assert informed_cut_f1(facts) == 1.0


def test_greedy_with_hindsight_is_never_worse_than_any_threshold_it_may_choose():
    material = some(1)
    order = np.random.default_rng(0).permutation(len(material))
    best = greedy_oracle(material.vectors, order, material.labels)
    for threshold in (0.1, 0.3, 0.5, 0.7):
        assert best.f1 >= bcubed(greedy(material.vectors, order, threshold), material.labels).f1


def rows(*angles):
    return np.array([[np.cos(a), np.sin(a)] for a in np.radians(angles)], np.float32)


def test_the_neighbour_rule_founds_with_three_and_drifts_along_a_chain():
    # three within 60 degrees found (the third is the first with two neighbours); the chain of 50 degrees drifts on
    assert neighbour_rule(rows(0, 5, 10, 60, 110, 115), np.arange(6)).tolist() == [0, 0, 0, 0, 0, 0]
    # a pair never founds, and one far from all stays in noise
    assert neighbour_rule(rows(0, 5, 180), np.arange(3)).tolist() == [-1, -1, -1]


def test_the_equal_error_rate_of_one_swapped_pair_in_ten_is_a_tenth():
    same = np.array([True] * 10 + [False] * 10)
    scores = np.where(same, 1.0, 0.0)
    scores[[0, 10]] = [0.4, 0.6]
    assert equal_error_rate(scores, same) == pytest.approx(0.1)
