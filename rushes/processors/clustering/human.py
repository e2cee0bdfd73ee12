"""What people said of an item, folded: where it is pinned, and what it is not.

Feedback is an immutable log; an undone feedback is no longer live, and what it had overruled holds again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rushes.processors.clustering.items import HumanDecision, Item
from rushes.processors.clustering.library import Library
from rushes.schemas.decisions import Decision
from rushes.schemas.ids import ClusterId
from rushes.schemas.revision import Revision

WORD: Final[dict[str, Decision]] = {"move": "moved", "confirm": "confirmed", "reject": "rejected"}
"""What a record says where a person's action was carried out."""


@dataclass(frozen=True, slots=True)
class Effective:
    """The sum of the live decisions on an item, the newest winning. `word` is that of the decision that pins it."""

    pinned: ClusterId | None
    rejected: frozenset[ClusterId]
    word: Decision | None = None


NOTHING = Effective(None, frozenset())


def live(library: Library, item: Item) -> list[HumanDecision]:
    """Decisions on the item that nobody took back, in the order of the log."""
    return [decision for decision in item.human if library.feedback[decision.feedback_id].live]


def effective(library: Library, item: Item) -> Effective:
    """Fold the live decisions: a yes pins and lifts the no of the same cluster, a no forbids and lifts the pin.

    Two things in one frame are not one: of two pinned to the same cluster the newer decision holds, and the other
    comes into force again when that one goes.
    """
    if not item.human:
        return NOTHING
    pin, rejected = _own(library, item)
    if pin is not None and item.kind != "scene":
        for mate in mates(library, item):
            theirs, _ = _own(library, mate)
            if theirs is None or theirs.revision <= pin.revision:
                continue
            if library.resolve(theirs.cluster_id) == library.resolve(pin.cluster_id):
                return Effective(None, rejected)
    if pin is None:
        return Effective(None, rejected)
    return Effective(library.resolve(pin.cluster_id), rejected, WORD[pin.action])


def mates(library: Library, item: Item) -> Iterator[Item]:
    """The other items of its kind in its frame."""
    for other_id, kind in list(library.frames[item.frame_id].items.items()):
        if kind == item.kind and other_id != item.item_id:
            yield library.items[other_id]


def newer_than(
    library: Library, item: Item, seen: Revision | None, until: Revision | None = None
) -> HumanDecision | None:
    """A live decision on the item that whoever looked at revision `seen` could not have known; of those before
    `until`, the place in the log of what this person said.
    """
    if seen is None:
        return None
    return next(
        (one for one in live(library, item) if one.revision > seen and (until is None or one.revision < until)), None
    )


def _own(library: Library, item: Item) -> tuple[HumanDecision | None, frozenset[ClusterId]]:
    pin: HumanDecision | None = None
    rejected: set[ClusterId] = set()
    for decision in live(library, item):
        cluster_id = library.resolve(decision.cluster_id)
        if decision.action == "reject":
            rejected.add(cluster_id)
            if pin is not None and library.resolve(pin.cluster_id) == cluster_id:
                pin = None
        else:
            pin = decision
            rejected.discard(cluster_id)
    return pin, frozenset(rejected)
