"""What a cache did since it was opened: for metrics and for the line at the end of a run."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class CacheCounts:
    """`damaged`: values found not to be what was stored; they count as misses too. `skipped`: asked or given while the
    cache was away."""

    hits: int = 0
    misses: int = 0
    damaged: int = 0
    skipped: int = 0
    bytes_read: int = 0
    bytes_written: int = 0


@dataclass(slots=True)
class Counter:
    """Adds up counts from several threads."""

    counts: CacheCounts = CacheCounts()
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, values: Iterable[bytes | None], damaged: int = 0) -> None:
        sizes = [None if value is None else len(value) for value in values]
        hits = [size for size in sizes if size is not None]
        with self._lock:
            self.counts = replace(
                self.counts,
                hits=self.counts.hits + len(hits),
                misses=self.counts.misses + len(sizes) - len(hits),
                damaged=self.counts.damaged + damaged,
                bytes_read=self.counts.bytes_read + sum(hits),
            )

    def written(self, size_bytes: int) -> None:
        with self._lock:
            self.counts = replace(self.counts, bytes_written=self.counts.bytes_written + size_bytes)

    def skipped(self, keys: int) -> None:
        with self._lock:
            self.counts = replace(self.counts, skipped=self.counts.skipped + keys)
