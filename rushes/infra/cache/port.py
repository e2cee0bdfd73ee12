"""Port of the embedding cache. A cache may forget; it may never be wrong, and never slow its users down."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from rushes.infra.cache.counts import CacheCounts


class EmbeddingCache(Protocol):
    """Bytes by key. Keys hold library, content hash and model id. Never raises for an absent or slow server."""

    def get(self, keys: Sequence[str]) -> list[bytes | None]: ...

    def put(self, items: Mapping[str, bytes]) -> None: ...

    def delete(self, keys: Sequence[str]) -> bool:
        """Forget these keys. False where the cache is away: what it holds of them stays until it expires."""
        ...

    @property
    def state(self) -> str:
        """For log, metric and screen: `ok`, `down` (with the reason), or `off`."""
        ...

    @property
    def counts(self) -> CacheCounts:
        """What it did since it was opened."""
        ...

    def close(self) -> None: ...
