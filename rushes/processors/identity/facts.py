"""Hard facts about items: what cannot be one identity, what must be, and what a person said.

Items of one frame are different. Items of one tracklet are the same: a *unit*. Where an item of a tracklet shares a
frame with another of it, the frame is believed: the later item stands alone, and this is noted.
"""

from collections import defaultdict
from dataclasses import dataclass


class Contradiction(ValueError):
    """A mutation that a hard fact forbids; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Dispute:
    """A tracklet that could not be believed for one item, and what it stood against."""

    item: int
    tracklet: int
    against: str


class Facts:
    """Frames, tracklets, pins and rejections of items; knows no vectors and no clusters' members."""

    def __init__(self) -> None:
        self.changes = 0
        """Counts what may alter a plan: pins, rejections, removals, disputes."""
        self.disputes: list[Dispute] = []
        self._frame: dict[int, int] = {}
        self._in_frame: dict[int, set[int]] = defaultdict(set)
        self._tracklet: dict[int, int] = {}
        self._in_tracklet: dict[int, set[int]] = defaultdict(set)
        self._pin: dict[int, int] = {}
        self._pinned_to: dict[int, set[int]] = defaultdict(set)
        self._rejected: dict[int, set[int]] = defaultdict(set)
        self._rejected_from: dict[int, set[int]] = defaultdict(set)

    def add(self, item: int, frame: int, tracklet: int | None) -> None:
        """Register an item."""
        mates = set() if tracklet is None else self._in_tracklet[tracklet]
        self._frame[item] = frame
        self._in_frame[frame].add(item)
        if tracklet is None:
            return
        if mates & self._in_frame[frame]:
            self._dispute(item, tracklet, "its frame")
            return
        self._tracklet[item] = tracklet
        mates.add(item)
        pin = self.unit_pin(item)
        if pin is not None and any(self.unit_pin(mate) == pin for mate in self.apart((item,))):
            self._disbelieve(item)

    def remove(self, item: int) -> None:
        """Forget an item."""
        self.changes += 1
        frame = self._frame.pop(item)
        self._in_frame[frame].discard(item)
        if not self._in_frame[frame]:
            del self._in_frame[frame]
        self._leave_tracklet(item)
        self.unpin(item)
        for cluster in self._rejected.pop(item, set()):
            self._rejected_from[cluster].discard(item)

    def unit(self, item: int) -> tuple[int, ...]:
        """The item and all that must be where it is, in order of arrival."""
        tracklet = self._tracklet.get(item)
        return (item,) if tracklet is None else tuple(sorted(self._in_tracklet[tracklet]))

    def frame_mates(self, item: int) -> set[int]:
        """The other items of the item's frame."""
        return self._in_frame[self._frame[item]] - {item}

    def frame(self, item: int) -> int:
        return self._frame[item]

    def apart(self, unit: tuple[int, ...]) -> set[int]:
        """Items that cannot be one with any of these."""
        return {mate for item in unit for mate in self.frame_mates(item)}

    def rivals(self, unit: tuple[int, ...]) -> list[tuple[int, ...]]:
        """Units that cannot be one with this one, each once."""
        seen: set[int] = set()
        found = []
        for mate in sorted(self.apart(unit)):
            if mate not in seen:
                found.append(self.unit(mate))
                seen.update(found[-1])
        return found

    def pinned(self, item: int) -> int | None:
        """The cluster that a person put this very item into."""
        return self._pin.get(item)

    def unit_pin(self, item: int) -> int | None:
        """The cluster that a person put the item's unit into."""
        for mate in self.unit(item):
            if mate in self._pin:
                return self._pin[mate]
        return None

    def pinned_to(self, cluster: int) -> frozenset[int]:
        """Items that people put into a cluster."""
        return frozenset(self._pinned_to.get(cluster, ()))

    def is_spoken_of(self, cluster: int) -> bool:
        """Whether a person put something into the cluster, or said that something does not belong to it: while it has
        members it stays a cluster, however few, or that word would be about nothing.
        """
        return bool(self._pinned_to.get(cluster)) or bool(self._rejected_from.get(cluster))

    def spoken_items(self) -> list[int]:
        """Items that people pinned or rejected, in order of arrival."""
        return sorted(self._pin.keys() | {item for item, clusters in self._rejected.items() if clusters})

    def rejected_alone(self, item: int) -> list[int]:
        """Clusters that a person said this very item does not belong to, oldest first."""
        return sorted(self._rejected.get(item, ()))

    def rejected_from(self, cluster: int) -> frozenset[int]:
        """Items that a person said do not belong to a cluster."""
        return frozenset(self._rejected_from.get(cluster, ()))

    def rejected(self, item: int) -> set[int]:
        """Clusters that a person said the item, or one of its unit, does not belong to."""
        return {cluster for mate in self.unit(item) for cluster in self._rejected.get(mate, ())}

    def pin(self, item: int, cluster: int) -> None:
        """A person's word. Raises Contradiction where the item is rejected from there, or a frame mate pinned there;
        an item whose tracklet cannot come along leaves its tracklet.
        """
        if cluster in self._rejected.get(item, ()):
            raise Contradiction(f"item {item} was rejected from cluster {cluster}")
        if self.frame_mates(item) & self._pinned_to.get(cluster, set()):
            raise Contradiction(f"an item of the frame of {item} is pinned to cluster {cluster}")
        self.unpin(item)
        for mate in sorted(self.frame_mates(item)):
            if self.unit_pin(mate) == cluster:
                self._disbelieve(mate)
        unit = self.unit(item)
        if (
            {self._pin[mate] for mate in unit if mate in self._pin} - {cluster}
            or cluster in self.rejected(item)
            or any(self.unit_pin(mate) == cluster for mate in self.apart(unit))
        ):
            self._disbelieve(item)
        self._pin[item] = cluster
        self._pinned_to[cluster].add(item)
        self.changes += 1

    def unpin(self, item: int) -> None:
        """Take a person's word back."""
        cluster = self._pin.pop(item, None)
        if cluster is None:
            return
        self.changes += 1
        self._pinned_to[cluster].discard(item)
        if not self._pinned_to[cluster]:
            del self._pinned_to[cluster]

    def reject(self, item: int, cluster: int) -> None:
        """A person said: not this one. Raises Contradiction where the item is pinned there; where another of its unit
        is, the item leaves its tracklet.
        """
        if self._pin.get(item) == cluster:
            raise Contradiction(f"item {item} is pinned to cluster {cluster}")
        if self.unit_pin(item) == cluster:
            self._disbelieve(item)
        self._rejected[item].add(cluster)
        self._rejected_from[cluster].add(item)
        self.changes += 1

    def unreject(self, item: int, cluster: int) -> None:
        """Take a rejection back."""
        self._rejected[item].discard(cluster)
        self._rejected_from[cluster].discard(item)
        self.changes += 1

    def _leave_tracklet(self, item: int) -> None:
        tracklet = self._tracklet.pop(item, None)
        if tracklet is None:
            return
        self._in_tracklet[tracklet].discard(item)
        if not self._in_tracklet[tracklet]:
            del self._in_tracklet[tracklet]

    def _disbelieve(self, item: int) -> None:
        tracklet = self._tracklet.get(item)
        if tracklet is not None:
            self._leave_tracklet(item)
            self._dispute(item, tracklet, "a person's word")

    def _dispute(self, item: int, tracklet: int, against: str) -> None:
        self.disputes.append(Dispute(item, tracklet, against))
        self.changes += 1
