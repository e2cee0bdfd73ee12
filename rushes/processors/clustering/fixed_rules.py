"""The rules of the policy `fixed` for one kind: the cosine to clusters' normalised means against set thresholds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from rushes.processors.clustering.deciding import occupied, promote
from rushes.processors.clustering.fixed import FixedPolicy, Probe, Verdict, decide_frame
from rushes.processors.clustering.fixed_settling import release, restore
from rushes.processors.clustering.human import effective
from rushes.processors.clustering.items import Changes, Cluster, Item
from rushes.processors.clustering.library import NEAREST, Library
from rushes.processors.clustering.scoring import Gallery, Score, Vec16
from rushes.processors.clustering.why import Why
from rushes.schemas.decisions import Decision, MergeProposal, Thresholds
from rushes.schemas.event import ItemKind
from rushes.schemas.ids import ClusterId, ItemId, cluster_id, provisional_id

ABOVE_ALL: Final = 2.0
"""Above every cosine: asks for the nearest alone."""


class FixedRules:
    """Clusters and waiting items of a kind as galleries; nothing is looked at again, but for promotions."""

    policy: Final = "fixed"

    def __init__(self, thresholds: FixedPolicy, kind: ItemKind, dim: int, *, weak: bool) -> None:
        self._fixed = thresholds
        self._thresholds = thresholds.thresholds(kind, weak=weak)
        self._kind = kind
        self.clusters = Gallery(dim)
        self.noise = Gallery(dim)

    def may_found(self, quality: float) -> bool:
        return quality >= self._fixed.poor_quality

    def expect(self, vectors: Vec16) -> None:
        """Each item is compared by itself."""

    def wait(self, item: Item) -> None:
        self.noise.put(item.item_id, item.vector64(), item.age)

    def join(self, item: Item, cluster: Cluster) -> None:  # noqa: ARG002 - the sum counts it
        self.clusters.put(cluster.cluster_id, cluster.total, cluster.age)

    def leave(self, item: Item, cluster: Cluster | None) -> None:
        if cluster is None:
            self.noise.remove(item.item_id)
        elif cluster.members:
            self.clusters.put(cluster.cluster_id, cluster.total, cluster.age)
        else:
            self.clusters.remove(cluster.cluster_id)

    def begin(self, library: Library, changes: Changes, items: Sequence[Item]) -> None:  # noqa: ARG002 - nothing moves
        for item in items:
            if item.cluster_id is None:
                self.wait(item)
            else:
                self.join(item, library.clusters[item.cluster_id])

    def nearest(self, library: Library, item: Item) -> list[Score]:  # noqa: ARG002 - keys are the ids
        return self.clusters.scores(item.vector64(), ABOVE_ALL, NEAREST)

    def identify(self, vector: Vec16) -> list[tuple[str | None, float | None]]:
        """The nearest clusters by cosine, and unknown (None) behind those at or above the join threshold."""
        near = self.clusters.scores(vector.astype(np.float64), ABOVE_ALL, NEAREST)
        known = [score for score in near if score.similarity >= self._thresholds.join]
        others: list[tuple[str | None, float | None]] = [(score.key, score.similarity) for score in near[len(known) :]]
        return [*((score.key, score.similarity) for score in known), (None, None), *others]

    def decide(self, library: Library, changes: Changes, items: Sequence[Item], said: Decision | None) -> None:
        """All at once: no two of them join the same cluster."""
        thresholds = self._thresholds
        near = thresholds.join if thresholds.join_in_scene is None else thresholds.join_in_scene
        in_scene = library.in_scene(library.scene_of(items[0].frame_id)) if self._kind == "face" else frozenset()
        probes = []
        for item in items:
            forbidden = effective(library, item).rejected | occupied(library, item)
            scores = self.clusters.scores(item.vector64(), min(near, thresholds.join), NEAREST)
            probes.append(Probe(scores, frozenset(forbidden), in_scene, item.may_found))
        for item, probe, verdict in zip(items, probes, decide_frame(probes, thresholds), strict=True):
            self._carry_out(library, changes, item, _Case(probe.scores, verdict, thresholds, said))

    def promote(self, library: Library, changes: Changes, item: Item) -> None:
        promote(library, changes, item, None, None)

    def settle(self, library: Library, changes: Changes, item: Item, word: Decision) -> None:
        release(library, changes, item, word)

    def vacated(self, library: Library, changes: Changes, item: Item, left: ClusterId, word: Decision) -> None:
        if item.frame_id in library.frames:
            restore(library, changes, item, left, word)

    def forget(self, item: Item) -> None:
        """Nothing is kept of an item that is nowhere."""

    def seen_anew(self, library: Library, changes: Changes, item: Item) -> None:
        """Tracklets decide nothing here."""

    def consolidate(self, library: Library, changes: Changes, operations: int | None) -> None:
        """There is nothing to look at again."""

    def request(self) -> None:
        """There is nothing to look at again."""

    def due(self) -> bool:
        return False

    def empty(self) -> bool:
        return not len(self.clusters) and not len(self.noise)

    def probability(self, similarity: float) -> float | None:  # noqa: ARG002 - thresholds set by hand know none
        return None

    def proposals(self, cluster: Cluster) -> tuple[MergeProposal, ...]:  # noqa: ARG002 - it proposes nothing
        return ()

    def _carry_out(self, library: Library, changes: Changes, item: Item, case: "_Case") -> None:
        verdict, thresholds, said = case.verdict, case.thresholds, case.said
        record = item.record
        previous = ClusterId(record.cluster_id) if record is not None and record.cluster_id else None
        target: ClusterId | None = None
        partner: Item | None = None
        word: Decision = verdict.decision
        similarity, margin = verdict.similarity, verdict.margin
        match verdict.decision:
            case "joined":
                target = verdict.cluster
            case "founded":
                target = cluster_id(library.library_id, item.kind, item.item_id, library.entry_id())
            case "noise":
                found = self._partner(library, item)
                if found is not None:
                    partner, similarity = found
                    target, margin, word = partner.provisional_id, None, "promoted"
        if target is None:
            waiting = provisional_id(library.library_id, item.kind, item.item_id, library.entry_id())
            library.place(item, None, waiting)
        else:
            if partner is not None:
                promote(library, changes, partner, similarity, thresholds)
            library.place(item, target)
        if said is None:
            item.machine_cluster_id = item.cluster_id
        why = Why(said or word, similarity, margin, case.scores, thresholds, poor=not item.may_found)
        library.tell(changes, item, why, previous, pinned=False)

    def _partner(self, library: Library, item: Item) -> tuple[Item, float] | None:
        """The noise item that this one is sure to belong with: both good, not of one frame, neither told apart."""
        if not item.may_found:
            return None
        rejected = effective(library, item).rejected
        join = self._thresholds.join
        for score in self.noise.scores(item.vector64(), join, 1):
            if score.similarity < join:
                return None
            other = library.items[ItemId(score.key)]
            if (
                other.item_id != item.item_id
                and other.may_found
                and other.frame_id != item.frame_id
                and other.provisional_id not in rejected
                and not effective(library, other).rejected & {item.provisional_id}
            ):
                return other, score.similarity
        return None


@dataclass(frozen=True, slots=True)
class _Case:
    """What is known of an item when its verdict is carried out."""

    scores: Sequence[Score]
    verdict: Verdict
    thresholds: Thresholds
    said: Decision | None
