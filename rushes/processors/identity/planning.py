"""From a grouping of units to moves: which id each group inherits, and who goes where."""

import math
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from scipy.special import log_ndtr

from rushes.processors.gallery.shortlist import FLAT_ROWS
from rushes.processors.identity.arrival import NEAREST
from rushes.processors.identity.calibration import Calibration
from rushes.processors.identity.gallery import Scored
from rushes.processors.identity.grid import linkage
from rushes.processors.identity.neighbourhoods import Block, Unit
from rushes.processors.identity.partition import Partition
from rushes.processors.identity.slices import STEP_COST

Revised = Literal["merged", "split", "promoted", "moved", "noise"]
Touched = dict[int, int | None]
"""Items that were moved, and the cluster each was in before."""

RIVALS: Final = 256
"""Clusters up to which a poor item is held against all of them; beyond, against the library's background."""

LATE_CHANCE: Final = float(np.log(0.2))
"""Chance that the best of the wrong clusters is as far ahead, in nats."""

LATE_FLOOR: Final = 0.3
"""Of the way from the background to the threshold, that the best cluster is ahead of the others at least. Of an item's
own background: what is blurred scores below the library's with everything.
"""

OWN_SPREAD: Final = 4.0
"""Scores that the library's background counts as, where the spread of an item's own is estimated."""

UNIT_COST: Final = 20_000
"""Operations that moving an item takes as long as (some 30 us)."""

EXPLAINED: Final = 128
"""Moves whose nearest clusters are searched for together."""


@dataclass(frozen=True, slots=True)
class Move:
    """An item whose cluster consolidation changed."""

    item: int
    cluster: int | None
    previous: int | None
    decision: Revised
    score: float | None
    """Average linkage to where it is now, itself left out; to the best cluster, if it went to noise."""
    margin: float | None
    nearest: tuple[Scored, ...]
    threshold: float


@dataclass(frozen=True, slots=True)
class Group:
    """What is to be one cluster: units, and blocks of clusters that stay together."""

    units: list[Unit]
    blocks: list[Block]


def inherit(partition: Partition, groups: Sequence[Group]) -> list[int | None]:
    """The cluster id of each group: the one it shares most items with, each inherited once, ties to the older; pinned
    items bind their group to their cluster. None where it is new, or one waiting item.
    """
    taken: dict[int, int] = {}
    used: set[int] = set()
    overlaps = []
    for place, group in enumerate(groups):
        bound = [partition.facts.unit_pin(unit[0]) for unit in group.units]
        bound += [block.cluster for block in group.blocks if partition.facts.pinned_to(block.cluster)]
        for pin in bound:
            if pin is not None:
                taken[place] = pin
                used.add(pin)
        shared = Counter(partition.cluster_of(item) for unit in group.units for item in unit)
        shared.update({block.cluster: block.items for block in group.blocks})
        overlaps += [(-count, cluster, place) for cluster, count in shared.items() if cluster is not None]
    for _, cluster, place in sorted(overlaps):
        if place not in taken and cluster not in used:
            taken[place] = cluster
            used.add(cluster)
    return [taken.get(place) for place in range(len(groups))]


def carry_out(
    partition: Partition, groups: Sequence[Group], threshold: float, touched: Touched
) -> Generator[int, None, None]:
    """Make the partition agree with the groups, unit by unit; what is touched is noted.

    A unit that another fact keeps out of its group's cluster waits for the others to move, then goes where it best may.
    """
    blocked: list[tuple[Unit, int | None]] = []
    goals = _goals(partition, groups)
    yield STEP_COST + UNIT_COST // 10 * sum(len(group.units) for group in groups)
    for planned, target in goals:
        unit = partition.facts.unit(planned[0])  # it may have grown since the plan was made
        note(partition, unit, touched)
        if target is not None and target in partition.unit_forbidden(unit):
            blocked.append((unit, target))
        else:
            partition.place(unit, target)
        yield move_cost(partition) * len(unit)
    for planned, _ in blocked:
        unit = partition.facts.unit(planned[0])
        note(partition, unit, touched)
        partition.place(unit, None)
    for planned, target in blocked:
        unit = partition.facts.unit(planned[0])
        if target is None or target in partition.unit_forbidden(unit):
            settle(partition, unit, threshold)
        else:
            partition.place(unit, target)
        yield move_cost(partition) * len(unit)


def move_cost(partition: Partition) -> int:
    """Operations of moving an item, explaining it and telling of it."""
    return UNIT_COST + search_cost(len(partition.clusters), partition.dim)


def search_cost(rows: int, dim: int) -> int:
    """Operations of comparing a sum with this many rows: all of a small gallery; of a large one it grows as the root,
    as measured from 10,000 to a million (benchmarks/bench_gallery.py).
    """
    flat = min(rows, FLAT_ROWS)
    return STEP_COST + flat * dim // 8 * math.isqrt(max(rows // FLAT_ROWS, 1))


def note(partition: Partition, unit: Unit, touched: Touched) -> None:
    """Remember where items were before they are moved."""
    for item in unit:
        touched.setdefault(item, partition.cluster_of(item))


