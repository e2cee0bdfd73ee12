"""Background work: what arrivals decided one by one is looked at together, in slices of bounded cost.

A plan is made of the partition as it is when the plan begins, by a generator that yields what each piece of work
cost; `step` runs it until its operations are spent. What arrives meanwhile is decided against the partition as it is,
and keeps its place beside the moves of the plan. A new fact (a pin, a rejection, a removal) drops the plan and
begins it again. The result is a function of the sequence of calls.

Up to `exact_limit` items, everything is linked anew and the library calibrated. Beyond, each touched cluster is
linked with its neighbours, and the library is calibrated on a sample of neighbourhoods when it grew by half.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushes.processors.identity.calibration import COLD, Calibration, Evidence, calibrate, combined
from rushes.processors.identity.linkage import Matrix, agglomerate, averages, cut, products
from rushes.processors.identity.neighbourhoods import Rows, Unit, alike_to_their_pins, merged, rows
from rushes.processors.identity.partition import Partition
from rushes.processors.identity.planning import UNIT_COST, Move, Touched, carry_out, explain, note, settle_late
from rushes.processors.identity.shots import look_at_shots
from rushes.processors.identity.slices import STEP_COST, spans
from rushes.processors.identity.words import words

Work = Generator[int, None, None]

COPY: Final = 0.999
"""Likeness from which two pictures are copies, and count once where a threshold is chosen."""

FEW_UNLIKE: Final = 8
"""Items besides copies below which a library with copies has no level to choose from: of two or three that differ, one
group would win at any likeness. What other libraries taught, or the cold threshold, holds until there are more.
"""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When background work is due, in counts."""

    exact_limit: int = 1500
    """Items up to which everything is linked at once: some 0.5 s of work, handed out in slices."""
    first: int = 8
    least_new: int = 16
    growth: float = 0.1
    """New items per item that make consolidation due."""
    most_new: int = 1000
    sample: int = 1000
    """Items that a calibration of a large library looks at."""
    recalibrate: float = 0.5
    most_units: int = 400
    """Units of one neighbourhood."""
    margin: float = 0.1
    """Of the way from the threshold to 1: how far below the threshold a neighbour is looked for."""


