"""The part of a large partition that one look is about: a cluster by its units, with what might exchange some with it.

Its size is bounded, whatever the clusters': of a large cluster some units are looked at one by one, the newest and some
of all ages, beside all the others as one; a neighbour comes with its units where it has no more than the cluster
itself, else as one.
"""

from collections.abc import Generator, Sequence
from typing import Final

import numpy as np
from scipy.special import ndtri

from rushes.processors.identity.agenda import SWEEP_COST
from rushes.processors.identity.calibration import Calibration
from rushes.processors.identity.lookahead import Near
from rushes.processors.identity.neighbourhoods import (
    Block,
    Rows,
    Unit,
    alike_to_their_pins,
    apart_blocks,
    rows,
)
from rushes.processors.identity.partition import Partition
from rushes.processors.identity.planning import search_cost
from rushes.processors.identity.slices import STEP_COST

MOST_OWN: Final = 200
"""Units of a cluster looked at one by one."""

MOST_UNITS: Final = 400
"""Units of a vicinity."""

MOST_NEAR: Final = 100
"""Neighbours in clusters, and as many that wait."""

LEAST_UNITS: Final = 32
"""Units that a neighbour may have whatever the cluster's size."""

MEMBER_COST: Final = 300
"""Operations of sorting one member in."""

UNIT_COST: Final = 1_000
"""Operations of looking up the facts of a unit."""

MOST_OF_ONE: Final = 30
"""Items of a cluster in a sample."""

BY_CHANCE: Final = 0.01
"""Chance at which a near stranger is taken for more, as where the levels of a sample are judged."""

DRAWS: Final = 10_000
"""Clusters drawn at most, those that are no more among them."""


def around(
    partition: Partition, item: int, near: Near, some: Sequence[int] | None = None
) -> Generator[int, None, tuple[Rows, list[Unit]]]:
    """Rows of an item's cluster (or of the item) and of the clusters and waiting items near it; and the units among
    them that are its own. `some`: items of the cluster to look at one by one, beside all the others as one.
    """
    cluster = partition.cluster_of(item)
    blocks: list[Block] = []
    own = [item] if cluster is None else sorted(partition.members(cluster))
    if some is None and len(own) > MOST_OWN:
        some = _some(own)
    if cluster is not None and some is not None:
        own = [each for unit in good_units(partition, some) for each in unit]
        blocks += _block(partition, cluster, own)
    items, room = list(own), max(len(own), LEAST_UNITS)
    for other, _ in near.clusters[:MOST_NEAR]:
        members = partition.members(other)
        if len(members) <= room and len(items) + len(members) <= MOST_UNITS:
            items += sorted(members)
        else:
            blocks += _block(partition, other, [])
    items += [other for other, _ in near.waiting[:MOST_NEAR] if len(items) < MOST_UNITS]
    units = good_units(partition, items)
    yield MEMBER_COST * (len(own) + len(items))
    if len(units) + len(blocks) > 1:
        units = alike_to_their_pins(partition, units, near.low)
    yield STEP_COST + UNIT_COST * len(units)
    found = yield from rows(partition, units, blocks)
    if blocks:
        found = yield from apart_blocks(partition, found)
    return found, good_units(partition, own)


def further_looks(partition: Partition, cluster: int) -> int:
    """How many more looks may be needed where something comes off the cluster: none where one takes all its units."""
    size = len(partition.members(cluster))
    return 0 if size <= MOST_OWN else 2 * size // MOST_OWN


def drawn(partition: Partition, calibration: Calibration, count: int) -> Generator[int, None, list[int]]:
    """Items of whole neighbourhoods: clusters drawn at random, 30 items of each at most, with those of the three
    nearest that are nearer than the best of so many strangers would be. Nearer ones may be parts of one identity, which
    hardly two draws would show; but strangers chosen for being near would look like families, the more the larger the
    library.
    """
    rng = np.random.default_rng(len(partition))
    chosen: dict[int, None] = {}
    tried: set[int] = set()
    beyond = chance_best(calibration, len(partition.clusters))
    for at in rng.integers(max(partition.clusters_counted, 1), size=DRAWS).tolist():
        yield SWEEP_COST
        if at in tried or at not in partition.clusters:
            continue
        tried.add(at)
        total, weight = partition.clusters.total(at), partition.clusters.weight(at)
        near = [other for other, score in partition.scores(total, 3, 2.0, weight, (at,)) if score > beyond]
        for cluster in [at, *near]:
            items = [item for item in sorted(partition.members(cluster)) if partition.entry(item).good]
            yield MEMBER_COST * len(items)
            if len(items) > MOST_OF_ONE:
                items = sorted(items[k] for k in rng.choice(len(items), MOST_OF_ONE, replace=False))
            chosen.update(dict.fromkeys(items))
        yield search_cost(len(partition.clusters), partition.dim)
        if len(chosen) >= count:
            break
    return sorted(chosen)[:count]


def chance_best(calibration: Calibration, count: int) -> float:
    """The score that the best of so many strangers exceeds with a chance of `BY_CHANCE`."""
    deviations = -float(ndtri(BY_CHANCE / max(count, 1)))
    return calibration.different_mean + deviations * calibration.different_std


def good_units(partition: Partition, items: Sequence[int]) -> list[Unit]:
    """Units with a good item in them, each once, in order."""
    seen: set[int] = set()
    units = []
    for item in items:
        if item in seen:
            continue
        unit = partition.facts.unit(item)
        seen.update(unit)
        if any(partition.entry(each).good for each in unit):
            units.append(unit)
    return units


def _some(items: Sequence[int]) -> list[int]:
    """MOST_OWN of more items, in order: half of them the newest, half from all over the others."""
    newest, others = items[-MOST_OWN // 2 :], items[: -MOST_OWN // 2]
    at = np.linspace(0, len(others) - 1, MOST_OWN - len(newest)).round().astype(np.int64)
    return [*(others[place] for place in at.tolist()), *newest]


def _block(partition: Partition, cluster: int, but: Sequence[int]) -> list[Block]:
    """A cluster as one, without some of its items; none where there are no others."""
    total, weight = partition.unit_sum(but)
    left = partition.clusters.weight(cluster) - weight
    if left <= 0.0:
        return []
    items = len(partition.members(cluster)) - len(but)
    return [Block(cluster, items, partition.clusters.total(cluster) - total, left)]
