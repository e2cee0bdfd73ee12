"""What people said of an item, folded: where it is pinned, and what it is not.

Feedback is an immutable log; an undone feedback is no longer live, and what it had overruled holds again.
"""

from dataclasses import dataclass

from rushes.processors.clustering.items import HumanDecision, Item
from rushes.processors.clustering.library import Library
from rushes.schemas.ids import ClusterId
from rushes.schemas.revision import Revision


@dataclass(frozen=True, slots=True)
class Effective:
    """The sum of the live decisions on an item, the newest winning."""

    pinned: ClusterId | None
    rejected: frozenset[ClusterId]


NOTHING = Effective(None, frozenset())


def live(library: Library, item: Item) -> list[HumanDecision]:
    """Decisions on the item that nobody took back, in the order of the log."""
    return [decision for decision in item.human if library.feedback[decision.feedback_id].live]


def effective(library: Library, item: Item) -> Effective:
    """Fold the live decisions: a yes pins and lifts the no of the same cluster, a no forbids and lifts the pin."""
    if not item.human:
        return NOTHING
    pinned: ClusterId | None = None
    rejected: set[ClusterId] = set()
    for decision in live(library, item):
        if decision.action == "reject":
            rejected.add(decision.cluster_id)
            if pinned == decision.cluster_id:
                pinned = None
        else:
            pinned = decision.cluster_id
            rejected.discard(decision.cluster_id)
    return Effective(pinned, frozenset(rejected))


def newer_than(library: Library, item: Item, seen: Revision | None) -> HumanDecision | None:
    """A live decision on the item that whoever looked at revision `seen` could not have known."""
    if seen is None:
        return None
    return next((decision for decision in live(library, item) if decision.revision > seen), None)
