"""Decisions by policy: the items of one kind in one frame, on arrival or when a correction sets them free."""

from collections.abc import Sequence

from rushes.processors.clustering.human import effective
from rushes.processors.clustering.items import Changes, Item
from rushes.processors.clustering.library import Library
from rushes.processors.clustering.why import Why
from rushes.schemas.decisions import Decision, Thresholds
from rushes.schemas.ids import ClusterId


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
    if items:
        library.spaces[items[0].kind].rules.decide(library, changes, items, said)


def promote(
    library: Library, changes: Changes, item: Item, similarity: float | None, thresholds: Thresholds | None
) -> None:
    """An item leaves noise and founds a cluster under the id it waited with."""
    waited_as = item.provisional_id
    assert waited_as is not None, "only an item in noise is promoted"
    library.place(item, waited_as)
    item.machine_cluster_id = waited_as
    library.tell(changes, item, Why("promoted", similarity, thresholds=thresholds), None, pinned=False)
