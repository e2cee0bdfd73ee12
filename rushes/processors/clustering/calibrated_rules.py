"""The rules of the policy `calibrated` for one kind: the identity logic decides, the library's state follows.

Who is where is decided in a `Clusterer`, which knows integers and hard facts and no records. What it changed is
carried over into the library by membership: every item that is elsewhere than the library has it is placed and told.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from rushes.processors.clustering.calibrated_settling import Settling
from rushes.processors.clustering.human import effective
from rushes.processors.clustering.items import Changes, Cluster, Item
from rushes.processors.clustering.library import NEAREST, Library
from rushes.processors.clustering.merge_proposals import MergeProposals
from rushes.processors.clustering.numbering import Numbering
from rushes.processors.clustering.scoring import Score, Vec16
from rushes.processors.clustering.told import Told, moves_told, verdicts_told
from rushes.processors.clustering.why import Why
from rushes.processors.identity.arrival import Verdict
from rushes.processors.identity.clusterer import Clusterer
from rushes.processors.identity.gallery import Scored
from rushes.processors.identity.items import Observation
from rushes.processors.identity.planning import Move
from rushes.schemas.decisions import Basis, Decision, MergeProposal, Thresholds
from rushes.schemas.ids import ClusterId, EventId, cluster_id

ABOVE_ALL: Final = 2.0
"""Above every similarity: asks for the nearest alone."""

_MACHINE: Final[frozenset[Basis]] = frozenset({"likeness", "tracklet", "evidence", "body"})

PROPOSING: Final = 0.05
"""Share of a slice's operations that goes into proposals."""

PROPOSING_AT_REQUEST: Final = 2_000_000_000
"""Operations of proposals where all that is left is asked for: one or two seconds."""