class Consolidator:
    """Background work of one partition."""

    def __init__(self, partition: Partition, prior: Calibration = COLD, schedule: Schedule | None = None) -> None:
        self.partition = partition
        self.calibration = prior
        self._prior = prior if prior.items else None
        self._chosen_here = False
        self.schedule = schedule or Schedule()
        self.revised = 0
        self._fixed = False
        self._arrived = 0
        self._since = 0
        self._calibrated_at = 0
        self._touched: dict[int, None] = {}
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
        self._touched = dict.fromkeys(self.partition.items())

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
        self._touched[item] = None

    def request(self) -> None:
        """Work is due whatever the counts."""
        self._requested = True

    def due(self) -> bool:
        """Whether `step` has something to do."""
        if self._work is not None:
            return True
        if self._since == 0:
            return False
        size = len(self.partition)
        schedule = self.schedule
        least = schedule.least_new if size > 2 * schedule.least_new else schedule.first
        return self._requested or self._since >= min(max(least, schedule.growth * size), schedule.most_new)

    def step(self, operations: int) -> list[Move]:
        """Work for about this many elements touched (1e6 take a millisecond or two). Returns what moved meanwhile."""
        if not self.due():
            return []
        left = operations
        if self._work is not None and self._facts != self.partition.facts.changes:
            self._work.close()
            self._work = None
        if self._work is None:
            self._begin()
        while left > 0 and self._work is not None:
            try:
                left -= next(self._work)
            except StopIteration:
                self._work = None
        moves = explain(self.partition, self._moved, self.calibration.join)
        self._moved.clear()
        self.revised += len(moves)
        return moves

    def _begin(self) -> None:
        self._requested = False
        self._since = 0
        self._facts = self.partition.facts.changes
        small = len(self.partition) <= self.schedule.exact_limit
        self._work = self._whole() if small else self._local()

    def _whole(self) -> Work:
        partition = self.partition
        partition.reweigh()
        self._touched.clear()
        yield len(partition) * UNIT_COST // 10
        units = alike_to_their_pins(partition, _good_units(partition, partition.items()), self.calibration.join)
        if len(units) < 2:
            return
        facts = rows(partition, units)
        yield len(units) * UNIT_COST
        gram = yield from products(facts.sums, facts.weights)
        merges = yield from agglomerate(gram, facts.weights, facts.apart)
        if not self._fixed:
            yield from self._calibrate(facts, gram)
        threshold = self.calibration.join
        grouping = cut(merges, len(facts.groups), threshold)
        yield from carry_out(partition, _collect(facts, grouping), threshold, self._moved)
        yield from self._late([item for item in partition.items() if not partition.entry(item).good])

    def _late(self, items: list[int]) -> Work:
        """Poor items are decided anew, once the good ones are where they belong; they bridge nothing."""
        partition = self.partition
        for item in items:
            if item not in partition:
                continue
            unit = partition.facts.unit(item)
            if any(partition.entry(each).good for each in unit) or unit[0] != item:
                continue
            note(partition, unit, self._moved)
            partition.place(unit, None)
            settle_late(partition, unit, self.calibration)
            yield UNIT_COST

    def _calibrate(self, sample: Rows, gram: Matrix) -> Generator[int, None, None]:
        """Choose the threshold anew on these units, each counted once: a tracklet's items are all but copies of one
        another, and would tell that copies are what is one. gram: (n, n) products of their sums.
        """
        partition = self.partition
        self._calibrated_at = len(partition)
        count = len(sample.groups)
        if count < 3:
            return
        similarity = yield from averages(gram, sample.weights)
        prior = self._prior
        shots = yield from look_at_shots(partition, sample.groups, similarity)
        if shots is not None:
            prior = shots.threshold if prior is None else combined(prior, shots.threshold)
            sample = merged(sample, shots.group)
            count = len(sample.groups)
            similarity = yield from averages((yield from products(sample.sums, sample.weights)), sample.weights)
        apart = np.zeros((count, count), np.bool_) if sample.in_one_frame is None else sample.in_one_frame
        merges = yield from agglomerate(similarity, np.ones(count), apart)
        unlike = np.unique(cut(merges, count, COPY))
        if len(unlike) < min(FEW_UNLIKE, count):
            self.calibration, self._chosen_here = prior or COLD, shots is not None
            return
        if len(unlike) < count:
            similarity = yield from _part(similarity, unlike)
            apart = apart[np.ix_(unlike, unlike)]
            merges = yield from agglomerate(similarity, np.ones(len(unlike)), apart)
        put_together, kept_apart = words(partition)
        yield UNIT_COST * (len(put_together) + len(kept_apart))
        different = similarity[np.triu(apart, 1)] if apart.any() else np.zeros(0)
        evidence = Evidence(different, put_together, kept_apart, prior)
        self.calibration = yield from calibrate(similarity, merges, evidence)
        self._chosen_here = True

    def _local(self) -> Work:
        partition, schedule = self.partition, self.schedule
        if len(partition) >= self._calibrated_at * (1 + schedule.recalibrate):
            before = self.calibration.join
            if not self._fixed:
                sample = rows(partition, _good_units(partition, self._sample()))
                gram = yield from products(sample.sums, sample.weights)
                yield from self._calibrate(sample, gram)
            partition.reweigh()
            if abs(self.calibration.join - before) > 0.01:
                self._touched = dict.fromkeys(partition.items())
        threshold = self.calibration.join
        seen: set[int] = set()
        waiting, self._touched = self._touched, {}
        for item in waiting:
            if item not in partition or not partition.entry(item).good or item in seen:
                continue
            around = self._around(item, threshold)
            yield UNIT_COST * 2
            seen |= {each for unit in around for each in unit}
            if len(around) < 2:
                continue
            facts = rows(partition, around)
            yield len(around) * UNIT_COST
            gram = yield from products(facts.sums, facts.weights)
            merges = yield from agglomerate(gram, facts.weights, facts.apart, threshold)
            grouping = cut(merges, len(facts.groups), threshold)
            yield from carry_out(partition, _collect(facts, grouping), threshold, self._moved)
        yield from self._late([item for item in waiting if item in partition and not partition.entry(item).good])

    def _around(self, item: int, threshold: float) -> list[Unit]:
        """An item's cluster (or itself) with the clusters and waiting items that might exchange members with it."""
        partition, schedule = self.partition, self.schedule
        cluster = partition.cluster_of(item)
        if cluster is None:
            total, weight = partition.unit_sum((item,))
            items = [item]
        else:
            total, weight = partition.clusters.total(cluster), partition.clusters.weight(cluster)
            items = sorted(partition.members(cluster))
        low = threshold - schedule.margin * (1 - threshold)
        for near, _ in partition.scores(total, 0, low, weight, () if cluster is None else (cluster,)):
            if len(items) + len(partition.members(near)) <= schedule.most_units:
                items += sorted(partition.members(near))
        for other, _ in partition.noise_scores(total, 0, low, weight, (item,)):
            if len(items) < schedule.most_units:
                items.append(other)
        return alike_to_their_pins(partition, _good_units(partition, items), threshold)

    def _sample(self) -> list[int]:
        """Whole neighbourhoods: clusters drawn at random with their three nearest, 30 items of each at most."""
        partition, schedule = self.partition, self.schedule
        rng = np.random.default_rng(len(partition))
        live = list(partition.clusters)
        chosen: dict[int, None] = {}
        for place in rng.permutation(len(live)).tolist():
            total, weight = partition.clusters.total(live[place]), partition.clusters.weight(live[place])
            for near, _ in partition.scores(total, 4, 2.0, weight):
                items = [item for item in sorted(partition.members(near)) if partition.entry(item).good]
                if len(items) > 30:
                    items = sorted(items[k] for k in rng.choice(len(items), 30, replace=False))
                chosen.update(dict.fromkeys(items))
            if len(chosen) >= schedule.sample:
                break
        return sorted(chosen)[: schedule.sample]


def _good_units(partition: Partition, items: list[int]) -> list[Unit]:
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


def _part(similarity: Matrix, chosen: NDArray[np.int64]) -> Generator[int, None, Matrix]:
    """Rows and columns of these places."""
    found = np.empty((len(chosen), len(chosen)))
    for span in spans(len(chosen), 4 * len(chosen)):
        found[span] = similarity[chosen[span]].take(chosen, axis=1)
        yield STEP_COST + 4 * len(chosen) * (span.stop - span.start)
    return found


def _collect(facts: Rows, grouping: NDArray[np.int64]) -> list[list[Unit]]:
    """Units of each group, in order of the groups' lowest rows."""
    collected: dict[int, list[Unit]] = {}
    for row, group in enumerate(grouping.tolist()):
        collected.setdefault(group, []).extend(facts.groups[row])
    return list(collected.values())
