"""Background work: what arrivals decided one by one is looked at together, in slices of bounded cost.

A plan is made of the partition as it is when the plan begins, by a generator that yields what each piece of work
cost; `step` runs it until its operations are spent. What arrives meanwhile is decided against the partition as it is,
and keeps its place beside the moves of the plan. A new fact (a pin, a rejection, a removal) drops the plan and
begins it again. The result is a function of the sequence of calls.

Up to `exact_limit` items, everything is linked anew and the library calibrated. Beyond, each cluster that grew by a
quarter is linked with its neighbours, and the library is calibrated on a sample of neighbourhoods when it grew by half.
"""

import math
from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushes.processors.identity.agenda import SWEEP_COST, Agenda, Ended
from rushes.processors.identity.branches import cut_by_branches, leaves
from rushes.processors.identity.calibration import COLD, Calibration, combined
from rushes.processors.identity.choosing import FEWEST, choose
from rushes.processors.identity.linkage import Matrix, Merge, agglomerate, cut, heights_of, products
from rushes.processors.identity.lookahead import TOGETHER, Lookahead
from rushes.processors.identity.neighbourhoods import Rows, Unit, alike_to_their_pins, rows
from rushes.processors.identity.partition import Partition
from rushes.processors.identity.planning import (
    UNIT_COST,
    Group,
    Move,
    Touched,
    carry_out,
    explain,
    founded_by_none,
    note,
    search_cost,
    settle_late,
)
from rushes.processors.identity.schedule import Schedule
from rushes.processors.identity.slices import STEP_COST, spans
from rushes.processors.identity.vicinity import around, drawn, further_looks, good_units

REWEIGH_COST: Final = 500
"""Operations of judging the quality of an item anew."""

Work = Generator[int, None, None]


TAUGHT_AT_ARRIVAL: Final = 20
"""Items that what other libraries taught counts as, where an arrival is decided. The first dozens of a library show
its shots before its places, and the threshold wanders."""


