"""Which embedding cache the settings ask for."""

from pathlib import Path

from rushes.infra.cache.disk import DiskCache
from rushes.infra.cache.memory import MemoryCache
from rushes.infra.cache.port import EmbeddingCache
from rushes.infra.settings import RedisSettings


def open_cache(settings: RedisSettings, folder: Path | None = None) -> EmbeddingCache:
    """Redis where a url is set, else a folder where one is given, else this process' memory.

    Raises ConfigurationError for a url that is none; a server that is away is no error.
    """
    if settings.url is not None:
        from rushes.infra.cache.redis import open_redis  # noqa: PLC0415 - imports the client only where it is used

        return open_redis(settings)
    return DiskCache(folder) if folder is not None else MemoryCache()
