"""The embedding cache in a folder: for `rushes run`, so that an interrupted run does not embed twice.

One SQLite file with a write-ahead log: what `put` returned from survives kill -9, and a process killed inside it
leaves the rest whole.
"""

import sqlite3
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import structlog

from rushes.infra.cache.counts import CacheCounts, Counter
from rushes.infra.cache.frame import seal, unseal

FILE_NAME: Final = "embeddings.sqlite3"

MAX_BYTES: Final = 4 * 1024**3
"""Two million frames with a scene and a face of 512 each."""

EVICTED_SHARE: Final = 0.1
"""Of the entries, the oldest, when the file is full."""

BUSY_S: Final = 0.2
"""Wait for another process that writes to the same folder; then the call counts as a miss."""

KEYS_PER_QUERY: Final = 500
"""SQLite takes 999 parameters in its oldest supported builds."""

_SCHEMA: Final = "CREATE TABLE IF NOT EXISTS entries (place INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, value BLOB)"

_log = structlog.get_logger(__name__)


class DiskCache:
    """EmbeddingCache in a folder. Thread-safe. A damaged file is set aside and begun anew."""

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        self._file = folder / FILE_NAME
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._counter = Counter()
        self._down: str | None = None
        self._database: sqlite3.Connection | None = None
        with self._lock:
            self._open()

    def get(self, keys: Sequence[str]) -> list[bytes | None]:
        stored: dict[str, bytes] = {}
        with self._lock:
            for start in range(0, len(keys), KEYS_PER_QUERY):
                stored |= self._select(list(keys[start : start + KEYS_PER_QUERY]))
        found = [unseal(key, stored[key]) if key in stored else None for key in keys]
        damaged = sum(key in stored and value is None for key, value in zip(keys, found, strict=True))
        self._counter.read(found, damaged)
        return found

    def put(self, items: Mapping[str, bytes]) -> None:
        with self._lock:
            if self._database is None:
                self._counter.skipped(len(items))
                return
            try:
                with self._database:
                    self._database.executemany(
                        "INSERT OR REPLACE INTO entries (key, value) VALUES (?, ?)",
                        [(key, seal(key, value)) for key, value in items.items()],
                    )
                    self._evict(self._database)
            except sqlite3.Error as error:
                self._counter.skipped(len(items))
                self._failed(error)
                return
            self._worked()
        self._counter.written(sum(map(len, items.values())))

    def delete(self, keys: Sequence[str]) -> bool:
        """Also their bytes in the file, as far as no other process reads it just now."""
        with self._lock:
            if self._database is None:
                self._counter.skipped(len(keys))
                return False
            try:
                with self._database:
                    self._database.executemany("DELETE FROM entries WHERE key = ?", [(key,) for key in keys])
                # The log still holds the pages as they were.
                self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            except sqlite3.Error as error:
                self._counter.skipped(len(keys))
                self._failed(error)
                return False
            self._worked()
        return True

    @property
    def state(self) -> str:
        return "ok" if self._down is None else f"down: {self._down}"

    @property
    def counts(self) -> CacheCounts:
        return self._counter.counts

    def close(self) -> None:
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None

    def _select(self, keys: list[str]) -> dict[str, bytes]:
        if self._database is None:
            self._counter.skipped(len(keys))
            return {}
        marks = ", ".join("?" * len(keys))
        try:
            # Only question marks are put into the text; the keys are parameters.
            rows = self._database.execute(f"SELECT key, value FROM entries WHERE key IN ({marks})", keys)  # noqa: S608
            found = {key: value for key, value in rows if isinstance(value, bytes)}
        except sqlite3.Error as error:
            self._counter.skipped(len(keys))
            self._failed(error)
            return {}
        self._worked()
        return found

    def _evict(self, database: sqlite3.Connection) -> None:
        pages, free, page_bytes = (
            int(database.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        if (pages - free) * page_bytes <= self._max_bytes:
            return
        first, last = database.execute("SELECT min(place), max(place) FROM entries").fetchone()
        database.execute("DELETE FROM entries WHERE place <= ?", (first + int((last - first) * EVICTED_SHARE),))

    def _open(self) -> None:
        """Open the file, or set a damaged one aside; where neither goes, the cache is down and says why."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._database = self._connect()
        except sqlite3.Error as error:
            self._failed(error)
        except OSError as error:
            self._warn_down(str(error))

    def _connect(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._file, timeout=BUSY_S, check_same_thread=False)
        try:
            database.execute("PRAGMA journal_mode = WAL")
            # Safe against the end of the process; after a crash of the machine the last entries may be lost.
            database.execute("PRAGMA synchronous = NORMAL")
            # What is deleted is overwritten: vectors of faces must not stay readable in free pages.
            database.execute("PRAGMA secure_delete = ON")
            database.execute(_SCHEMA)
            database.execute("SELECT key, value FROM entries LIMIT 1").fetchall()
        except sqlite3.Error:
            database.close()
            raise
        return database

    def _start_anew(self, damage: sqlite3.Error) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None
        _log.warning("embedding cache is damaged; begun anew", file=str(self._file), reason=str(damage))
        try:
            for end in ("", "-wal", "-shm"):
                self._file.with_name(self._file.name + end).unlink(missing_ok=True)
            self._database = self._connect()
        except (sqlite3.Error, OSError) as error:
            self._warn_down(str(error))

    def _failed(self, error: sqlite3.Error) -> None:
        """Replace a damaged file; a lock or a full disk is only noted, for it may pass."""
        # SQLite's own subclasses name locks, full disks and wrong use; damage comes as the class itself.
        if type(error) is sqlite3.DatabaseError:
            self._start_anew(error)
        else:
            self._warn_down(str(error))

    def _warn_down(self, reason: str) -> None:
        if self._down is None:
            _log.warning("embedding cache fails; going on without", file=str(self._file), reason=reason)
        self._down = reason

    def _worked(self) -> None:
        if self._down is not None:
            _log.warning("embedding cache is back", file=str(self._file))
        self._down = None
