"""A simulated corrector: how many clicks a person needs until a clustering is right.

A click takes one item to another cluster or to a new one, or joins two clusters. Moving or splitting off k items is k
clicks, since each has to be picked; with splits at one click whatever their size, joining everything and cutting it
up again would be the cheapest way. Right is: every identity is exactly one cluster, and no cluster holds two. An item
in noise stands alone; one that is alone in truth costs nothing there.

The clicks are named by what a person would do:

- split: an item of an identity that has no cluster of its own leaves the cluster of another;
- move: an item leaves the wrong cluster for that of its identity;
- merge: two clusters of one identity, of two items or more each, become one;
- confirm: one that stands alone is accepted where its identity is.

The count is the least there is (the tests compare with a search over all partitions): in every cluster its most
frequent identity stays, everything else leaves; among equally frequent ones those stay that let most identities keep
a cluster, by maximum bipartite matching (Hopcroft and Karp 1973).
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from rushes.processors.evaluation.metrics import Blocks, Labels, blocks


@dataclass(frozen=True, slots=True)
class Clicks:
    """What a person had to do."""

    moves: int
    merges: int
    splits: int
    confirmations: int

    @property
    def total(self) -> int:
        return self.moves + self.merges + self.splits + self.confirmations


def clicks_to_perfect(found: Labels, truth: Labels) -> Clicks:
    """The fewest clicks that make a clustering right. `found` (n,) int64 with noise below zero, `truth` (n,) int64."""
    if len(found) == 0:
        return Clicks(0, 0, 0, 0)
    table = blocks(found, truth)
    stays = _staying(table)
    kept = np.zeros(len(table.truth_sizes), bool)
    kept[table.truth[stays]] = True
    leaving = np.ones(len(table.count), bool)
    leaving[stays] = False
    homeless = leaving & ~kept[table.truth]
    merges = confirmations = 0
    clusters = np.bincount(table.truth[stays], minlength=len(kept))
    alone = np.bincount(table.truth[stays], table.found_sizes[table.found[stays]] == 1, minlength=len(kept))
    for count, single in zip(clusters.tolist(), alone.astype(int).tolist(), strict=True):
        confirmed = min(single, max(count - 1, 0))  # the first of those alone is what the others are confirmed to be
        confirmations += confirmed
        merges += max(count - 1, 0) - confirmed
    splits = int(table.count[homeless].sum())
    return Clicks(int(table.count[leaving].sum()) - splits, merges, splits, confirmations)


def _staying(table: Blocks) -> Labels:
    """The block that stays, of each found cluster."""
    most = np.zeros(len(table.found_sizes), np.int64)
    np.maximum.at(most, table.found, table.count)
    candidates = np.flatnonzero(table.count == most[table.found])
    stays = np.empty(len(most), np.int64)
    stays[table.found[candidates][::-1]] = candidates[::-1]  # the first of equals, where the matching has no say
    graph = csr_array(
        (np.ones(len(candidates), np.int8), (table.found[candidates], table.truth[candidates])),
        shape=(len(most), len(table.truth_sizes)),
    )
    matched = maximum_bipartite_matching(graph, perm_type="column")
    block_of = {(int(table.found[b]), int(table.truth[b])): int(b) for b in candidates}
    for cluster in np.flatnonzero(matched >= 0).tolist():
        stays[cluster] = block_of[cluster, int(matched[cluster])]
    return stays