class Consolidator:
    """Background work of one partition."""

    def __init__(self, partition: Partition, prior: Calibration = COLD, schedule: Schedule | None = None) -> None:
        self.partition = partition
        self.calibration = prior
        self._prior = prior if prior.items else None
        self._chosen_here = False
        self._by_shots = False
        self.schedule = schedule or Schedule()
        self.revised = 0
        self.operations = 0
        """Operations of all steps so far."""
        self._fixed = False
        self._arrived = 0
        self._since = 0
        self._calibrated_at = 0
        self._agenda = Agenda(partition)
        self._moved: Touched = {}
        self._work: Work | None = None
        self._facts = 0
        self._requested = False

    def fix(self, calibration: Calibration) -> None:
        """Use this calibration and no other."""
        self.calibration = calibration
        self._fixed = True

    def learn(self, prior: Calibration) -> None:
        """Begin from what other libraries taught, or add to it; the threshold is chosen anew when work is next done."""
        self._prior = prior if self._prior is None else combined(self._prior, prior)
        if not self._chosen_here:
            self.calibration = self._prior
        if self._work is not None:
            self._work.close()
            self._work = None
        self._calibrated_at = 0
        self._since += 1
        self._agenda.sweep()

    @property
    def at_arrival(self) -> Calibration:
        """What arrivals are decided by: the calibration, held towards what other libraries taught while few items
        chose it. What that gets wrong, background work mends.
        """
        if self._prior is None or not self._chosen_here or self._fixed:
            return self.calibration
        items = self.calibration.items
        join = (items * self.calibration.join + TAUGHT_AT_ARRIVAL * self._prior.join) / (items + TAUGHT_AT_ARRIVAL)
        return replace(self.calibration, join=join)

    @property
    def calibrated_here(self) -> bool:
        """Whether the threshold was chosen on items of this partition."""
        return self._chosen_here

    @property
    def has_prior(self) -> bool:
        """Whether other libraries taught anything."""
        return self._prior is not None

    def note(self, item: int) -> None:
        """An item arrived, or was decided anew."""
        self._since += 1
        self._arrived += 1
        self._agenda.note(item)

    def left_waiting(self, items: Iterable[int]) -> None:
        """Items wait no longer."""
        self._agenda.left(items)

    def refused(self, item: int, score: float) -> None:
        """An item that arrived waits, for its best score with anybody is this: where a look would find nobody near
        enough to exchange anything with, it is not looked at until the threshold falls as far, or somebody comes.
        """
        if score < self._low(self.calibration.join):
            self._agenda.looked_at(item, (), Ended(score))

    def request(self) -> None:
        """Work is due whatever the counts."""
        self._requested = True

    def due(self) -> bool:
        """Whether `step` has something to do."""
        if self._work is not None:
            return True
        if self._requested and self._agenda.is_left():
            return True
        if self._since == 0:
            return False
        size = len(self.partition)
        schedule = self.schedule
        least = schedule.least_new if size > 2 * schedule.least_new else schedule.first
        return self._requested or self._since >= min(max(least, schedule.growth * size), schedule.most_new)

    def step(self, operations: int) -> list[Move]:
        """Work for this many operations (1e6 take a millisecond or two), and the rest of the piece that it ends in.
        Returns what moved meanwhile.
        """
        if not self.due():
            return []
        end = self.operations + operations
        if self._work is not None and self._facts != self.partition.facts.changes:
            self._work.close()
            self._work = None
        if self._work is None:
            self._begin()
        while self.operations < end and self._work is not None:
            try:
                self.operations += next(self._work)
            except StopIteration:
                self._work = None
        moves = explain(self.partition, self._moved, self.calibration.join)
        self._moved.clear()
        self.revised += len(moves)
        return moves

    def _begin(self) -> None:
        everything = self._requested
        arrived, self._since, self._requested = self._since, 0, False
        self._facts = self.partition.facts.changes
        small = len(self.partition) <= self.schedule.exact_limit
        self._work = self._whole() if small else self._local(arrived, everything=everything)

    def _whole(self) -> Work:
        partition = self.partition
        partition.reweigh()
        self._agenda.clear()
        yield len(partition) * REWEIGH_COST
        units = alike_to_their_pins(partition, good_units(partition, partition.items()), self.calibration.join)
        if len(units) < 2:
            return
        facts = yield from rows(partition, units)
        gram = yield from products(facts.sums, facts.weights)
        merges = yield from agglomerate(gram, facts.weights, facts.apart)
        if not self._fixed:
            yield from self._calibrate(facts, gram)
        threshold = self.calibration.join
        grouping = yield from self._cut(facts, gram, merges, whole=True, part=False)
        yield from carry_out(partition, _collect(facts, grouping), threshold, self._moved)
        yield from self._late([item for item in partition.items() if not partition.entry(item).good])

    def _cut(
        self, facts: Rows, gram: Matrix, merges: Sequence[Merge], *, whole: bool, part: bool
    ) -> Generator[int, None, NDArray[np.int64]]:
        """Group of each row, (n,): each branch by itself, once the library showed where its threshold lies. Not where
        shots told it: a shot within a place looks like a branch of its own, and a branch's figures know no shots.

        gram: (n, n) products of the rows' sums; `whole`, `part`: see `cut_by_branches`.
        """
        if self._fixed or self._by_shots or not self._chosen_here:
            return cut(merges, len(facts.groups), self.calibration.join)
        return (yield from cut_by_branches(merges, leaves(facts, gram), self.calibration, whole=whole, part=part))

    def _late(self, items: list[int]) -> Work:
        """Poor items are decided anew, once the good ones are where they belong; they bridge nothing, and are
        no cluster by themselves.
        """
        partition = self.partition
        dissolved = founded_by_none(partition, items)
        for item in dissolved:
            note(partition, (item,), self._moved)
            partition.place((item,), None)
        yield UNIT_COST * len(dissolved)
        for item in dict.fromkeys([*items, *dissolved]):
            if item not in partition or partition.is_held(item):
                continue
            unit = partition.facts.unit(item)
            if any(partition.entry(each).good for each in unit) or unit[0] != item:
                continue
            note(partition, unit, self._moved)
            partition.place(unit, None)
            settle_late(partition, unit, self.calibration)
            yield UNIT_COST + 2 * search_cost(len(partition.clusters), partition.dim)

    def _calibrate(self, sample: Rows, gram: Matrix) -> Generator[int, None, None]:
        """Choose the threshold anew on these units. gram: (n, n) products of their sums."""
        self._calibrated_at = len(self.partition)
        if len(sample.groups) >= FEWEST:
            chosen = yield from choose(self.partition, sample, gram, self._prior)
            self.calibration, self._chosen_here = chosen.calibration, chosen.by_itself
            self._by_shots = chosen.by_shots

    def _local(self, arrived: int, *, everything: bool) -> Work:
        partition, agenda = self.partition, self._agenda
        if len(partition) >= self._calibrated_at * (1 + self.schedule.recalibrate):
            yield from self._recalibrate()
        yield from self._look_at_agenda(arrived, everything=everything)
        for item in list(agenda.poor):
            if item in partition and partition.entry(item).good:
                agenda.note(item)  # judged anew
            yield from self._late([item])
            agenda.poor.pop(item, None)

    def _recalibrate(self) -> Work:
        """Choose the threshold on a sample, and judge all qualities anew."""
        partition, agenda = self.partition, self._agenda
        before = self.calibration.join
        if not self._fixed:
            chosen = yield from drawn(partition, self.calibration, self.schedule.sample)
            sample = yield from rows(partition, good_units(partition, chosen))
            gram = yield from products(sample.sums, sample.weights)
            yield from self._calibrate(sample, gram)
        for span in spans(partition.items_counted, REWEIGH_COST):
            for changed in partition.reweigh(range(span.start, span.stop)):
                agenda.note(changed)
            yield STEP_COST + REWEIGH_COST * (span.stop - span.start)
        if abs(self.calibration.join - before) > self.schedule.moved:
            agenda.sweep()

    def _low(self, threshold: float) -> float:
        """How far below the threshold a neighbour is looked for."""
        return threshold - self.schedule.margin * (1 - threshold)

    def _look_at_agenda(self, arrived: int, *, everything: bool) -> Work:
        threshold = self.calibration.join
        ahead = Lookahead(self.partition, threshold, self._low(threshold))
        for item in self._agenda.pending(threshold, arrived, everything=everything):
            yield SWEEP_COST
            if item is None:
                continue
            if not ahead.holds(item):
                coming = yield from self._agenda.coming(threshold, TOGETHER - 1)
                yield from ahead.search([item, *coming])
            yield from self._look(item, threshold, ahead)

    def _look(self, item: int, threshold: float, ahead: Lookahead) -> Work:
        """Link an item's cluster, or the item, with what is near; where little came to a cluster, that alone, and the
        cluster only where this changes something.
        """
        came = self._agenda.came(item, threshold)
        if came is not None:
            before = [self.partition.cluster_of(item)]
            homes = yield from self._link(item, threshold, ahead, came)
            if homes == before:
                return
        yield from self._look_through(item, threshold, ahead)

    def _look_through(self, item: int, threshold: float, ahead: Lookahead) -> Work:
        """Link all of it. A large cluster of which something came off is linked again, until nothing more does, for
        only some of it is looked at one by one at a time; then what came off is, for it comes off in pieces.
        """
        partition = self.partition
        cluster = partition.cluster_of(item)
        further = 0 if cluster is None else further_looks(partition, cluster)
        homes = yield from self._link(item, threshold, ahead)
        if cluster is None or not further:
            return
        came_off: dict[int, None] = {}
        for _ in range(further):
            left = partition.members(cluster)
            came_off.update(dict.fromkeys(homes))
            if homes == [cluster] or not left:
                break
            homes = yield from self._link(min(left), threshold, ahead)
        for home in came_off:
            if home != cluster and partition.members(home):
                yield from self._link(min(partition.members(home)), threshold, ahead)

    def _link(
        self, item: int, threshold: float, ahead: Lookahead, some: Sequence[int] | None = None
    ) -> Generator[int, None, list[int]]:
        """Link an item's cluster, or `some` items of it beside the others as one. Gives the clusters of it now."""
        partition = self.partition
        near = yield from ahead.near(item)
        found, own = yield from around(partition, item, near, some)
        merges: list[Merge] = []
        heights: list[float] = []
        if len(found.groups) > 1:
            gram = yield from products(found.sums, found.weights)
            merges = yield from agglomerate(gram, found.weights, found.apart, near.low)
            heights = heights_of(_rows_of(found, own, partition.cluster_of(item)), merges)
            merges = [merge for merge in merges if merge.height > near.low]
            grouping = yield from self._cut(found, gram, merges, whole=len(partition.clusters) == 1, part=True)
            known = len(self._moved)
            yield from carry_out(partition, _collect(found, grouping), threshold, self._moved)
            self._agenda.left(
                each
                for each, before in list(self._moved.items())[known:]
                if before is not None or partition.cluster_of(each) is not None
            )
        by_itself = not (near.clusters or near.waiting) and len(merges) == len(found.groups) - 1
        floor = near.beyond if by_itself else near.low
        refused = max([floor, *(height for height in heights if height < threshold)])
        inner = min((height for height in heights if height >= threshold), default=math.inf)
        found_in = {partition.cluster_of(each) for each in (item, *(each for unit in own for each in unit))}
        homes = sorted(home for home in found_in if home is not None)
        self._agenda.looked_at(item, homes, Ended(refused, inner), at_some=some is not None)
        return homes


def _rows_of(facts: Rows, own: Sequence[Unit], cluster: int | None) -> set[int]:
    """Rows of a cluster's units, and of what else is in it as one."""
    mine = {unit[0] for unit in own}
    found = {row for row, group in enumerate(facts.groups) for unit in group if unit[0] in mine}
    return found | {row for row, block in facts.blocks.items() if block.cluster == cluster}


def _collect(facts: Rows, grouping: NDArray[np.int64]) -> list[Group]:
    """Units and blocks of each group, in order of the groups' lowest rows."""
    collected: dict[int, Group] = {}
    for row, at in enumerate(grouping.tolist()):
        group = collected.setdefault(at, Group([], []))
        group.units.extend(facts.groups[row])
        if row in facts.blocks:
            group.blocks.append(facts.blocks[row])
    return list(collected.values())
