"""Agreement of a clustering with the truth: B-cubed and pairwise precision, recall and F1.

Labels are integers. A found label below zero is noise: each such item counts as a cluster of its own, so that leaving
out what is hard is never free. A founder that waits in noise is given under its provisional id by the caller.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]

NOISE: Final = -1
"""Found label of an item in no cluster."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Precision, recall and their harmonic mean, each in 0..1."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


@dataclass(frozen=True, slots=True)
class Blocks:
    """Non-empty intersections of found and true clusters, numbered densely: `count[b]` items are both in found cluster
    `found[b]` and of identity `truth[b]`.
    """

    found: Labels
    truth: Labels
    count: Labels

    @property
    def found_sizes(self) -> Labels:
        return np.bincount(self.found, self.count).astype(np.int64)

    @property
    def truth_sizes(self) -> Labels:
        return np.bincount(self.truth, self.count).astype(np.int64)


def without_noise(found: Labels) -> Labels:
    """The labels made dense, with every noise item in a cluster of its own. (n,) int64."""
    noise = found < 0
    _, dense = np.unique(found[~noise], return_inverse=True)
    apart = np.empty(len(found), np.int64)
    apart[~noise] = dense
    clusters = int(dense.max()) + 1 if dense.size else 0
    apart[noise] = clusters + np.arange(int(noise.sum()))
    return apart


def blocks(found: Labels, truth: Labels) -> Blocks:
    """The contingency table of two clusterings of the same n items, without its zeros.

    Raises ValueError when the lengths differ.
    """
    if len(found) != len(truth):
        raise ValueError(f"expected as many found labels as true ones, got {len(found)} and {len(truth)}")
    _, of_truth = np.unique(truth, return_inverse=True)
    pairs, count = np.unique(np.stack([without_noise(found), of_truth]), axis=1, return_counts=True)
    return Blocks(pairs[0].astype(np.int64), pairs[1].astype(np.int64), count.astype(np.int64))


def bcubed(found: Labels, truth: Labels) -> Agreement:
    """B-cubed (Bagga and Baldwin 1998; F1 of the averages as in Amigo et al. 2009, section 3): of each item, the share
    of its cluster that is of its identity, and the share of its identity that is in its cluster, averaged over items.
    The empty clustering agrees.

    >>> bcubed(np.array([0, 0, 1]), np.array([5, 5, 5])).recall
    0.5555555555555556
    """
    if len(found) == 0:
        return Agreement(1.0, 1.0)
    table = blocks(found, truth)
    squared = table.count.astype(np.float64) ** 2
    precision = float((squared / table.found_sizes[table.found]).sum()) / len(found)
    recall = float((squared / table.truth_sizes[table.truth]).sum()) / len(found)
    return Agreement(precision, recall)


def pairwise(found: Labels, truth: Labels) -> Agreement:
    """Over pairs of items: the share of those put together that belong together, and the share of those that belong
    together that were put together. 1 where there is no such pair.
    """
    if len(found) == 0:
        return Agreement(1.0, 1.0)
    table = blocks(found, truth)
    right = _pairs(table.count)
    together, belonging = _pairs(table.found_sizes), _pairs(table.truth_sizes)
    return Agreement(right / together if together else 1.0, right / belonging if belonging else 1.0)


def _pairs(sizes: Labels) -> int:
    return int((sizes * (sizes - 1) // 2).sum())