def _goals(partition: Partition, groups: Sequence[Group]) -> list[tuple[Unit, int | None]]:
    """Units that are not where their group is to be."""
    goals: list[tuple[Unit, int | None]] = []
    named = {item for group in groups for unit in group.units for item in unit}
    for group, inherited in zip(groups, inherit(partition, groups), strict=True):
        lone = not group.blocks and sum(len(unit) for unit in group.units) == 1
        target = inherited
        if lone and (inherited is None or not partition.facts.is_spoken_of(inherited)):
            target = None
        leaving = [block.cluster for block in group.blocks if block.cluster != target]
        units = group.units + [unit for cluster in leaving for unit in _units_besides(partition, cluster, named)]
        if target is None and not lone:
            target = partition.new_cluster(founder=min(unit[0] for unit in units))
        goals += [(unit, target) for unit in units if any(partition.cluster_of(item) != target for item in unit)]
    return goals


def _units_besides(partition: Partition, cluster: int, named: set[int]) -> list[Unit]:
    """Units of a cluster without those named, oldest first."""
    units = dict.fromkeys(partition.facts.unit(item) for item in sorted(partition.members(cluster) - named))
    return [unit for unit in units if named.isdisjoint(unit)]


def settle(partition: Partition, unit: Unit, threshold: float) -> None:
    """Put a unit that is in no cluster into the best that it may join at the threshold; where there is none, a tracklet
    with a good item is a cluster of its own, and a single item waits.
    """
    total, weight = partition.unit_sum(unit)
    forbidden = partition.unit_forbidden(unit)
    pin = partition.facts.unit_pin(unit[0])
    if pin is not None:
        partition.place(unit, pin)
        return
    for cluster, score in partition.scores(total, 0, threshold, weight):
        if score >= threshold and cluster not in forbidden:
            partition.place(unit, cluster)
            return
    if len(unit) > 1 and any(partition.entry(item).good for item in unit):
        partition.place(unit, partition.new_cluster(founder=unit[0]))


def founded_by_none(partition: Partition, items: Sequence[int]) -> list[int]:
    """Items of clusters that some of these are in and no good item is: it left, or was judged anew. What a person spoke
    of stays.
    """
    clusters = dict.fromkeys(partition.cluster_of(item) for item in items if item in partition)
    found: list[int] = []
    for cluster in clusters:
        if cluster is not None and not partition.has_good(cluster) and not partition.facts.is_spoken_of(cluster):
            found += sorted(partition.members(cluster))
    return found


def settle_late(partition: Partition, unit: Unit, calibration: Calibration) -> None:
    """Put a poor unit that is in no cluster where it best may be: at the threshold as any other, and below it where
    the best cluster is so far ahead of the others that chance would not do it. A poor item scores lower with its own
    and with all others; what is no face at all scores with all alike.
    """
    settle(partition, unit, calibration.join)
    if partition.unit_cluster(unit) is not None:
        return
    total, weight = partition.unit_sum(unit)
    near = partition.scores(total, RIVALS + 1, 2.0, weight)
    if not near:
        return
    best, score = near[0]
    if best in partition.unit_forbidden(unit):
        return
    rivals = np.array([other for _, other in near[1:]])
    mean, variance, count = calibration.different_mean, calibration.different_std**2, len(partition.clusters)
    if 0 < len(rivals) < RIVALS:
        mean = float(np.median(rivals))
        lower = rivals[rivals <= mean]
        variance = (2 * float(((lower - mean) ** 2).sum()) + OWN_SPREAD * variance) / (2 * len(lower) + OWN_SPREAD)
    if score < mean + LATE_FLOOR * (calibration.join - calibration.different_mean):
        return
    if np.log(count) + log_ndtr(-(score - mean) / np.sqrt(variance + 1e-6)) < LATE_CHANCE:
        partition.place(unit, best)


def explain(partition: Partition, touched: Touched, threshold: float) -> list[Move]:
    """The moves among what was touched, with scores and nearest clusters as they now are."""
    moved = [item for item, previous in touched.items() if partition.cluster_of(item) != previous]
    moves = []
    for item, nearest in zip(moved, _nearest(partition, moved), strict=True):
        previous, cluster, entry = touched[item], partition.cluster_of(item), partition.entry(item)
        own = None
        if cluster is not None:
            rest = partition.clusters.weight(cluster) - entry.weight
            if rest > 0.0:
                with_it = partition.clusters.score(cluster, entry.vector(), 1.0)
                itself = _self_score(partition, item)
                own = (with_it * (rest + entry.weight) - entry.weight * itself) / rest
        others = [score for near, score in nearest if near != cluster]
        score = own if cluster is not None else (others[0] if others else None)
        margin = own - others[0] if own is not None and others else None
        moves.append(
            Move(
                item,
                cluster,
                previous,
                _word(partition, previous, cluster),
                score,
                margin,
                tuple(nearest[:NEAREST]),
                threshold,
            )
        )
    return moves


def _nearest(partition: Partition, items: Sequence[int]) -> Iterator[list[Scored]]:
    """The nearest clusters of each item, its own among them; some items are searched for together."""
    for start in range(0, len(items), EXPLAINED):
        vectors = np.stack([partition.entry(item).vector() for item in items[start : start + EXPLAINED]])
        scores = partition.clusters.scores_many(vectors, [1.0] * len(vectors), 2.0, NEAREST + 1)
        yield from (scores.of(number) for number in range(len(vectors)))


def _self_score(partition: Partition, item: int) -> float:
    """An item's similarity to itself: 1 but for the grid."""
    vector = partition.entry(item).vector()
    return linkage(vector, vector, 1.0, 1.0)


def _word(partition: Partition, previous: int | None, cluster: int | None) -> Revised:
    if cluster is None:
        return "noise"
    if previous is None:
        return "promoted"
    if not partition.members(previous):
        return "merged"
    return "split" if partition.founder(cluster) in partition.members(cluster) and cluster > previous else "moved"
