"""The seam between a library's state and the policy that decides in it: one object for each kind.

The state says who is where and keeps the records; the rules of a kind own how an item finds its cluster on arrival,
what it is scored by, and what is looked at again later. They are told of every change of membership, whoever made it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from rushes.processors.clustering.scoring import Score
from rushes.schemas.decisions import Decision

if TYPE_CHECKING:  # the state holds its rules, and the rules act on the state
    from rushes.processors.clustering.items import Changes, Cluster, Item
    from rushes.processors.clustering.library import Library


class Rules(Protocol):
    """Arrival, score and consolidation of one kind in a library."""

    @property
    def policy(self) -> str:
        """Name of the policy, as records tell it."""
        ...

    def may_found(self, quality: float) -> bool:
        """Whether an item of this quality may be the first of a cluster."""
        ...

    def wait(self, item: "Item") -> None:
        """The item waits in no cluster."""
        ...

    def join(self, item: "Item", cluster: "Cluster") -> None:
        """The item is a member of the cluster, which counts it already."""
        ...

    def leave(self, item: "Item", cluster: "Cluster | None") -> None:
        """The item is where it was no more: in the cluster, which counts it no more, or waiting (None)."""
        ...

    def nearest(self, item: "Item") -> Sequence[Score]:
        """The clusters nearest to an item, best first."""
        ...

    def decide(self, library: "Library", changes: "Changes", items: "Sequence[Item]", said: Decision | None) -> None:
        """Decide items that are nowhere, all of one frame, and tell it. `said`: the word of the record, where a
        person's correction is what set them free.
        """
        ...
