"""The simulated corrector needs no click more than the best there is."""

import heapq
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushes.processors.evaluation.corrector import clicks_to_perfect


def canonical(labels):
    names = {}
    return tuple(names.setdefault(label, len(names)) for label in labels)


def partitions(n):
    found = [()]
    for _ in range(n):
        found = [(*p, k) for p in found for k in range(max(p, default=-1) + 2)]
    return found


def neighbours(partition):
    """Partitions that one action gives, with its clicks: an item elsewhere, two clusters joined, a set split off."""
    clusters = range(max(partition) + 1)
    for item, home in enumerate(partition):
        for other in (*clusters, len(clusters)):
            if other != home:
                yield canonical((*partition[:item], other, *partition[item + 1 :])), 1
    for a, b in combinations(clusters, 2):
        yield canonical(tuple(a if c == b else c for c in partition)), 1
    for cluster in clusters:
        members = [i for i, c in enumerate(partition) if c == cluster]
        for size in range(1, len(members)):
            for taken in combinations(members, size):
                yield canonical(tuple(len(clusters) if i in taken else c for i, c in enumerate(partition))), size


def fewest_clicks_to(goal):
    """Dijkstra over all partitions: from each, the fewest clicks to the goal. Actions run backwards: a join undone is a
    split and the other way round, so the search goes forward from every start instead."""
    graph = {p: list(neighbours(p)) for p in partitions(len(goal))}
    backwards = {p: [] for p in graph}
    for start, ends in graph.items():
        for end, cost in ends:
            backwards[end].append((start, cost))
    best, queue = {}, [(0, goal)]
    while queue:
        cost, partition = heapq.heappop(queue)
        if partition not in best:
            best[partition] = cost
            for start, more in backwards[partition]:
                if start not in best:
                    heapq.heappush(queue, (cost + more, start))
    return best


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6])
def test_no_sequence_of_actions_needs_fewer_clicks(n):
    for goal in partitions(n):
        if list(goal) == sorted(goal):  # every other goal is one of these with the items renumbered
            for found, fewest in fewest_clicks_to(goal).items():
                assert clicks_to_perfect(np.array(found), np.array(goal)).total == fewest, (found, goal)


@given(st.lists(st.tuples(st.integers(-1, 4), st.integers(0, 4)), max_size=40))
def test_what_is_right_costs_nothing_and_no_clustering_costs_more_than_its_items(pairs):
    found = np.array([f for f, _ in pairs], np.int64)
    truth = np.array([t for _, t in pairs], np.int64)
    assert clicks_to_perfect(truth, truth).total == 0
    assert 0 <= clicks_to_perfect(found, truth).total <= max(len(pairs) - 1, 0)


def test_each_kind_of_click_is_told():
    truth = np.array([0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3])
    found = np.array([0, 0, 1, 1, -1, 2, 2, 2, 2, 2, 0])
    clicks = clicks_to_perfect(found, truth)
    assert (clicks.merges, clicks.confirmations, clicks.splits, clicks.moves) == (1, 1, 3, 0)
    strays = clicks_to_perfect(np.array([0, 0, 1, 1, 1]), np.array([0, 0, 0, 1, 1]))
    assert (strays.moves, strays.total) == (1, 1)
