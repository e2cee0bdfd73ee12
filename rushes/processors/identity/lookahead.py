"""Searches for the neighbours of what background work looks at next: many at once, where one by one each would read
the whole gallery.

It holds no promise. What changed before its turn came is searched for by itself, and rows that changed are compared
again; so a look finds what it would find alone, whatever was searched for together and when.
"""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from rushes.processors.identity.gallery import Scored, Scores
from rushes.processors.identity.grid import Vec64
from rushes.processors.identity.partition import Partition
from rushes.processors.identity.planning import search_cost
from rushes.processors.identity.slices import STEP_COST

TOGETHER: Final = 128
"""Looks whose searches are made together: beyond, less is saved than grows stale."""

MOST_BELOW: Final = 16
"""Neighbours looked at that are below the threshold, as many in clusters as waiting: they might exchange something. How
many look a little alike grows with the library, and what a look costs must not.
"""


ASKED_COST: Final = 70_000
"""Operations of asking for what was found in one gallery, with exact scores (.1 ms)."""


@dataclass(frozen=True, slots=True)
class Looker:
    """An item that is looked at for its cluster, or waits and is looked at for itself."""

    item: int
    cluster: int | None
    total: Vec64
    """(d,) sum in grid steps, of the cluster or of the item."""
    weight: float

    @classmethod
    def of(cls, partition: Partition, item: int) -> "Looker":
        cluster = partition.cluster_of(item)
        if cluster is None:
            return cls(item, None, *partition.unit_sum((item,)))
        return cls(item, cluster, partition.clusters.total(cluster), partition.clusters.weight(cluster))

    @property
    def itself(self) -> tuple[int, ...]:
        """The cluster that is not compared with it."""
        return () if self.cluster is None else (self.cluster,)

    def is_as(self, other: "Looker") -> bool:
        return (self.item, self.cluster, self.weight) == (other.item, other.cluster, other.weight) and np.array_equal(
            self.total, other.total
        )


@dataclass(frozen=True, slots=True)
class Near:
    """Clusters and waiting items, best first: all of the threshold, or the `MOST_BELOW` best of `low` or more."""

    low: float
    clusters: list[Scored]
    waiting: list[Scored]
    beyond: float
    """The best score below `low`."""


class Lookahead:
    """Neighbours of items in any order: all of `threshold`, and the nearest of those between it and `low`."""

    def __init__(self, partition: Partition, threshold: float, low: float) -> None:
        self.partition = partition
        self.threshold = threshold
        self.low = low
        self._lookers: list[Looker] = []
        self._place: dict[int, int] = {}
        """By item, of those that were not asked for yet."""
        self._found: tuple[Scores, Scores] | None = None
        """Among clusters and among what waits."""

    def holds(self, item: int) -> bool:
        """Whether an item was searched for, and what was found still stands."""
        return item in self._place and self._found is not None and all(scores.stands for scores in self._found)

    def search(self, items: Iterable[int]) -> Generator[int, None, None]:
        """Search for these, and forget all others."""
        partition = self.partition
        self._found = None
        self._lookers = [Looker.of(partition, item) for item in items]
        self._place = {looker.item: place for place, looker in enumerate(self._lookers)}
        yield STEP_COST * len(self._lookers)
        sums = np.stack([looker.total for looker in self._lookers])
        weights = [looker.weight for looker in self._lookers]
        clusters = [looker.itself for looker in self._lookers]
        itself = [(looker.item,) for looker in self._lookers]
        reach = self.threshold, MOST_BELOW
        among_clusters = yield from partition.clusters.scoring_many(sums, weights, *reach, clusters)
        among_waiting = yield from partition.noise.scoring_many(sums, weights, *reach, itself)
        self._found = among_clusters, among_waiting

    def near(self, item: int) -> Generator[int, None, Near]:
        """What is near an item, in the partition as it is when this ends."""
        partition = self.partition
        galleries = partition.clusters, partition.noise
        if self.holds(item):
            yield sum(ASKED_COST + len(gallery) for gallery in galleries)
        else:
            yield sum(search_cost(len(gallery), partition.dim) for gallery in galleries)
        looker = Looker.of(partition, item)
        if self.holds(item) and self._found is not None:
            place = self._place.pop(item)
            if self._lookers[place].is_as(looker):
                return self._near(self._found[0].of(place), self._found[1].of(place))
        reach = MOST_BELOW, self.threshold, looker.weight
        clusters = partition.scores(looker.total, *reach, looker.itself)
        return self._near(clusters, partition.noise_scores(looker.total, *reach, (item,)))

    def _near(self, clusters: Sequence[Scored], waiting: Sequence[Scored]) -> Near:
        among, others = ([each for each in found if each[1] >= self.low] for found in (clusters, waiting))
        beyond = max((score for _, score in [*clusters, *waiting] if score < self.low), default=-1.0)
        return Near(self.low, among, others, beyond)
