"""Pairs of clusters that may be one and are not alike enough to be sure: for a person to look at."""

from itertools import islice
from typing import Final

from rushes.processors.identity.clusterer import Clusterer
from rushes.processors.identity.planning import search_cost

LEAST_PROBABLE: Final = 0.2
"""A pair below is not worth a look: four of five would be turned down."""

PER_CLUSTER: Final = 3
"""Most that one cluster proposes."""

MOST_MEMBERS: Final = 1000
"""Of the smaller cluster, looked through for a frame that both are in."""

Proposed = tuple[tuple[int, float], ...]
"""(cluster, average linkage), the likeliest first."""


class MergeProposals:
    """What each cluster proposes, brought up to date bit by bit. Costs a search of all clusters each."""

    def __init__(self) -> None:
        self._stale: dict[int, None] = {}
        self._proposed: dict[int, Proposed] = {}
        self._by: dict[int, set[int]] = {}
        """Of a cluster, those that propose it."""
        self._saved = 0
        """Operations left over: in a large library one look takes those of several slices."""

    def touch(self, cluster: int) -> None:
        """A cluster's members changed."""
        self._stale[cluster] = None

    def reconsider(self, cluster: int) -> None:
        """It may be nothing to propose any more: it is gone, or a person spoke of it."""
        self.touch(cluster)
        for proposer in sorted(self._by.get(cluster, ())):
            self.touch(proposer)

    def of(self, cluster: int) -> Proposed:
        """What a cluster proposes, as last looked at."""
        return self._proposed.get(cluster, ())

    def renew(self, clusterer: Clusterer, operations: int) -> list[int]:
        """Look at stale clusters, the longest stale first, for about this many operations (elements touched); those
        whose proposals changed.
        """
        partition = clusterer.partition
        cost = search_cost(len(partition.clusters), partition.dim)
        looks, self._saved = divmod(self._saved + operations, cost)
        changed: list[int] = []
        for cluster in list(islice(self._stale, looks)):
            if not partition.members(cluster):
                self.reconsider(cluster)
            del self._stale[cluster]
            found = _look(clusterer, cluster) if partition.members(cluster) else ()
            if found != self.of(cluster):
                changed.append(cluster)
                self._propose(cluster, found)
        return changed

    def _propose(self, cluster: int, found: Proposed) -> None:
        for other, _ in self._proposed.pop(cluster, ()):
            self._by[other].discard(cluster)
            if not self._by[other]:
                del self._by[other]
        if found:
            self._proposed[cluster] = found
        for other, _ in found:
            self._by.setdefault(other, set()).add(cluster)


def _look(clusterer: Clusterer, cluster: int) -> Proposed:
    partition, calibration = clusterer.partition, clusterer.calibration
    total, weight = partition.clusters.total(cluster), partition.clusters.weight(cluster)
    near = partition.scores(total, PER_CLUSTER + 1, 2.0, weight)
    return tuple(
        (other, score)
        for other, score in near
        if other != cluster
        and calibration.probability(score) >= LEAST_PROBABLE
        and not _told_apart(clusterer, cluster, other)
    )


def _told_apart(clusterer: Clusterer, one: int, other: int) -> bool:
    """Whether a frame shows both, or people put things into both, or said that one is not the other."""
    partition = clusterer.partition
    facts = partition.facts
    if facts.pinned_to(one) and facts.pinned_to(other):
        return True
    if any(
        partition.cluster_of(item) == its
        for its, not_its in ((one, other), (other, one))
        for item in facts.rejected_from(not_its)
    ):
        return True
    fewer, more = sorted((one, other), key=lambda each: (len(partition.members(each)), each))
    return any(more in partition.forbidden(item) for item in sorted(partition.members(fewer))[:MOST_MEMBERS])
