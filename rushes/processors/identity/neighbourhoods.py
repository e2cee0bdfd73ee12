"""Parts of a partition that can be looked at by themselves: units as rows, with the facts between them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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
    return Rows(groups, sums, weights, _apart(partition, groups, row_of, by_pin))


def _apart(
    partition: Partition, groups: Sequence[Sequence[Unit]], row_of: dict[int, int], by_pin: dict[int, int]
) -> Flags | None:
    facts = partition.facts
    flags = np.zeros((len(groups), len(groups)), np.bool_)
    pinned = list(by_pin.values())
    flags[np.ix_(pinned, pinned)] = True
    for row, group in enumerate(groups):
        for unit in group:
            others = {row_of[mate] for mate in facts.apart(unit) if mate in row_of}
            for cluster in facts.rejected(unit[0]):
                if cluster in by_pin:
                    others.add(by_pin[cluster])
                others |= {row_of[item] for item in partition.members(cluster) if item in row_of}
            for other in others:
                flags[row, other] = flags[other, row] = True
    np.fill_diagonal(flags, val=False)
    return flags if flags.any() else None
