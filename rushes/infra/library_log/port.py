"""Port of the library's log: the one order of everything that can alter a decision."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from rushes.schemas.ids import LibraryId
from rushes.schemas.log import LogEntry


@dataclass(frozen=True, slots=True, order=True)
class LogPosition:
    """Place of an entry. Offsets of different partitions are never compared."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class LogRecord:
    """An entry at its place. `entry` is None where the bytes there are no entry (they are skipped by every reader)."""

    position: LogPosition
    entry: LogEntry | None


class LibraryLog(Protocol):
    """Append-only; entries of one library lie in one partition for ever, in the order of their appends."""

    def partition_of(self, library_id: LibraryId) -> int:
        """The library's partition, chosen on the first call and the same for every writer ever after."""
        ...

    def append(self, entries: Sequence[LogEntry]) -> list[LogPosition]:
        """Durable when it returns. Raises DependencyUnavailable; then any prefix per library may have been written,
        and a retry appends it again (readers count an entry_id once)."""
        ...

    def read(self, partition: int, start: int = 0, until: int | None = None) -> Iterator[LogRecord]:
        """Records of a partition from offset `start` (or the first kept) up to, not including, `until`
        (default: the end at the time of the call). Offsets may have gaps."""
        ...

    def close(self) -> None: ...
