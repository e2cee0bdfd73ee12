"""After a partition changed hands its old owner may still write: told once more, when that can be no longer.

Neither Milvus nor a plain Kafka producer fences. An owner that was cut off finds out within the session time-out, and
what it had sent off by then may land until its calls time out. Its records are of revisions that the new owner wrote
too, so a reader that takes the highest revision is never wrong; but a late one may stand last in a compacted topic, or
over a newer row. Whoever takes over therefore keeps what it tells until that time is over, then has the store verified
and tells the newest of it again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from rushes.processors.clustering.items import Changes
from rushes.schemas.ids import LibraryId


@dataclass(slots=True)
class _Takeover:
    over_at: float
    told: dict[LibraryId, Changes] = field(default_factory=dict)


class Takeovers:
    """Partitions whose old owner may be writing yet. `monotonic` in seconds; `late_s`: how long, from the assignment,
    a write of the old owner can be on its way.
    """

    def __init__(self, monotonic: Callable[[], float], late_s: float) -> None:
        self._monotonic = monotonic
        self._late_s = late_s
        self._ours: frozenset[int] = frozenset()
        self._running: dict[int, _Takeover] = {}

    def assigned(self, partitions: frozenset[int]) -> None:
        """All partitions that are ours now; those that were not before have changed hands."""
        over_at = self._monotonic() + self._late_s
        self.revoked(self._ours - partitions)
        for partition in partitions - self._ours:
            self._running[partition] = _Takeover(over_at)
        self._ours = partitions

    def revoked(self, partitions: frozenset[int]) -> None:
        """These are somebody else's."""
        self._ours -= partitions
        for partition in partitions:
            self._running.pop(partition, None)

    def told(self, partition: int, library_id: LibraryId, changes: Changes) -> None:
        """Note what is told: of these keys the old owner may have told something too."""
        takeover = self._running.get(partition)
        if takeover is not None:
            takeover.told.setdefault(library_id, Changes()).merge(changes)

    @property
    def running(self) -> bool:
        """Whether an old owner of some partition may be writing yet."""
        return bool(self._running)

    def over(self) -> dict[LibraryId, Changes]:
        """What to tell again, and of which libraries the store is to be verified; each takeover once."""
        now = self._monotonic()
        result: dict[LibraryId, Changes] = {}
        for partition, takeover in list(self._running.items()):
            if now >= takeover.over_at:
                del self._running[partition]
                result.update(takeover.told)
        return result
