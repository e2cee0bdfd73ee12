"""Unit vectors around centres, for tests of identities."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rushes.processors.identity.clusterer import Clusterer
from rushes.processors.identity.items import Observation


@dataclass(frozen=True)
class Made:
    vectors: NDArray[np.float16]
    labels: NDArray[np.int64]


def identities(seed: int, sizes: list[int], dim: int = 64, spread: float = 0.6) -> Made:
    """Items around random centres; `spread` is the length of the deviation beside a unit centre."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    centres = rng.standard_normal((len(sizes), dim))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    vectors = centres[labels] + spread * rng.standard_normal((len(labels), dim)) / np.sqrt(dim)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Made(vectors.astype(np.float16), labels)


def alone(made: Made, order: list[int] | NDArray[np.int64]) -> list[list[Observation]]:
    """Each item in a frame of its own."""
    return [[Observation(made.vectors[item], frame=place)] for place, item in enumerate(order)]


def run(
    frames: list[list[Observation]], dim: int = 64, operations: int = 10_000_000, clusterer: Clusterer | None = None
) -> Clusterer:  # fmt: skip
    """Everything observed, by a clusterer of `dim` dimensions or the one given, and all background work done."""
    clusterer = clusterer if clusterer is not None else Clusterer(dim)
    for frame in frames:
        clusterer.observe(frame)
        while clusterer.due():
            clusterer.work(operations)
    clusterer.settle()
    return clusterer


def groups(clusterer: Clusterer, order: list[int] | NDArray[np.int64]) -> set[frozenset[int]]:
    """The partition as sets of the made items' numbers; what waits is alone."""
    found: dict[int, set[int]] = {}
    for item, number in enumerate(order):
        cluster = clusterer.partition.cluster_of(item)
        found.setdefault(-1 - item if cluster is None else cluster, set()).add(int(number))
    return {frozenset(group) for group in found.values()}
