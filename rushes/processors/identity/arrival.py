"""Decisions on arrival: the items of one frame at once, or items that something set free.

An item joins the cluster of the best average linkage at or above the threshold, or the waiting item that it is as
sure to belong with, which is thereby promoted; else it waits. A poor item never founds. A tracklet stays together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from rushes.processors.identity.gallery import Scored
from rushes.processors.identity.matching import Place, match
from rushes.processors.identity.partition import Partition

NEAREST: Final = 3
"""How many near clusters a decision names."""

Decided = Literal["joined", "promoted", "noise"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an item."""

    item: int
    decision: Decided
    cluster: int | None
    previous: int | None
    """Where it was before; None on arrival."""
    score: float | None
    """Average linkage to what it joined, or to the best it did not join; None where nothing was there."""
    margin: float | None
    nearest: tuple[Scored, ...]
    threshold: float
    by: Literal["likeness", "tracklet", "person"] = "likeness"
    refused: float = 1.0
    """Of a good item that waits: the best score it has with any cluster or waiting item."""


def arrive(partition: Partition, items: Sequence[int], threshold: float) -> list[Verdict]:
    """Decide items of one frame that are in no cluster, and what they promote. Verdicts on waiting items that get
    promoted come before those on the items that promote them.
    """
    verdicts: list[Verdict] = []
    open_items = []
    for item in items:
        known = _by_fact(partition, item, threshold)
        if known is None:
            open_items.append(item)
        else:
            verdicts += known
    probes = {item: _Probe(partition, item, threshold) for item in open_items}
    chosen = match([probes[item].options for item in open_items])
    for item, place in zip(open_items, chosen, strict=True):
        verdicts += probes[item].carry_out(place)
    return verdicts


class _Probe:
    """An item with what it might join."""

    def __init__(self, partition: Partition, item: int, threshold: float) -> None:
        self.partition = partition
        self.item = item
        self.threshold = threshold
        self.unit = partition.facts.unit(item)
        total, weight = partition.unit_sum(self.unit)
        self.nearest = partition.scores(total, NEAREST, threshold, weight, arriving=True)
        forbidden = partition.unit_forbidden(self.unit)
        self.refused = 1.0
        self.options: dict[Place, float] = {
            (False, cluster): score
            for cluster, score in self.nearest
            if score >= threshold and cluster not in forbidden
        }
        if any(partition.entry(each).good for each in self.unit):
            facts = partition.facts
            apart = facts.apart(self.unit) | set(self.unit)
            waiting = partition.noise_scores(total, 1, threshold, weight, self.unit, arriving=True)
            self.refused = max([-1.0, *(score for _, score in [*self.nearest[:1], *waiting[:1]])])
            for other, score in waiting:
                partner = facts.unit(other)
                if score >= threshold and apart.isdisjoint(partner) and facts.unit_pin(other) is None:
                    self.options.setdefault((True, partner[0]), score)

    def carry_out(self, place: Place | None) -> list[Verdict]:
        """Join, promote or wait."""
        partition, best = self.partition, self.nearest[0][1] if self.nearest else None
        if place is None:
            margin = self.nearest[0][1] - self.nearest[1][1] if len(self.nearest) > 1 else None
            return [replace(self._verdict(self.item, "noise", best, margin), refused=self.refused)]
        waiting, key = place
        score = self.options[place]
        verdicts = []
        if waiting:
            partner = partition.facts.unit(key)
            cluster = partition.new_cluster(founder=partner[0])
            partition.place(partner, cluster)
            verdicts = [self._verdict(each, "promoted", score, None) for each in partner]
        else:
            cluster = key
        moved = [each for each in self.unit if partition.cluster_of(each) != cluster]
        partition.place(moved, cluster)
        others = [other for near, other in self.nearest if near != cluster]
        margin = score - others[0] if others else None
        return verdicts + [self._verdict(each, "promoted" if waiting else "joined", score, margin) for each in moved]

    def _verdict(self, item: int, decision: Decided, score: float | None, margin: float | None) -> Verdict:
        cluster = self.partition.cluster_of(item)
        return Verdict(item, decision, cluster, None, score, margin, tuple(self.nearest[:NEAREST]), self.threshold)


def _by_fact(partition: Partition, item: int, threshold: float) -> list[Verdict] | None:
    """What a person or a tracklet decides before any likeness is looked at."""
    facts = partition.facts
    cluster = facts.unit_pin(item)
    if cluster is not None:
        partition.put(item, cluster)
        return [Verdict(item, "joined", cluster, None, None, None, (), threshold, "person")]
    unit = facts.unit(item)
    clusters = {partition.cluster_of(mate) for mate in unit} - {None}
    if clusters:
        (cluster,) = clusters
        assert cluster is not None, "None was taken out"
        entry = partition.entry(item)
        score = partition.clusters.score(cluster, entry.vector(), 1.0)
        partition.put(item, cluster)
        return [Verdict(item, "joined", cluster, None, score, None, (), threshold, "tracklet")]
    others = [mate for mate in unit if mate != item]
    if not others or not any(partition.entry(mate).good for mate in unit):
        return None
    probe = _Probe(partition, item, threshold)
    if probe.options:
        return None
    cluster = partition.new_cluster(founder=unit[0])
    partition.place(unit, cluster)
    return [
        Verdict(each, "promoted", cluster, None, None, None, tuple(probe.nearest[:NEAREST]), threshold, "tracklet")
        for each in unit
    ]
