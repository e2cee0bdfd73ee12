"""Bodies link faces within a scene and a day: a face that nothing decided yet is put with the faces that its body keeps
company with there.

A cell is what one body cluster shows in one scene on one day. Clothes change from day to day, and another scene is
another light and other people: nothing is concluded across cells. The day is that on which the media was captured, by
the clock that its file tells of; where it tells of none, a media is a day of its own.

Cells are brought up to date when a plan of background work ends, and only those in which something changed; so what is
decided is a function of the log, like the plan's end itself.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from rushes.processors.clustering.calibrated_rules import CalibratedRules
from rushes.processors.clustering.cells import MOST_WITNESSES, Cell
from rushes.processors.clustering.items import Changes, Item
from rushes.processors.clustering.library import Library
from rushes.processors.clustering.told import Told, verdicts_told
from rushes.processors.identity.arrival import NEAREST
from rushes.processors.identity.company import JOIN, STAY, Support, certainty, support, without_itself
from rushes.processors.identity.partition import Partition
from rushes.processors.identity.planning import UNIT_COST, Move, explain
from rushes.schemas.decisions import Company, Decision
from rushes.schemas.ids import ItemId

MOST_RIVALS: Final = 64
"""Body clusters of a scene and day that a body is held against, the oldest first."""

ROUNDS: Final = 3
"""At most, where all that is left is asked for: who was put somewhere tells nothing of others, so two settle it."""


def bring_up_to_date(library: Library) -> None:
    """Take in what changed since the last time, and note the faces to look at again."""
    look = _look(library)
    if look is not None:
        library.cells.renew(library, look.decided)


def look_at_faces(library: Library, changes: Changes, operations: int | None) -> None:
    """Look at noted faces, for about this many operations, or (None) until none is left and nothing changes."""
    look = _look(library)
    if look is None:
        return
    partition = look.faces.clusterer.partition
    cost = (len(partition.clusters) + MOST_WITNESSES) * partition.dim + UNIT_COST
    if operations is not None:
        look.at(changes, library.cells.take(max(1, operations // cost)))
        return
    for _ in range(ROUNDS):
        library.cells.request()
        bring_up_to_date(library)
        noted = library.cells.take(None)
        if not noted:
            return
        look.at(changes, noted)


def _look(library: Library) -> "_Look | None":
    faces, bodies = library.spaces.get("face"), library.spaces.get("person")
    if faces is None or bodies is None or bodies.weak:
        return None
    if not isinstance(faces.rules, CalibratedRules) or not isinstance(bodies.rules, CalibratedRules):
        return None
    return _Look(library, faces.rules, bodies.rules)


def _word(move: Move) -> Decision:
    if move.previous is None:
        return "joined"
    return "merged" if move.decision == "merged" else "moved"


@dataclass(frozen=True, slots=True)
class _Look:
    library: Library
    faces: CalibratedRules
    bodies: CalibratedRules

    @property
    def partition(self) -> Partition:
        return self.faces.clusterer.partition

    def unit(self, item: Item) -> tuple[int, ...]:
        """The face's tracklet, as numbers."""
        return self.partition.facts.unit(self.faces.number(item))

    def decided(self, item: Item) -> tuple[int, int] | None:
        """The face's unit, by its first number, and the character that likeness, a tracklet or a person gave it; None
        where it waits, is alone in its cluster, joined late, or is there for its body.
        """
        number = self.faces.number(item)
        at = self.partition.cluster_of(number)
        if at is None or self.partition.is_held(number):
            return None
        unit = self.partition.facts.unit(number)
        return None if self._alone(unit, at) or self._late(unit) else (unit[0], at)

    def at(self, changes: Changes, noted: Iterable[ItemId]) -> None:
        """Look at faces, each tracklet once, and carry out what comes of it."""
        seen: set[int] = set()
        for item_id in noted:
            item = self.library.items.get(item_id)
            if item is None:
                continue
            unit = self.unit(item)
            if unit[0] not in seen:
                seen.add(unit[0])
                self._decide(changes, unit)

    def _alone(self, unit: tuple[int, ...], at: int) -> bool:
        return len(self.partition.members(at)) == len(unit) and not self.partition.facts.is_spoken_of(at)

    def _late(self, unit: tuple[int, ...]) -> bool:
        """Whether a poor unit joined below the threshold, by being ahead of the others."""
        partition = self.partition
        if any(partition.entry(item).good for item in unit) or partition.facts.unit_pin(unit[0]) is not None:
            return False
        own = without_itself(partition, unit[0])
        return own is not None and own < self.faces.clusterer.calibration.join

    def _decide(self, changes: Changes, unit: tuple[int, ...]) -> None:
        partition = self.partition
        at = partition.unit_cluster(unit)
        held = partition.is_held(unit[0])
        undecided = at is None or held or self._alone(unit, at) or self._late(unit)
        if not undecided or partition.facts.unit_pin(unit[0]) is not None:
            return
        found = max(self._supports(unit), key=lambda one: one[0].probability, default=None)
        stays = found is not None and found[0].cluster == at
        if found is not None and found[0].probability >= (STAY if stays else JOIN):
            if not stays:
                self._put(changes, unit, *found)
        elif held:
            partition.place(unit, None)
            self.faces.follow(self.library, changes, verdicts_told(self.faces.decide_freed(unit)))

    def _put(self, changes: Changes, unit: tuple[int, ...], said: Support, company: Company) -> None:
        partition = self.partition
        before = {item: partition.cluster_of(item) for item in unit}
        partition.hold(unit, said.cluster)
        moves = explain(partition, before, self.faces.clusterer.calibration.join)
        changes.revised += len(moves)
        told = [
            Told(
                move.item,
                _word(move),
                replace(move, score=said.score),
                "body",
                company=company,
            )
            for move in moves
        ]
        self.faces.follow(self.library, changes, told)
        self.faces.redirect(self.library, changes, moves)

    def _supports(self, unit: tuple[int, ...]) -> "Iterable[tuple[Support, Company]]":
        partition = self.partition
        poor = not any(partition.is_good_by_itself(item) for item in unit)
        total, weight = partition.unit_sum(unit)
        forbidden = partition.unit_forbidden(unit)
        near = dict(partition.scores(total, NEAREST, 2.0, weight))
        at = partition.unit_cluster(unit)
        for number in unit:
            item = self.library.items[self.faces.numbers.item_id(number)]
            cell = self.library.cells.cell_of(item.item_id)
            body = None if item.body_item_id is None else self.library.items.get(item.body_item_id)
            if cell is None or body is None:
                continue
            witnesses = self.library.cells.witnesses(self.library, cell, self.decided)
            witnesses.pop(unit[0], None)
            here = Counter(cluster for cluster, _ in witnesses.values())
            sure = self._certainty(cell, body)
            scores = {other: score for other, score in near.items() if other not in forbidden and other != at}
            scores |= {cluster: partition.clusters.score(cluster, total, weight) for cluster in here}
            said = support(
                self.library.cells.agreement, here, sure, scores, self.faces.clusterer.calibration, poor=poor
            )
            if said is None or said.cluster in forbidden:
                continue
            witness = next(face for cluster, face in witnesses.values() if cluster == said.cluster)
            yield (
                said,
                Company(
                    body_item_id=body.item_id,
                    body_cluster_id=cell.body,
                    witness_item_id=witness,
                    faces=here[said.cluster],
                    agreement=round(said.agreement, 6),
                    certainty=round(said.body, 6),
                    probability=round(said.probability, 6),
                ),
            )

    def _certainty(self, cell: Cell, body: Item) -> float:
        clusterer = self.bodies.clusterer
        number = self.bodies.number(body)
        own = without_itself(clusterer.partition, number)
        if own is None:
            return 0.0
        vector = clusterer.partition.entry(number).vector()
        rivals = [self.bodies.numbers.cluster(name) for name in self.library.cells.around(self.library, cell)]
        others = [
            clusterer.partition.clusters.score(rival, vector, 1.0)
            for rival in rivals[:MOST_RIVALS]
            if rival is not None and rival in clusterer.partition.clusters
        ]
        return certainty(own, others, clusterer.calibration)
