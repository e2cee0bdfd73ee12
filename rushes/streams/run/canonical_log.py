"""The journal in canonical order: media by path, shots by time, whatever order the work before ended in.

Entries of a media wait until every media before it is through. Nothing before the journal is durable in one-process
mode, so an entry that waits is lost with the process, and made again by the next run.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence

from rushes.infra.library_log.port import LibraryLog, LogPosition, LogRecord
from rushes.schemas.ids import LibraryId
from rushes.schemas.log import ItemsEmbedded, LogEntry, MediaTotals

WAITING = LogPosition(0, -1)
"""The position of an entry that is not in the journal yet, or was there before."""


class CanonicalLog:
    """A `LibraryLog` whose appends are written in the order of the media that were announced.

    `known` are the ids of the entries that are in the journal already: they are not written again.
    `on_written` is called after each write, from the thread that appended.
    """

    def __init__(self, journal: LibraryLog, known: Iterable[str], on_written: Callable[[], None]) -> None:
        self._journal = journal
        self._known = set(known)
        self._on_written = on_written
        self._lock = threading.Lock()
        self._order: list[str] = []
        self._announced: set[str] = set()
        self._due: set[str] = set()
        self._head = 0
        self._waiting: dict[str, list[LogEntry]] = {}
        self._ended: set[str] = set()

    def announce(self, media_ids: Iterable[str]) -> None:
        """These media come next, in this order."""
        with self._lock:
            fresh = [media_id for media_id in media_ids if media_id not in self._announced]
            self._order.extend(fresh)
            self._announced.update(fresh)
            self._due.update(fresh)

    def end(self, media_id: str) -> None:
        """Nothing more comes of this media: it failed before its totals."""
        with self._lock:
            self._ended.add(media_id)
            self._release()

    def partition_of(self, library_id: LibraryId) -> int:
        return self._journal.partition_of(library_id)

    def append(self, entries: Sequence[LogEntry]) -> list[LogPosition]:
        """Write what is due, keep the rest. Where a media's turn is over, or never was, its entries are due at once."""
        with self._lock:
            for entry in entries:
                if isinstance(entry, ItemsEmbedded | MediaTotals) and entry.media_id in self._due:
                    self._waiting.setdefault(entry.media_id, []).append(entry)
                else:
                    self._write([entry])
            self._release()
        return [WAITING] * len(entries)

    def read(self, partition: int, start: int = 0, until: int | None = None) -> Iterator[LogRecord]:
        return self._journal.read(partition, start, until)

    def close(self) -> None:
        self._journal.close()

    def _release(self) -> None:
        due: list[LogEntry] = []
        while self._head < len(self._order):
            media_id = self._order[self._head]
            entries = self._waiting.pop(media_id, [])
            due.extend(entries)
            through = any(isinstance(entry, MediaTotals) and entry.final for entry in entries)
            if not through and media_id not in self._ended:
                break
            self._head += 1
            self._due.discard(media_id)
        self._write(due)

    def _write(self, entries: Sequence[LogEntry]) -> None:
        fresh = {entry.entry_id: entry for entry in entries if entry.entry_id not in self._known}
        if fresh:
            self._journal.append(list(fresh.values()))
            self._known.update(fresh)
            self._on_written()
