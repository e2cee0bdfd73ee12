"""Items, clusters and hard facts. Every mutation goes through `put` and `take_out`, so no path can break a fact.

A cluster's row is the exact sum of its items' grid vectors, weighted; an item in no cluster waits as a row of the
noise gallery if it may found. Items and clusters are integers; a smaller cluster is an older one.
"""

from collections.abc import Collection, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from rushes.processors.identity.facts import Contradiction, Facts
from rushes.processors.identity.gallery import Gallery, Scored
from rushes.processors.identity.grid import Vec64, to_grid, to_grids
from rushes.processors.identity.items import GOOD_WEIGHT, POOR_WEIGHT, Entry, Observation
from rushes.processors.identity.quality import QualityScale


class Partition:
    """Items of one kind and space, in clusters or in noise."""

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self.facts = Facts()
        self.clusters = Gallery(dim)
        self.noise = Gallery(dim)
        self.quality = QualityScale()
        self.evicted: list[int] = []
        """Items that new facts drove out of their clusters since a caller last cleared this."""
        self._held: set[int] = set()
        self._entries: dict[int, Entry] = {}
        self._members: dict[int, set[int]] = {}
        self._founder: dict[int, int] = {}
        self._next_item = 0
        self._next_cluster = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, item: object) -> bool:
        return item in self._entries

    @property
    def items_counted(self) -> int:
        """Items ever added: all are below."""
        return self._next_item

    @property
    def clusters_counted(self) -> int:
        """Clusters ever made: all are below."""
        return self._next_cluster

    def items(self) -> list[int]:
        """All items, oldest first."""
        return list(self._entries)

    def entry(self, item: int) -> Entry:
        return self._entries[item]

    def add(self, observation: Observation) -> int:
        """Register an item, in no cluster. Where the new facts say that two units of one cluster differ, the one that
        fits it less is driven out into `evicted`.
        """
        item = self._next_item
        self._next_item += 1
        good = observation.may_found and self.quality.add(observation.quality)
        self._entries[item] = Entry(to_grid(observation.vector), observation.without_vector(), good)
        self.facts.add(item, observation.frame, observation.tracklet)
        self._wait(item)
        self._evict(item)
        return item

    def remove(self, item: int) -> None:
        """Erase an item and all that was said of it."""
        self.take_out(item)
        self._stop_waiting(item)
        entry = self._entries.pop(item)
        self.quality.remove(entry.observation.quality)
        self.facts.remove(item)

    def new_cluster(self, founder: int) -> int:
        """A cluster without members yet; its founder is the item whose provisional id it carries."""
        cluster = self._next_cluster
        self._next_cluster += 1
        self._members[cluster] = set()
        self._founder[cluster] = founder
        return cluster

    def founder(self, cluster: int) -> int:
        """The item that the cluster was founded by."""
        return self._founder[cluster]

    def cluster_of(self, item: int) -> int | None:
        """None in noise."""
        return self._entries[item].cluster

    def members(self, cluster: int) -> frozenset[int]:
        """Items of a cluster; empty where it is retired."""
        return frozenset(self._members[cluster])

    def has_good(self, cluster: int) -> bool:
        """Whether a good item is in a cluster."""
        return self.clusters.weight(cluster) > POOR_WEIGHT * len(self._members[cluster])

    def forbidden(self, item: int) -> set[int]:
        """Clusters that the item's unit may not join: those of frame mates, and those a person excluded."""
        return self.unit_forbidden(self.facts.unit(item))

    def unit_forbidden(self, unit: tuple[int, ...]) -> set[int]:
        """Likewise, of a whole unit."""
        taken: set[int | None] = set(self.facts.rejected(unit[0]))
        for rival in self.facts.rivals(unit):
            taken.add(self.unit_cluster(rival))
            taken.add(self.facts.unit_pin(rival[0]))
        return {cluster for cluster in taken if cluster is not None}

    def unit_cluster(self, unit: tuple[int, ...]) -> int | None:
        """Where a unit is; None where all of it waits."""
        return next((self._entries[each].cluster for each in unit if self._entries[each].cluster is not None), None)

    def why_not(self, item: int, cluster: int) -> str | None:
        """The fact that keeps an item out of a cluster; None where there is none."""
        pin = self.facts.unit_pin(item)
        if pin is not None and pin != cluster:
            return f"item {item} is pinned to cluster {pin}"
        unit = self.facts.unit(item)
        if cluster in self.unit_forbidden(unit):
            return f"item {item} shares a frame with cluster {cluster}, or was rejected from it"
        elsewhere = {self._entries[mate].cluster for mate in unit if mate != item} - {None, cluster}
        if elsewhere:
            return f"the tracklet of item {item} is in cluster {elsewhere}"
        return None

    def put(self, item: int, cluster: int) -> None:
        """Place an item that is in no cluster. Raises Contradiction where a hard fact forbids it."""
        why = self.why_not(item, cluster)
        if why is not None:
            raise Contradiction(why)
        entry = self._entries[item]
        assert entry.cluster is None, "an item is taken out before it is put elsewhere"
        self._stop_waiting(item)
        entry.cluster = cluster
        self._members[cluster].add(item)
        self.clusters.add(cluster, entry.grid, entry.weight)

    def take_out(self, item: int) -> None:
        """Back into noise; none there is fine."""
        entry = self._entries[item]
        if entry.cluster is None:
            return
        self.clusters.add(entry.cluster, entry.grid, -entry.weight)
        self._members[entry.cluster].discard(item)
        entry.cluster = None
        if item in self._held:
            self._held.discard(item)
            entry.good = self.is_good_by_itself(item)
        self._wait(item)

    def place(self, items: Iterable[int], cluster: int | None) -> None:
        """Take items out of where they are and put them into one cluster, or leave them in noise."""
        together = list(items)
        for item in together:
            self.take_out(item)
        if cluster is not None:
            for item in together:
                self.put(item, cluster)

    def hold(self, unit: Sequence[int], cluster: int) -> None:
        """Place a whole unit where something else than its own likeness has it: it weighs as a poor item does, for as
        long as it stays. Raises Contradiction where a hard fact forbids it; the unit then waits.
        """
        self.place(unit, None)
        why = self.why_not(unit[0], cluster)
        if why is not None:
            raise Contradiction(why)
        for item in unit:
            self._stop_waiting(item)
            self._held.add(item)
            self._entries[item].good = False
            self.put(item, cluster)

    def is_held(self, item: int) -> bool:
        """Whether the item is where it is by something else than its own likeness."""
        return item in self._held

    def pin(self, item: int, cluster: int) -> list[int]:
        """A person's word: the item's unit goes there, frame mates that were there leave. Returns the items whose
        cluster changed. Raises Contradiction against another person's word in force.
        """
        self.facts.pin(item, cluster)
        unit = self.facts.unit(item)
        leaving = [each for rival in self.facts.rivals(unit) if self.unit_cluster(rival) == cluster for each in rival]
        before = {each: self._entries[each].cluster for each in (*unit, *leaving)}
        for each in leaving:
            self.take_out(each)
        self.place(unit, cluster)
        return [each for each, old in before.items() if self._entries[each].cluster != old]

    def unpin(self, item: int) -> None:
        """Take a person's word back; the item stays where it is until it is decided anew."""
        self.facts.unpin(item)

    def reject(self, item: int, cluster: int) -> list[int]:
        """A person said: not this one. Returns the items that had to leave."""
        self.facts.reject(item, cluster)
        leaving = [each for each in self.facts.unit(item) if self._entries[each].cluster == cluster]
        for each in leaving:
            self.take_out(each)
        return leaving

    def unreject(self, item: int, cluster: int) -> None:
        """Take a rejection back."""
        self.facts.unreject(item, cluster)

    def scores(
        self,
        vector: Vec64,
        top: int,
        at_least: float,
        weight: float = 1.0,
        but: Collection[int] = (),
        *,
        arriving: bool = False,
    ) -> list[Scored]:
        """Clusters by average linkage to a sum of grid vectors, best first, ties to the older. `but`: not compared
        with; `arriving`: the search may learn from it (see `Gallery.scores`).
        """
        return self.clusters.scores(vector, weight, at_least, top, but, arriving=arriving)

    def noise_scores(
        self,
        vector: Vec64,
        top: int,
        at_least: float,
        weight: float = 1.0,
        but: Collection[int] = (),
        *,
        arriving: bool = False,
    ) -> list[Scored]:
        """Waiting items that may found, likewise."""
        return self.noise.scores(vector, weight, at_least, top, but, arriving=arriving)

    def expect(self, vectors: NDArray[np.float16]) -> None:
        """Items of these vectors, (n, d), arrive next: see `Gallery.expect`. None of them ends it."""
        grids = list(to_grids(vectors)) if len(vectors) else []
        self.clusters.expect(grids)
        self.noise.expect(grids)

    def unit_sum(self, items: Sequence[int]) -> tuple[Vec64, float]:
        """Weighted sum in grid steps, and its weight."""
        total = np.zeros(self.dim)
        weight = 0.0
        for item in items:
            entry = self._entries[item]
            total += entry.weight * entry.vector()
            weight += entry.weight
        return total, weight

    def reweigh(self, among: Iterable[int] | None = None) -> list[int]:
        """Judge qualities anew by the scale as it now is: all, or those of some integers. Gives the items of which that
        is no longer what it was.
        """
        changed = []
        for item in self.items() if among is None else among:
            entry = self._entries.get(item)
            if entry is None:
                continue
            good = self.is_good_by_itself(item) and item not in self._held
            if good == entry.good:
                continue
            changed.append(item)
            cluster = entry.cluster
            if cluster is not None:
                self.clusters.add(cluster, entry.grid, (GOOD_WEIGHT if good else POOR_WEIGHT) - entry.weight)
                entry.good = good
            else:
                self._stop_waiting(item)
                entry.good = good
                self._wait(item)
        return changed

    def is_good_by_itself(self, item: int) -> bool:
        """Whether its quality is good, whatever holds it where it is."""
        observation = self._entries[item].observation
        return observation.may_found and self.quality.is_good(observation.quality)

    def _wait(self, item: int) -> None:
        entry = self._entries[item]
        if entry.good:
            self.noise.add(item, entry.grid, entry.weight)

    def _stop_waiting(self, item: int) -> None:
        if item in self.noise:
            entry = self._entries[item]
            self.noise.add(item, entry.grid, -self.noise.weight(item))
            assert item not in self.noise, f"{entry} waits no more"

    def _evict(self, item: int) -> None:
        """New facts may say that the unit of a new item differs from others in its cluster."""
        unit = self.facts.unit(item)
        cluster = self.unit_cluster(unit)
        if cluster is None:
            return
        rivals = [rival for rival in self.facts.rivals(unit) if self.unit_cluster(rival) == cluster]
        if not rivals:
            return
        mine = self._firmness(unit, cluster)
        theirs = max(self._firmness(rival, cluster) for rival in rivals)
        for loser in [unit] if mine <= theirs else rivals:
            for each in loser:
                if self._entries[each].cluster == cluster:
                    self.take_out(each)
                    self.evicted.append(each)

    def _firmness(self, unit: tuple[int, ...], cluster: int) -> tuple[bool, float]:
        total, weight = self.unit_sum(unit)
        return self.facts.unit_pin(unit[0]) is not None, self.clusters.score(cluster, total, weight)
