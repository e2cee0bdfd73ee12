"""A person's correction of one item: whether it can be carried out, and its place in what is said of the item."""

from rushes.processors.clustering.human import WORD, newer_than
from rushes.processors.clustering.items import Changes, FeedbackState, HumanDecision, Item
from rushes.processors.clustering.library import Library
from rushes.schemas.errors import InvalidFeedback
from rushes.schemas.event import ItemKind
from rushes.schemas.feedback import Confirm, Move, Reject
from rushes.schemas.ids import ClusterId, cluster_id

Correction = Move | Confirm | Reject


def check(library: Library, state: FeedbackState, item: Item) -> None:
    """Raises InvalidFeedback where the correction can't be carried out on this item."""
    change = state.entry.feedback.change
    based_on = state.entry.feedback.based_on_revision
    stale = newer_than(library, item, based_on, state.revision)
    if stale is not None:
        raise InvalidFeedback(
            f"stale: item {item.item_id} was corrected by {stale.feedback_id} at entry {stale.revision.n}, after "
            f"entry {based_on.n if based_on else 0} that this correction was based on: look again, then correct"
        )
    if isinstance(change, Confirm) and change.cluster_id is None and item.cluster_id is None:
        raise InvalidFeedback(f"item {item.item_id} is in no cluster, so there is nothing to confirm: move it")
    named = _named(state, change)
    if named is None:
        return
    kind = kind_of(library, named)
    if kind is None and named == state.target:
        return
    if kind is None:
        raise InvalidFeedback(f"no cluster {named} in library {library.library_id}")
    if kind != item.kind:
        raise InvalidFeedback(f"cluster {named} is of kind {kind}, item {item.item_id} is a {item.kind}")


def check_apart(state: FeedbackState, item: Item, others: list[Item]) -> None:
    """Raises InvalidFeedback where one correction puts two things of one frame into one cluster: they are not one."""
    change = state.entry.feedback.change
    if item.kind == "scene" or isinstance(change, Reject) or (isinstance(change, Confirm) and not change.cluster_id):
        return
    for other in others:
        if other is not item and other.kind == item.kind and other.frame_id == item.frame_id:
            raise InvalidFeedback(
                f"items {other.item_id} and {item.item_id} are in one frame, so they can't be one and the same: "
                "correct one of them"
            )


def kind_of(library: Library, named: ClusterId) -> ItemKind | None:
    """What a cluster, or an item that waits in noise under this id, is; None where there is neither."""
    cluster = library.clusters.get(named)
    if cluster is not None:
        return cluster.kind
    waiting = library.in_noise.get(named)
    return library.items[waiting].kind if waiting is not None else None


def decide_by_person(library: Library, changes: Changes, state: FeedbackState, item: Item) -> None:
    """Carry a checked correction out on one item. Where it waited, the entry at hand is the one that brought the item,
    and the feedback is the cause all the same.
    """
    outer = library.entry_cause()
    library.cause = outer.model_copy(update={"feedback_id": state.entry.feedback.feedback_id})
    try:
        _pin_or_reject(library, changes, state, item)
    finally:
        library.cause = outer


def _named(state: FeedbackState, change: object) -> ClusterId | None:
    match change:
        case Move(to_cluster_id=None):
            return state.target
        case Move(to_cluster_id=str(named)) | Confirm(cluster_id=str(named)) | Reject(cluster_id=named):
            return ClusterId(named)
        case _:
            return None


def _pin_or_reject(library: Library, changes: Changes, state: FeedbackState, item: Item) -> None:
    change = state.entry.feedback.change
    if isinstance(change, Move) and change.to_cluster_id is None and state.target is None:
        state.target = cluster_id(library.library_id, item.kind, item.item_id, library.entry_id())
    target = _named(state, change) or item.cluster_id
    assert target is not None, "a confirmation of an item in no cluster is refused before"
    target = library.resolve(target)
    rules = library.spaces[item.kind].rules
    if not isinstance(change, Reject) and target in library.in_noise:
        waiting = library.items[library.in_noise[target]]
        if waiting is not item:
            rules.promote(library, changes, waiting)
    library.spoken.setdefault(target, {})[item.item_id] = None
    item.human.append(HumanDecision(state.entry.feedback.feedback_id, change.action, target, state.revision))
    item.human.sort(key=lambda one: (one.revision.n, one.revision.k))
    state.applied.append(item.item_id)
    changes.anchors.add(item.media_id)
    rules.settle(library, changes, item, WORD[change.action])
