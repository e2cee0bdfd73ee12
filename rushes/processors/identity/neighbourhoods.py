"""Parts of a partition that can be looked at by themselves: units as rows, with the facts between them."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushes.processors.identity.grid import Vec64, linkage
from rushes.processors.identity.linkage import Flags, Matrix
from rushes.processors.identity.partition import Partition
from rushes.processors.identity.slices import STEP_COST

Unit = tuple[int, ...]

MOST_MEMBERS: Final = 1_000
"""Items of a block looked through for the frames that they share with others."""

ITEM_COST: Final = 4_000
"""Operations of adding an item to a row (some 6 us)."""

SOME: Final = 200
MEMBER_COST: Final = 2_000
"""Operations of looking through the frame of one item."""


@dataclass(frozen=True, slots=True)
class Block:
    """Items of a cluster that are looked at as one, and stay together."""

    cluster: int
    items: int
    total: Vec64
    """(d,) sum in grid steps."""
    weight: float


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
    blocks: dict[int, Block] = field(default_factory=dict)
    """Of rows that hold one beside their units."""


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
    units = {each for item in partition.facts.pinned_to(cluster) for each in partition.facts.unit(item)}
    pinned = sorted(units & partition.members(cluster))
    total, weight = partition.unit_sum(pinned)
    return partition.clusters.total(cluster) - total, partition.clusters.weight(cluster) - weight


def rows(partition: Partition, units: Sequence[Unit], blocks: Sequence[Block] = ()) -> Generator[int, None, Rows]:
    """Rows of these units: pinned to one cluster is one row; apart where frames, pins or rejections say so. Each block
    is a row, with the units pinned to its cluster; what sets blocks apart from each other is `apart_blocks`.
    """
    facts = partition.facts
    by_pin: dict[int, int] = {}
    groups: list[list[Unit]] = []
    row_of: dict[int, int] = {}
    block_row: dict[int, int] = {}
    for block in blocks:
        block_row[block.cluster] = len(groups)
        if facts.pinned_to(block.cluster):
            by_pin[block.cluster] = len(groups)
        groups.append([])
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
    for row, block in enumerate(blocks):
        sums[row], weights[row] = block.total, block.weight
    yield STEP_COST + ITEM_COST // 4 * len(row_of)
    for row, group in enumerate(groups):
        for unit in group:
            total, weight = partition.unit_sum(unit)
            sums[row] += total
            weights[row] += weight
            yield ITEM_COST * len(unit)
    found = _Places(partition, row_of, block_row)
    seen = yield from _in_one_frame(partition, groups, found)
    apart = yield from _apart(partition, groups, found, by_pin, seen)
    return Rows(groups, sums, weights, apart, seen if seen.any() else None, dict(enumerate(blocks)))


def apart_blocks(partition: Partition, found: Rows) -> Generator[int, None, Rows]:
    """With the blocks apart that share a frame, or of which an item was rejected from another; of large ones the newest
    items are looked through.
    """
    row_of = {item: row for row, group in enumerate(found.groups) for unit in group for item in unit}
    places = _Places(partition, row_of, {block.cluster: row for row, block in found.blocks.items()})
    pairs: set[tuple[int, int]] = set()
    for row, block in found.blocks.items():
        for item in partition.facts.rejected_from(block.cluster):
            pairs |= {(row, other) for other in places.of(item)}
        if len(found.blocks) == 1:
            continue
        members = [item for item in sorted(partition.members(block.cluster)) if item not in row_of]
        yield 10 * STEP_COST + 300 * len(members)
        for start in range(0, min(len(members), MOST_MEMBERS), SOME):
            some = members[::-1][start : start + SOME]
            pairs |= {
                (row, to) for item in some for mate in partition.facts.frame_mates(item) for to in places.of(mate)
            }
            yield MEMBER_COST * len(some)
    if not pairs:
        return found
    count = len(found.groups)
    apart = np.zeros((count, count), np.bool_) if found.apart is None else found.apart.copy()
    for one, other in pairs:
        if one != other:
            apart[one, other] = apart[other, one] = True
    return replace(found, apart=apart)


class _Places:
    """Rows by item: its own, or that of the block it is in."""

    def __init__(self, partition: Partition, row_of: dict[int, int], block_row: dict[int, int]) -> None:
        self._partition, self._row_of, self._block_row = partition, row_of, block_row

    def of(self, item: int) -> tuple[int, ...]:
        """The item's row; none where it is not here."""
        row = self._row_of.get(item)
        if row is None and self._block_row:
            cluster = self._partition.cluster_of(item)
            row = None if cluster is None else self._block_row.get(cluster)
        return () if row is None else (row,)

    def in_cluster(self, cluster: int) -> set[int]:
        """Rows that hold items of a cluster."""
        found = {self._row_of[item] for item in self._partition.members(cluster) if item in self._row_of}
        if cluster in self._block_row:
            found.add(self._block_row[cluster])
        return found


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


def _in_one_frame(
    partition: Partition, groups: Sequence[Sequence[Unit]], places: _Places
) -> Generator[int, None, Flags]:
    flags = np.zeros((len(groups), len(groups)), np.bool_)
    for row, group in enumerate(groups):
        for unit in group:
            for mate in partition.facts.apart(unit):
                for other in places.of(mate):
                    flags[row, other] = flags[other, row] = True
        yield ITEM_COST // 4 * sum(len(unit) for unit in group)
    np.fill_diagonal(flags, val=False)
    return flags


def _apart(
    partition: Partition,
    groups: Sequence[Sequence[Unit]],
    places: _Places,
    by_pin: dict[int, int],
    in_one_frame: Flags,
) -> Generator[int, None, Flags | None]:
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
                others |= places.in_cluster(cluster)
            for cluster in _taken_by_rivals(partition, unit, by_pin):
                others |= places.in_cluster(cluster) - {row}
            for other in others:
                flags[row, other] = flags[other, row] = True
        yield ITEM_COST // 4 * sum(len(unit) for unit in group)
    np.fill_diagonal(flags, val=False)
    return flags if flags.any() else None


def _taken_by_rivals(partition: Partition, unit: Unit, by_pin: dict[int, int]) -> set[int]:
    """Clusters into which a person put something that cannot be one with the unit, and that is no row here."""
    facts = partition.facts
    pins = {facts.unit_pin(mate) for mate in facts.apart(unit)}
    return {pin for pin in pins if pin is not None and pin not in by_pin}
