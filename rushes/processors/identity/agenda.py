"""What background work is to look at in a large library, such that an item costs the same whatever the size.

A cluster is looked at when it grew by a quarter since it last was: a look costs a search, so there are few for each
item. What grew less, and what waits, is looked at where everything is asked for; then of a cluster only what came to it
is looked at one by one. When the threshold changed, only those are looked at for which it may decide otherwise: each
look says between which thresholds it would have ended the same. So does an arrival that found nobody near: a look would
find nobody either, and who comes later looks for himself.
"""

import math
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from rushes.processors.identity.partition import Partition

GROWN: Final = 1.25
"""Weight of a cluster, times what it was, from which it is looked at again."""

MOST_GROWN: Final = 200.0
"""Weight by which it may grow at most: as many units as are looked at one by one."""

SWEEP_PER_ITEM: Final = 4
"""Items looked through for each new one after the threshold changed: done before the library grew by half again."""

SWEEP_COST: Final = 1_000
"""Operations of looking at what is known of an item."""

FEW_UNITS: Final = 32
"""Of a cluster, up to which all of them are looked at one by one, however few came."""

FORESEEN: Final = 4_096
"""Items of a sweep that are looked through for what comes next."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a look ended: the same at any threshold above `refused`, up to `inner`."""

    refused: float
    inner: float = math.inf
    weight: float = 1.0
    """Of the cluster, as it was then."""


