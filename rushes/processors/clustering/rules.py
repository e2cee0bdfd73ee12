"""The seam between a library's state and the policy that decides in it: one object for each kind.

The state says who is where and keeps the records; the rules of a kind own how an item finds its cluster on arrival,
what it is scored by, and what is looked at again later. They are told of every change of membership, whoever made it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from rushes.processors.clustering.scoring import Score, Vec16
from rushes.schemas.decisions import Decision, MergeProposal
from rushes.schemas.ids import ClusterId

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

    def expect(self, vectors: Vec16) -> None:
        """Items of these vectors, (n, d), arrive next, and may be compared together; none ends it. Decides nothing."""
        ...

    # -- told of every change of membership

    def wait(self, item: "Item") -> None:
        """The item waits in no cluster."""
        ...

    def join(self, item: "Item", cluster: "Cluster") -> None:
        """The item is a member of the cluster, which counts it already."""
        ...

    def leave(self, item: "Item", cluster: "Cluster | None") -> None:
        """The item is where it was no more: in the cluster, which counts it no more, or waiting (None)."""
        ...

    def forget(self, item: "Item") -> None:
        """The item is nowhere, and gone for good."""
        ...

    def begin(self, library: "Library", changes: "Changes", items: "Sequence[Item]") -> None:
        """Take over items, oldest first, that another policy left where they are."""
        ...

    # -- decisions, each of which tells what it changed

    def decide(self, library: "Library", changes: "Changes", items: "Sequence[Item]", said: Decision | None) -> None:
        """Decide items that are nowhere, all of one frame. `said`: the word of the record, where a person's correction
        is what set them free.
        """
        ...

    def promote(self, library: "Library", changes: "Changes", item: "Item") -> None:
        """A person named the cluster that an item waits to found: it founds it."""
        ...

    def settle(self, library: "Library", changes: "Changes", item: "Item", word: Decision) -> None:
        """What people say of an item changed: settle it, who is in its way, and who gave way for it."""
        ...

    def vacated(self, library: "Library", changes: "Changes", item: "Item", left: ClusterId, word: Decision) -> None:
        """An item that was dropped left a cluster: who had given way for it may come back."""
        ...

    def seen_anew(self, library: "Library", changes: "Changes", item: "Item") -> None:
        """A known item was recognised in a new version of its media: its tracklet is another one."""
        ...

    def consolidate(self, library: "Library", changes: "Changes", operations: int | None) -> None:
        """Look again at what was decided one by one: for this many operations, or (None) until nothing is left."""
        ...

    def request(self) -> None:
        """All work is asked for: `consolidate` has something to do until none is left."""
        ...

    def due(self) -> bool:
        """Whether `consolidate` has something to do, by what has come since."""
        ...

    def empty(self) -> bool:
        """Whether nothing is kept of any item."""
        ...

    # -- figures for records

    def nearest(self, library: "Library", item: "Item") -> Sequence[Score]:
        """The clusters nearest to an item, best first."""
        ...

    def probability(self, similarity: float) -> float | None:
        """That two things of this similarity are one; None where the policy knows none."""
        ...

    def proposals(self, cluster: "Cluster") -> tuple[MergeProposal, ...]:
        """Merges with this cluster that a person should look at."""
        ...
