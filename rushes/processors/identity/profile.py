"""What a partition shows of a model: scores of pairs within clusters and of pairs across them."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushes.processors.identity.grid import STEPS
from rushes.processors.identity.partition import Partition

BINS: Final = 40
"""Of scores in -1..1: .05 each."""

MOST_UNITS: Final = 1000
"""Drawn from larger partitions: half a million pairs tell a distribution well enough."""

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Spread:
    """Scores of one sort of pairs: mean, standard deviation, how many, and counts in bins of -1..1, (BINS,)."""

    mean: float
    std: float
    count: int
    histogram: Counts


@dataclass(frozen=True, slots=True)
class Seen:
    """Both sorts of pairs of a partition's units, and how many items and clusters it has."""

    same: Spread
    different: Spread
    items: int
    clusters: int


def look(partition: Partition) -> Seen:
    """Scores of a sample's pairs; a tracklet is one unit, and what waits is in no pair. Deterministic."""
    units: dict[tuple[int, ...], int] = {}
    for item in partition.items():
        cluster = partition.cluster_of(item)
        if cluster is not None and partition.entry(item).good:
            units[partition.facts.unit(item)] = cluster
    chosen = list(units)
    if len(chosen) > MOST_UNITS:
        drawn = np.random.default_rng(len(chosen)).choice(len(chosen), MOST_UNITS, replace=False)
        chosen = [chosen[place] for place in sorted(drawn.tolist())]
    sums = np.zeros((len(chosen), partition.dim))
    weights = np.ones(len(chosen))
    for row, unit in enumerate(chosen):
        sums[row], weights[row] = partition.unit_sum(unit)
    scores = sums @ sums.T / (np.multiply.outer(weights, weights) * STEPS * STEPS)
    label = np.array([units[unit] for unit in chosen], np.int64)
    pairs = np.triu_indices(len(chosen), 1)
    one = label[pairs[0]] == label[pairs[1]]
    return Seen(
        same=_spread(scores[pairs][one]),
        different=_spread(scores[pairs][~one]),
        items=len(partition),
        clusters=len(partition.clusters),
    )


def _spread(scores: NDArray[np.float64]) -> Spread:
    histogram, _ = np.histogram(np.clip(scores, -1, 1), bins=BINS, range=(-1, 1))
    if not len(scores):
        return Spread(0.0, 0.0, 0, histogram.astype(np.int64))
    return Spread(float(scores.mean()), float(scores.std()), len(scores), histogram.astype(np.int64))
