"""Items settled anew under the policy `fixed` after what people said of them changed, and whoever is in their way or
was put aside for them.
"""

from rushes.processors.clustering.deciding import decide, occupied
from rushes.processors.clustering.human import effective, mates
from rushes.processors.clustering.items import Changes, Item
from rushes.processors.clustering.library import Library
from rushes.processors.clustering.why import Why
from rushes.schemas.decisions import Decision
from rushes.schemas.ids import ClusterId


def release(library: Library, changes: Changes, item: Item, word: Decision) -> None:
    """Settle an item: pinned where people say, else where it was, else by policy. Whoever is in its way in the same
    frame gives way; whoever had given way for it comes back.
    """
    said = effective(library, item)
    previous = item.cluster_id
    scores = library.spaces[item.kind].rules.nearest(library, item)
    target = said.pinned
    if target is None and word != "undone" and previous is not None and previous not in said.rejected:
        target = previous
    if target is None and word == "undone":
        back = item.machine_cluster_id
        free = back is not None and back not in said.rejected and back not in occupied(library, item)
        target = back if free else None
    if target is None:
        library.take_out(item)
        decide(library, changes, [item], said=word)
    else:
        if target != previous:
            library.place(item, target)
        similarity = next((score.similarity for score in scores if score.key == target), None)
        why = Why(word, similarity, scores=scores)
        library.tell(changes, item, why, previous, pinned=said.pinned is not None)
        if item.kind != "scene" and said.pinned is not None:
            _displace(library, changes, item, target)
    if previous is not None and item.cluster_id != previous:
        restore(library, changes, item, previous, word)


def restore(library: Library, changes: Changes, item: Item, left: ClusterId, word: Decision) -> None:
    """An item left a cluster: whom people had put there in the same frame, and whom its correction had displaced
    where that is undone, comes back.
    """
    if item.kind == "scene":
        return
    for mate in mates(library, item):
        if mate.cluster_id == left:
            continue
        said = effective(library, mate)
        if said.pinned == left:
            release(library, changes, mate, "undone" if word == "undone" or said.word is None else said.word)
        elif (
            word == "undone"
            and said.pinned is None
            and mate.machine_cluster_id == left
            and (record := mate.record) is not None
            and record.decision == "displaced"
        ):
            release(library, changes, mate, word)


def _displace(library: Library, changes: Changes, item: Item, target: ClusterId) -> None:
    for mate in mates(library, item):
        if mate.cluster_id == target and effective(library, mate).pinned is None:
            library.take_out(mate)
            decide(library, changes, [mate], said="displaced")
