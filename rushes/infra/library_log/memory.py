"""A log in memory: for tests and tools. It keeps bytes, so that what is read back went through the wire format."""

import threading
from collections.abc import Iterator, Sequence

from rushes.infra.library_log.codec import decode_record, encode_entry
from rushes.infra.library_log.partitioning import preferred_partition
from rushes.infra.library_log.port import LogPosition, LogRecord
from rushes.schemas.errors import ConfigurationError
from rushes.schemas.ids import LibraryId
from rushes.schemas.log import LogEntry


class MemoryLibraryLog:
    """Lives as long as the object; several writers share it. Safe to use from several threads."""

    def __init__(self, partitions: int = 1) -> None:
        self._lock = threading.Lock()
        self._records: list[list[bytes]] = [[] for _ in range(partitions)]
        self._places: dict[str, int] = {}

    def grow(self, partitions: int) -> None:
        """Room for new libraries; those that are here stay where they are."""
        with self._lock:
            self._records.extend([] for _ in range(partitions - len(self._records)))

    def partition_of(self, library_id: LibraryId) -> int:
        with self._lock:
            return self._place(library_id)

    def append(self, entries: Sequence[LogEntry]) -> list[LogPosition]:
        values = [encode_entry(entry) for entry in entries]
        positions = []
        with self._lock:
            for entry, value in zip(entries, values, strict=True):
                partition = self._place(entry.library_id)
                positions.append(LogPosition(partition, len(self._records[partition])))
                self._records[partition].append(value)
        return positions

    def read(self, partition: int, start: int = 0, until: int | None = None) -> Iterator[LogRecord]:
        with self._lock:
            if partition not in range(len(self._records)):
                raise ConfigurationError(f"expected a partition below {len(self._records)}, found {partition}")
            values = self._records[partition][start:until]
        return (
            decode_record("memory", LogPosition(partition, offset), value) for offset, value in enumerate(values, start)
        )

    def close(self) -> None:
        """Nothing to release: other writers may go on."""

    def _place(self, library_id: str) -> int:
        return self._places.setdefault(library_id, preferred_partition(library_id, len(self._records)))