class CalibratedRules:
    """A clusterer, and the names of what is in it."""

    policy: Final = "calibrated"

    def __init__(self, clusterer: Clusterer) -> None:
        self.clusterer = clusterer
        self.numbers = Numbering()
        self.rejected: dict[int, set[ClusterId]] = {}
        self._proposals = MergeProposals()
        self._follows = False

    def may_found(self, quality: float) -> bool:  # noqa: ARG002 - what is poor depends on the library
        return True

    def expect(self, vectors: Vec16) -> None:
        self.clusterer.expect(vectors)

    # -- told of changes of membership

    def wait(self, item: Item) -> None:
        self.number(item)

    def join(self, item: Item, cluster: Cluster) -> None:
        at = self.cluster(cluster.cluster_id, founder=self.number(item))
        self._proposals.touch(at)
        if not self._follows and self.clusterer.partition.cluster_of(self.number(item)) != at:
            self.clusterer.partition.put(self.number(item), at)

    def leave(self, item: Item, cluster: Cluster | None) -> None:
        if cluster is None:
            return
        self._proposals.touch(self.cluster(cluster.cluster_id, founder=self.number(item)))
        if not self._follows:
            self.clusterer.partition.take_out(self.number(item))

    def spoken_of(self, number: int, cluster: int) -> None:
        """A person's word on the item and the cluster came into force, or ended."""
        at = self.clusterer.partition.cluster_of(number)
        for each in (cluster,) if at is None or at == cluster else (cluster, at):
            self._proposals.reconsider(each)

    def forget(self, item: Item) -> None:
        number = self.numbers.number(item.item_id)
        if number is not None:
            self.clusterer.partition.remove(number)
            self.numbers.forget(item.item_id)
            self.rejected.pop(number, None)

    def number(self, item: Item) -> int:
        """The item's number; it is registered where it has none."""
        number = self.numbers.number(item.item_id)
        if number is None:
            number = self.numbers.register(item.item_id)
            added = self.clusterer.partition.add(self.observation(item))
            assert added == number, "both count up from 0"
        return number

    def cluster(self, name: ClusterId, founder: int) -> int:
        """The cluster of this id; it is made where there is none."""
        at = self.numbers.cluster(name)
        if at is None:
            at = self.clusterer.partition.new_cluster(founder=founder)
            self.numbers.name(at, name)
        return at

    def observation(self, item: Item) -> Observation:
        """What the identity logic is told of an item. A frame has one scene, so its frame tells nothing of a scene; a
        shot shows several faces, so it tells nothing of these.
        """
        met = self.numbers.met
        frame = met("frame", item.item_id if item.kind == "scene" else item.frame_id)
        assert frame is not None, "every item is in a frame"
        return Observation(
            vector=item.vector,
            frame=frame,
            quality=item.quality,
            may_found=item.may_found,
            tracklet=met("tracklet", item.tracklet.tracklet_id if item.tracklet else None),
            shot=met("shot", item.shot_id if item.kind == "scene" else None),
            media=met("media", item.media_id),
        )

    # -- decisions

    def begin(self, library: Library, changes: Changes, items: Sequence[Item]) -> None:
        """Take over items as another policy left them, oldest first; what hard facts forbid here is decided anew."""
        partition = self.clusterer.partition
        for item in items:
            self.number(item)
        partition.evicted.clear()
        for cluster in sorted(library.clusters.values(), key=lambda one: one.age):
            if items and cluster.kind == items[0].kind:
                self.cluster(cluster.cluster_id, founder=self.number(items[0]))
        moved = Settling(self, library, changes).heed(items)
        for item in items:
            number = self.number(item)
            if item.cluster_id is not None and partition.cluster_of(number) is None:
                at = self.cluster(item.cluster_id, founder=number)
                if partition.why_not(number, at) is None:
                    partition.put(number, at)
                else:
                    moved.append(number)
            self.clusterer.consolidator.note(number)
        verdicts = self.decide_freed(moved)
        told = [*verdicts_told(verdicts), *(Told(number, "moved") for number in moved)]
        self.follow(library, changes, told)

    def decide(self, library: Library, changes: Changes, items: Sequence[Item], said: Decision | None) -> None:
        """All at once: no two of them join the same cluster."""
        assert said is None, "what a correction sets free is settled"
        for item in items:
            self.numbers.register(item.item_id)
        verdicts = self.clusterer.observe([self.observation(item) for item in items])
        changes.arrived += len(items)
        self.follow(library, changes, verdicts_told(verdicts))

    def decide_freed(self, numbers: Iterable[int]) -> list[Verdict]:
        """Verdicts on those of the items that are in no cluster, each with its unit."""
        partition = self.clusterer.partition
        verdicts: list[Verdict] = []
        for number in dict.fromkeys(numbers):
            if partition.cluster_of(number) is None:
                verdicts += self.clusterer.decide([number])
        return verdicts

    def promote(self, library: Library, changes: Changes, item: Item) -> None:
        Settling(self, library, changes).promote(item)

    def settle(self, library: Library, changes: Changes, item: Item, word: Decision) -> None:
        Settling(self, library, changes).settle(item, word)

    def vacated(self, library: Library, changes: Changes, item: Item, left: ClusterId, word: Decision) -> None:
        Settling(self, library, changes).vacated(item, left, word)

    def seen_anew(self, library: Library, changes: Changes, item: Item) -> None:
        Settling(self, library, changes).seen_anew(item)

    def consolidate(self, library: Library, changes: Changes, operations: int | None) -> None:
        moves = self.clusterer.settle() if operations is None else self.clusterer.work(operations)
        changes.revised += len({move.item for move in moves})
        self.follow(library, changes, moves_told(moves))
        self.redirect(library, changes, moves)
        proposing = PROPOSING_AT_REQUEST if operations is None else int(PROPOSING * operations)
        for cluster in self._proposals.renew(self.clusterer, proposing):
            name = self.numbers.cluster_id(cluster)
            if name is not None and name in library.clusters:
                library.touched[name] = None

    def request(self) -> None:
        self.clusterer.request()

    def due(self) -> bool:
        return self.clusterer.due()

    def empty(self) -> bool:
        return not len(self.clusterer.partition)

    def redirect(self, library: Library, changes: Changes, moves: Sequence[Move]) -> None:
        """Clusters that merges left empty lead to where most of their items are now."""
        partition = self.clusterer.partition
        into: dict[int, Counter[int]] = {}
        for move in moves:
            now = partition.cluster_of(move.item)
            if move.previous is not None and move.decision == "merged" and now is not None:
                into.setdefault(move.previous, Counter())[now] += 1
        for gone, found in into.items():
            name = self.numbers.cluster_id(gone)
            if name is None or name not in library.clusters or partition.members(gone):
                continue
            target = self.numbers.cluster_id(min(found, key=lambda each: (-found[each], each)))
            assert target is not None, "what has members in the library is named"
            library.redirect(name, target)
            Settling(self, library, changes).heed_again(target)

    # -- the library follows

    def follow(self, library: Library, changes: Changes, told: Iterable[Told]) -> None:
        """Place every item where the partition has it, then tell of those that changed; of several words on an item
        the last.
        """
        latest = {one.item: one for one in told}
        items = {number: library.items[self.numbers.item_id(number)] for number in latest}
        changed: dict[int, None] = {}
        with self._following():
            for number, item in items.items():
                at = self.clusterer.partition.cluster_of(number)
                target = None if at is None else self._name(library, at)
                if target is None and item.provisional_id is None:
                    library.place(item, None, _free_id(library, item))
                    changed[number] = None
                elif target is not None and item.cluster_id != target:
                    library.place(item, target)
                    changed[number] = None
        for number, one in latest.items():
            if number in changed or one.anyway:
                self._tell(library, changes, items[number], one)
        for name in self.numbers.newly_named():
            if name in library.spoken:
                Settling(self, library, changes).heed_again(name)

    @contextmanager
    def _following(self) -> Iterator[None]:
        self._follows = True
        try:
            yield
        finally:
            self._follows = False

    def _name(self, library: Library, at: int) -> ClusterId:
        """The cluster's id; a new one has that under which its founder waited, else one of its founder's."""
        name = self.numbers.cluster_id(at)
        if name is None:
            founder = library.items[self.numbers.item_id(self.clusterer.partition.founder(at))]
            inside = self.clusterer.partition.cluster_of(self.number(founder)) == at
            name = (founder.provisional_id if inside else None) or _free_id(library, founder)
            self.numbers.name(at, name)
        return name

    def _tell(self, library: Library, changes: Changes, item: Item, told: Told) -> None:
        record = item.record
        previous = ClusterId(record.cluster_id) if record is not None and record.cluster_id else None
        figures = told.figures
        if told.basis in _MACHINE:
            item.machine_cluster_id = item.cluster_id
        why = Why(
            told.word,
            figures.score if figures else None,
            figures.margin if figures else None,
            self._scores(library, figures.nearest if figures else ()),
            self.thresholds(figures.threshold if figures else None),
            told.basis,
            poor=not self.clusterer.partition.entry(self.number(item)).good,
            company=told.company,
        )
        library.tell(changes, item, why, previous, pinned=effective(library, item).pinned is not None)

    # -- figures for records

    def nearest(self, library: Library, item: Item) -> list[Score]:
        partition = self.clusterer.partition
        return self._scores(library, partition.scores(partition.entry(self.number(item)).vector(), NEAREST, ABOVE_ALL))

    def thresholds(self, join: float | None) -> Thresholds:
        """What is in force now, or was when a decision was made (`join`)."""
        calibration = self.clusterer.calibration
        at = self.clusterer.consolidator.at_arrival.join if join is None else join
        return Thresholds(join=at, found=at, uncertainty=calibration.uncertainty, source=self._source())

    def _source(self) -> str:
        """What the threshold in force was learnt from, in words."""
        consolidator = self.clusterer.consolidator
        taught = " with imported profiles" if consolidator.has_prior else ""
        if consolidator.calibrated_here:
            return f"{self.clusterer.calibration.items} items of this library{taught}"
        return "imported profiles" if taught else "nothing yet: a start for any model"

    def probability(self, similarity: float) -> float | None:
        return round(self.clusterer.calibration.probability(similarity), 6)

    def proposals(self, cluster: Cluster) -> tuple[MergeProposal, ...]:
        at = self.numbers.cluster(cluster.cluster_id)
        if at is None:
            return ()
        found = []
        for other, score in self._proposals.of(at):
            name = self.numbers.cluster_id(other)
            if name is not None and self.clusterer.partition.members(other):
                found.append(MergeProposal(cluster_id=name, similarity=score, probability=self.probability(score)))
        return tuple(found)

    def _scores(self, library: Library, nearest: Sequence[Scored]) -> list[Score]:
        found = []
        for cluster, similarity in nearest[:NEAREST]:
            name = self.numbers.cluster_id(cluster)
            if name is not None and name in library.clusters:
                found.append(Score(name, similarity, library.clusters[name].age))
        return found


def _free_id(library: Library, item: Item) -> ClusterId:
    """An id for a cluster of this item's, made of the entry at hand, that nothing has yet."""
    cause = library.entry_id()
    found = cluster_id(library.library_id, item.kind, item.item_id, cause)
    count = 1
    while found in library.clusters or found in library.in_noise:
        count += 1
        found = cluster_id(library.library_id, item.kind, item.item_id, EventId(f"{cause}/{count}"))
    return found
