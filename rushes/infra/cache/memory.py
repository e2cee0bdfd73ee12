"""The embedding cache in this process: bounded by bytes, the longest unused goes first."""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final

from rushes.infra.cache.counts import CacheCounts, Counter

MAX_BYTES: Final = 256 * 1024**2
"""A quarter of a million vectors of 512 in float16; a share of a worker's memory that is not missed."""

_OVERHEAD_BYTES: Final = 200
"""Of one entry: key, dictionary slot and object headers."""


class MemoryCache:
    """EmbeddingCache over a dictionary. Thread-safe."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._size_bytes = 0
        self._values: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()
        self._counter = Counter()

    def get(self, keys: Sequence[str]) -> list[bytes | None]:
        with self._lock:
            found = [self._values.get(key) for key in keys]
            for key, value in zip(keys, found, strict=True):
                if value is not None:
                    self._values.move_to_end(key)
        self._counter.read(found)
        return found

    def put(self, items: Mapping[str, bytes]) -> None:
        with self._lock:
            for key, value in items.items():
                self._drop(key)
                self._values[key] = value
                self._size_bytes += len(value) + _OVERHEAD_BYTES
            while self._size_bytes > self._max_bytes:
                self._drop(next(iter(self._values)))
        self._counter.written(sum(map(len, items.values())))

    def delete(self, keys: Sequence[str]) -> bool:
        with self._lock:
            for key in keys:
                self._drop(key)
        return True

    @property
    def state(self) -> str:
        return "ok"

    @property
    def counts(self) -> CacheCounts:
        return self._counter.counts

    def close(self) -> None:
        with self._lock:
            self._values.clear()
            self._size_bytes = 0

    def _drop(self, key: str) -> None:
        value = self._values.pop(key, None)
        if value is not None:
            self._size_bytes -= len(value) + _OVERHEAD_BYTES