class Agenda:
    """Clusters and waiting items to be looked at, in the order in which they came."""

    def __init__(self, partition: Partition) -> None:
        self.partition = partition
        self.poor: dict[int, None] = {}
        self._waiting: dict[int, None] = {}
        self._clusters: dict[int, None] = {}
        self._later: dict[int, None] = {}
        self._came: dict[int, list[int]] = {}
        """Items that came to a cluster since it was last looked at."""
        self._ended: dict[int, Ended] = {}
        self._alone: dict[int, Ended] = {}
        self._swept: int | None = None
        self._next_waiting: deque[int] = deque()
        self._next_clusters: deque[int] = deque()
        self._quota = 0

    def note(self, item: int) -> None:
        """An item arrived, or was decided anew."""
        partition = self.partition
        self.left([item])
        cluster = partition.cluster_of(item)
        if not partition.entry(item).good:
            self.poor[item] = None
        elif cluster is None:
            self._waiting[item] = None
        else:
            if partition.facts.unit_pin(item) is not None:
                self._ended.pop(cluster, None)
            self._came.setdefault(cluster, []).append(item)
            if self._has_grown(cluster):
                self._clusters[cluster] = None
                self._later.pop(cluster, None)
            else:
                self._later[cluster] = None

    def left(self, items: Iterable[int]) -> None:
        """Items wait no longer, or not as they did: what was noted of them while they waited is no longer so."""
        for item in items:
            self._alone.pop(item, None)

    def clear(self) -> None:
        """Everything was looked at."""
        self.poor.clear()
        self._waiting.clear()
        self._clusters.clear()
        self._later.clear()
        self._came.clear()
        self._ended.clear()
        self._alone.clear()
        self._swept = None

    def is_left(self) -> bool:
        """Whether anything was not looked at yet."""
        return bool(self._waiting or self._clusters or self._later or self.poor or self._swept is not None)

    def sweep(self) -> None:
        """Look through all items, for the threshold changed."""
        self._swept = 0

    def pending(self, threshold: float, arrived: int, *, everything: bool) -> Iterator[int | None]:
        """What to look at now: clusters that grew, and of a sweep some items for each that arrived; or everything. An
        item of a cluster stands for it; None where nothing is to be done, which takes SWEEP_COST too. Each stays noted
        until the next is asked for.
        """
        if everything:
            self._clusters |= self._later
            self._later.clear()
        self._next_waiting = deque(self._waiting if everything else ())
        self._next_clusters = deque(self._clusters)
        self._quota = self.partition.items_counted if everything else SWEEP_PER_ITEM * arrived
        while self._next_waiting:
            item = self._next_waiting.popleft()
            yield item if self._is_good(item) and self._is_due(item, threshold) else None
            self._waiting.pop(item, None)
        while self._next_clusters:
            cluster = self._next_clusters.popleft()
            yield self._standing_for(cluster)
            self._clusters.pop(cluster, None)
        while self._swept is not None and (everything or self._quota > 0):
            self._quota -= 1
            item = self._swept
            if item >= self.partition.items_counted:
                self._swept = None
                return
            if item in self.partition and not self.partition.entry(item).good:
                self.poor[item] = None
            yield item if self._is_good(item) and not self._holds(item, threshold) else None
            if self._swept is not None:
                self._swept = item + 1

    def coming(self, threshold: float, count: int) -> Generator[int, None, list[int]]:
        """What `pending` gives after the present one, `count` of them at most, where nothing changes until then."""
        found: list[int] = []
        clusters: set[int] = set()
        for item in self._foreseen(threshold):
            cluster = None if item is None else self.partition.cluster_of(item)
            if item is not None and cluster not in clusters:
                found.append(item)
            if cluster is not None:
                clusters.add(cluster)
            yield SWEEP_COST
            if len(found) == count:
                break
        return found

    def _foreseen(self, threshold: float) -> Iterator[int | None]:
        for item in list(self._next_waiting):
            yield item if self._is_good(item) and self._is_due(item, threshold) else None
        for cluster in list(self._next_clusters):
            yield self._standing_for(cluster)
        if self._swept is None:
            return
        for item in range(self._swept + 1, min(self._swept + min(self._quota, FORESEEN), self.partition.items_counted)):
            yield item if self._is_good(item) and not self._holds(item, threshold) else None

    def _standing_for(self, cluster: int) -> int | None:
        """An item of a cluster that is still to be looked at."""
        return min(self.partition.members(cluster) if cluster in self._clusters else (), default=None)

    def came(self, item: int, threshold: float) -> list[int] | None:
        """Items that came to an item's cluster since it was looked at, where it is enough to look at them: it is large,
        grew by less than a quarter, and the threshold decides the same of the others. Else None.
        """
        cluster = self.partition.cluster_of(item)
        if cluster is None or self._is_small(cluster):
            return None
        if self._has_grown(cluster) or not self._holds(item, threshold):
            return None
        came = self._came.get(cluster, ())
        return sorted({each for each in came if each in self.partition and self.partition.cluster_of(each) == cluster})

    def looked_at(self, item: int, clusters: Iterable[int], ended: Ended, *, at_some: bool = False) -> None:
        """An item, or the clusters that it and those with it are in now; or `at_some` items of them."""
        if self.partition.cluster_of(item) is None:
            self._alone[item] = ended
        else:
            self._alone.pop(item, None)
        for cluster in clusters:
            self._clusters.pop(cluster, None)
            self._later.pop(cluster, None)
            self._came.pop(cluster, None)
            before = self._ended.get(cluster)
            if before is not None and at_some:
                narrower = max(before.refused, ended.refused), min(before.inner, ended.inner)
                self._ended[cluster] = Ended(*narrower, before.weight)
            else:
                self._ended[cluster] = replace(ended, weight=self.partition.clusters.weight(cluster))

    def _is_small(self, cluster: int) -> bool:
        members = self.partition.members(cluster)
        return len(members) <= FEW_UNITS or len({self.partition.facts.unit(item) for item in members}) <= FEW_UNITS

    def _is_good(self, item: int) -> bool:
        return item in self.partition and self.partition.entry(item).good

    def _is_due(self, item: int, threshold: float) -> bool:
        """Whether an item that waited may find somebody, or is in a cluster that was not looked at since it grew."""
        cluster = self.partition.cluster_of(item)
        return not self._holds(item, threshold) if cluster is None else self._has_grown(cluster)

    def _has_grown(self, cluster: int) -> bool:
        ended = self._ended.get(cluster)
        if ended is None:
            return True
        return self.partition.clusters.weight(cluster) >= min(GROWN * ended.weight, MOST_GROWN + ended.weight)

    def _holds(self, item: int, threshold: float) -> bool:
        cluster = self.partition.cluster_of(item)
        ended = self._alone.get(item) if cluster is None else self._ended.get(cluster)
        return ended is not None and ended.refused < threshold <= ended.inner
