"""What this process knows to be in the store: hashes of rows it wrote, so that unchanged rows aren't written again."""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from rushes.infra.store.rows import StoredRow

MAX_KNOWN: Final = 100_000
"""Rows remembered, 250 bytes each: 25 MB. A forgotten row is only written once more."""


class KnownRows:
    """Hashes by collection, library and key, bounded: the library longest unused is forgotten first. Thread-safe."""

    def __init__(self, limit: int = MAX_KNOWN) -> None:
        self._limit = limit
        self._count = 0
        self._hashes: OrderedDict[tuple[str, str], dict[str, str]] = OrderedDict()
        self._lock = threading.Lock()

    def unchanged(self, collection: str, row: StoredRow) -> bool:
        """Whether the row, as it is, was the last one written under its key."""
        with self._lock:
            return self._hashes.get((collection, row.library_id), {}).get(row.key) == row.content_hash

    def remember(self, collection: str, rows: Iterable[StoredRow]) -> None:
        with self._lock:
            for row in rows:
                group = self._hashes.setdefault((collection, row.library_id), {})
                self._hashes.move_to_end((collection, row.library_id))
                self._count += row.key not in group
                group[row.key] = row.content_hash
                while self._count > self._limit:
                    self._count -= len(self._hashes.popitem(last=False)[1])

    def forget(self, collection: str, library_id: str | None = None) -> None:
        """Forget a library's rows, or all of a collection: what is there is to be read, or is in doubt."""
        with self._lock:
            doubted = [key for key in self._hashes if key[0] == collection and library_id in {None, key[1]}]
            for key in doubted:
                self._count -= len(self._hashes.pop(key))
