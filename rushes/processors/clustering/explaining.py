"""Why an item is where it is, for a person: what decided, what else there is, and what would change it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from rushes.processors.clustering.calibrated_rules import CalibratedRules
from rushes.processors.clustering.human import effective, live
from rushes.processors.clustering.items import Item
from rushes.processors.clustering.library import Library
from rushes.schemas.decisions import ClusterAssigned, MergeProposal, Thresholds
from rushes.schemas.ids import ClusterId

Obstacle = Literal["same-picture", "rejected", "pinned", "tracklet"]
"""The hard fact that keeps an item out of a cluster."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """A cluster near the item as things are now. `obstacle`: why it could not be there however like it is."""

    cluster_id: str
    size: int
    similarity: float
    probability: float | None
    here: bool
    obstacle: Obstacle | None


@dataclass(frozen=True, slots=True)
class Word:
    """A correction of the item that is in force."""

    feedback_id: str
    action: str
    cluster_id: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that bears on where an item is. `together`: items of its tracklet, itself among them. `others`: the
    characters that were seen in its scene. `thresholds` as they are now; the record has those it was held against.
    """

    record: ClusterAssigned
    size: int
    thresholds: Thresholds | None
    alternatives: tuple[Alternative, ...]
    words: tuple[Word, ...]
    together: int
    scene: str | None
    others: tuple[str, ...]
    proposals: tuple[MergeProposal, ...]
    changes: tuple[str, ...]


def explain(library: Library, item: Item, where: str = "") -> Explanation:
    """Explain an item of the library as it is now. `where`: option that names the library to the commands told."""
    record = item.record
    assert record is not None, "an item has a record from its first decision on"
    rules = library.spaces[item.kind].rules
    cluster = library.clusters.get(item.cluster_id) if item.cluster_id is not None else None
    scene = library.scene_of(item.frame_id)
    alternatives: tuple[Alternative, ...] = ()
    thresholds = record.thresholds
    together = 1
    if isinstance(rules, CalibratedRules):
        alternatives = tuple(_alternatives(library, rules, item))
        thresholds = rules.thresholds(None)
        together = len(rules.clusterer.partition.facts.unit(rules.number(item)))
    words = tuple(Word(one.feedback_id, one.action, library.resolve(one.cluster_id)) for one in live(library, item))
    proposals = rules.proposals(cluster) if cluster is not None else ()
    return Explanation(
        record=record,
        size=len(cluster.members) if cluster is not None else 0,
        thresholds=thresholds,
        alternatives=alternatives,
        words=words,
        together=together,
        scene=None if item.kind == "scene" else scene,
        others=tuple(sorted(library.in_scene(scene) - {item.cluster_id or ""})),
        proposals=proposals,
        changes=(*_changes(item, alternatives, thresholds, words, together), *_commands(item, words, where)),
    )


def _alternatives(library: Library, rules: CalibratedRules, item: Item) -> Iterator[Alternative]:
    for score in rules.nearest(library, item):
        cluster_id = ClusterId(score.key)
        here = cluster_id == item.cluster_id
        yield Alternative(
            cluster_id=cluster_id,
            size=len(library.clusters[cluster_id].members),
            similarity=score.similarity,
            probability=rules.probability(score.similarity),
            here=here,
            obstacle=None if here else _obstacle(library, rules, item, cluster_id),
        )


def _obstacle(library: Library, rules: CalibratedRules, item: Item, cluster_id: ClusterId) -> Obstacle | None:
    said = effective(library, item)
    partition = rules.clusterer.partition
    number, at = rules.number(item), rules.numbers.cluster(cluster_id)
    assert at is not None, "a near cluster has a number"
    if cluster_id in said.rejected:
        return "rejected"
    if said.pinned is not None:
        return "pinned"
    if at in partition.forbidden(number):
        return "same-picture"
    return "tracklet" if partition.why_not(number, at) is not None and item.cluster_id is None else None


def _changes(
    item: Item, alternatives: tuple[Alternative, ...], thresholds: Thresholds | None, words: tuple[Word, ...],
    together: int,
) -> Iterator[str]:  # fmt: skip
    if together > 1:
        yield f"a correction of any of the {together} items of its tracklet: they go together"
    if thresholds is not None and not words:
        yield from _by_likeness(item, alternatives, thresholds)


def _commands(item: Item, words: tuple[Word, ...], where: str) -> Iterator[str]:
    """What a person may type, whole lines of it."""
    at = f" {where}" if where else ""
    for word in words:
        yield f"taking the correction back (`rushes feedback undo {word.feedback_id}{at}`)"
    yield f"moving it (`rushes feedback move --item {item.item_id} --to CLUSTER{at}`; `--to new`: into one of its own)"
    if item.cluster_id is not None:
        line = f"rushes feedback reject --item {item.item_id} --cluster {item.cluster_id}{at}"
        yield f"saying that it is not of this cluster (`{line}`)"


def _by_likeness(item: Item, alternatives: tuple[Alternative, ...], thresholds: Thresholds) -> Iterator[str]:
    open_ones = [one for one in alternatives if not one.here and one.obstacle is None]
    join = thresholds.join
    if item.cluster_id is None:
        yield f"another {item.kind} as like it as {join:.2f} or more: the two would found a cluster"
    for one in open_ones[:1]:
        short = join - one.similarity
        if item.cluster_id is None and short > 0:
            yield f"more of what is in cluster {one.cluster_id[:8]}: it is {short:.2f} short of joining that"
        elif item.cluster_id is not None:
            yield f"more that is like it in cluster {one.cluster_id[:8]}, to which its likeness is {one.similarity:.2f}"
