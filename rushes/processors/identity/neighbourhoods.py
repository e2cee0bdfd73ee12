"""Parts of a partition that can be looked at by themselves: units as rows, with the facts between them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rushes.processors.identity.grid import Vec64, linkage
from rushes.processors.identity.linkage import Flags, Matrix
from rushes.processors.identity.partition import Partition

Unit = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """Units that a person's word or a tracklet made one, as rows of a linkage."""

    groups: list[list[Unit]]
    sums: Matrix
    weights: Matrix
    apart: Flags | None
    """Pairs that cannot be one."""
    in_one_frame: Flags | None
    """Those of them that are known to differ by what was seen, whatever people said."""


def alike_to_their_pins(partition: Partition, units: Sequence[Unit], threshold: float) -> list[Unit]:
    """Without the units that a person put where they are unlike the others. These stay there, but speak for nobody:
    what is like them would follow them, and take the cluster from those who were there.
    """
    facts = partition.facts
    others: dict[int, tuple[Vec64, float]] = {}
    kept = []
    for unit in units:
        pin = facts.unit_pin(unit[0])
        if pin is not None:
            if pin not in others:
                others[pin] = _unpinned(partition, pin)
            total, weight = others[pin]
            own, own_weight = partition.unit_sum(unit)
            if weight > 0.0 and linkage(total, own, weight, own_weight) < threshold:
                continue
        kept.append(unit)
    return kept


def _unpinned(partition: Partition, cluster: int) -> tuple[Vec64, float]:
    """Sum and weight of a cluster's items that nobody put there."""
    if cluster not in partition.clusters:
        return np.zeros(partition.dim), 0.0
    pinned = [item for item in sorted(partition.members(cluster)) if partition.facts.unit_pin(item) is not None]
    total, weight = partition.unit_sum(pinned)
    return partition.clusters.total(cluster) - total, partition.clusters.weight(cluster) - weight


def rows(partition: Partition, units: Sequence[Unit]) -> Rows:
    """Rows of these units: pinned to one cluster is one row; apart where frames, pins or rejections say so."""
    facts = partition.facts
    by_pin: dict[int, int] = {}
    groups: list[list[Unit]] = []
    row_of: dict[int, int] = {}
    for unit in units:
        pin = facts.unit_pin(unit[0])
        row = len(groups)
        if pin is not None:
            row = by_pin.setdefault(pin, row)
        if row == len(groups):
            groups.append([])
        groups[row].append(unit)
        row_of.update(dict.fromkeys(unit, row))
    sums = np.zeros((len(groups), partition.dim))
    weights = np.zeros(len(groups))
    for row, group in enumerate(groups):
        for unit in group:
            total, weight = partition.unit_sum(unit)
            sums[row] += total
            weights[row] += weight
    seen = _in_one_frame(partition, groups, row_of)
    return Rows(groups, sums, weights, _apart(partition, groups, row_of, by_pin, seen), seen if seen.any() else None)


def merged(sample: Rows, group: NDArray[np.int64]) -> Rows:
    """The rows added up: `group`, (n,), names the row that each is part of."""
    kept, place = np.unique(group, return_inverse=True)
    groups: list[list[Unit]] = [[] for _ in kept]
    for row, at in enumerate(place.tolist()):
        groups[at] += sample.groups[row]
    sums, weights = np.zeros((len(kept), sample.sums.shape[1])), np.zeros(len(kept))
    np.add.at(sums, place, sample.sums)
    np.add.at(weights, place, sample.weights)
    return Rows(groups, sums, weights, _ored(sample.apart, place), _ored(sample.in_one_frame, place))


def _ored(flags: Flags | None, place: NDArray[np.intp]) -> Flags | None:
    if flags is None:
        return None
    found = np.zeros((place.max() + 1,) * 2, np.bool_)
    one, other = np.nonzero(flags)
    found[place[one], place[other]] = True
    return found


def _in_one_frame(partition: Partition, groups: Sequence[Sequence[Unit]], row_of: dict[int, int]) -> Flags:
    flags = np.zeros((len(groups), len(groups)), np.bool_)
    for row, group in enumerate(groups):
        for unit in group:
            for mate in partition.facts.apart(unit):
                if mate in row_of:
                    flags[row, row_of[mate]] = flags[row_of[mate], row] = True
    np.fill_diagonal(flags, val=False)
    return flags


def _apart(
    partition: Partition,
    groups: Sequence[Sequence[Unit]],
    row_of: dict[int, int],
    by_pin: dict[int, int],
    in_one_frame: Flags,
) -> Flags | None:
    facts = partition.facts
    flags = in_one_frame.copy()
    pinned = list(by_pin.values())
    flags[np.ix_(pinned, pinned)] = True
    for row, group in enumerate(groups):
        for unit in group:
            others: set[int] = set()
            for cluster in facts.rejected(unit[0]):
                if cluster in by_pin:
                    others.add(by_pin[cluster])
                others |= {row_of[item] for item in partition.members(cluster) if item in row_of}
            for cluster in _taken_by_rivals(partition, unit, by_pin):
                others |= {row_of[item] for item in partition.members(cluster) if item in row_of} - {row}
            for other in others:
                flags[row, other] = flags[other, row] = True
    np.fill_diagonal(flags, val=False)
    return flags if flags.any() else None


def _taken_by_rivals(partition: Partition, unit: Unit, by_pin: dict[int, int]) -> set[int]:
    """Clusters into which a person put something that cannot be one with the unit, and that is no row here."""
    facts = partition.facts
    pins = {facts.unit_pin(mate) for mate in facts.apart(unit)}
    return {pin for pin in pins if pin is not None and pin not in by_pin}
