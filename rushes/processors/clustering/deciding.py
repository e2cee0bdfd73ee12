"""Decisions by policy: the items of one kind in one frame, on arrival or when a correction sets them free."""

from collections.abc import Sequence
from dataclasses import dataclass

from rushes.processors.clustering.fixed import NEAREST, Probe, Verdict, decide_frame
from rushes.processors.clustering.human import effective
from rushes.processors.clustering.items import Changes, Item
from rushes.processors.clustering.library import Library, Why
from rushes.processors.clustering.scoring import Score
from rushes.schemas.decisions import Decision, Thresholds
from rushes.schemas.ids import ClusterId, ItemId, cluster_id, provisional_id


def occupied(library: Library, item: Item) -> frozenset[ClusterId]:
    """Clusters that the other items of its kind in the item's frame are in, or were put into by people and come back
    to: none of these is the same person.
    """
    frame = library.frames[item.frame_id]
    taken: set[ClusterId | None] = set()
    for other_id, kind in frame.items.items():
        if kind == item.kind and other_id != item.item_id:
            other = library.items[other_id]
            taken |= {other.cluster_id, effective(library, other).pinned}
    return frozenset(cluster for cluster in taken if cluster is not None)


def decide(library: Library, changes: Changes, items: Sequence[Item], *, said: Decision | None = None) -> None:
    """Decide items that are in no cluster, all of one kind and frame. `said` replaces the policy's word in the record
    where a person's correction is what brought it about.
    """
    if not items:
        return
    space = library.spaces[items[0].kind]
    thresholds = library.policy.thresholds(space.kind, weak=space.weak)
    near = thresholds.join if thresholds.join_in_scene is None else thresholds.join_in_scene
    in_scene = library.in_scene(library.scene_of(items[0].frame_id)) if space.kind == "face" else frozenset()
    probes = []
    for item in items:
        forbidden = effective(library, item).rejected | occupied(library, item)
        scores = space.clusters.scores(item.vector64(), min(near, thresholds.join), NEAREST)
        probes.append(Probe(scores, frozenset(forbidden), in_scene, item.may_found))
    for item, probe, verdict in zip(items, probes, decide_frame(probes, thresholds), strict=True):
        _carry_out(library, changes, item, _Case(probe.scores, verdict, thresholds, said))


@dataclass(frozen=True, slots=True)
class _Case:
    """What is known of an item when its verdict is carried out."""

    scores: Sequence[Score]
    verdict: Verdict
    thresholds: Thresholds
    said: Decision | None


def _carry_out(library: Library, changes: Changes, item: Item, case: _Case) -> None:
    verdict, thresholds, said = case.verdict, case.thresholds, case.said
    previous = ClusterId(item.record.cluster_id) if item.record and item.record.cluster_id else None
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
            found = _partner(library, item, thresholds)
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
    why = Why(said or word, similarity, margin, case.scores, thresholds)
    library.tell(changes, item, why, previous, pinned=False)


def promote(
    library: Library, changes: Changes, item: Item, similarity: float | None, thresholds: Thresholds | None
) -> None:
    """An item leaves noise and founds a cluster under the id it waited with."""
    waited_as = item.provisional_id
    assert waited_as is not None, "only an item in noise is promoted"
    library.place(item, waited_as)
    item.machine_cluster_id = waited_as
    library.tell(changes, item, Why("promoted", similarity, thresholds=thresholds), None, pinned=False)


def _partner(library: Library, item: Item, thresholds: Thresholds) -> tuple[Item, float] | None:
    """The noise item that this one is sure to belong with: both good, not of one frame, neither told apart."""
    if not item.may_found:
        return None
    rejected = effective(library, item).rejected
    for score in library.spaces[item.kind].noise.scores(item.vector64(), thresholds.join, 1):
        if score.similarity < thresholds.join:
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
