"""What the embedding cache did is told to Prometheus, as the cache itself counts it."""

import fakeredis
from prometheus_client import generate_latest

from rushes.infra.cache.memory import MemoryCache
from rushes.infra.cache.redis import KEY_PREFIX, RedisCache
from rushes.infra.metrics import Metrics


def sample(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_hits_misses_and_bytes_are_counted_at_each_scrape():
    metrics, cache = Metrics(), MemoryCache()
    metrics.watch_cache(lambda: cache.counts)
    cache.put({"a": b"12345"})
    cache.get(["a", "b", "c"])
    assert sample(metrics, "rushes_cache_lookups_total", result="hits") == 1
    assert sample(metrics, "rushes_cache_lookups_total", result="misses") == 2
    assert sample(metrics, "rushes_cache_bytes_total", way="read") == 5
    assert sample(metrics, "rushes_cache_bytes_total", way="written") == 5
    cache.get(["a"])
    assert sample(metrics, "rushes_cache_lookups_total", result="hits") == 2
    assert b"rushes_cache_lookups_total" in generate_latest(metrics.registry)


def test_a_cache_that_is_away_or_damaged_shows():
    server = fakeredis.FakeServer()
    client = fakeredis.FakeRedis(server=server)
    metrics, cache = Metrics(), RedisCache(client, ttl_s=60)
    metrics.watch_cache(lambda: cache.counts)
    client.set(KEY_PREFIX + "a", b"other bytes")
    assert cache.get(["a"]) == [None]
    server.connected = False
    assert cache.get(["b"]) == [None]
    assert sample(metrics, "rushes_cache_lookups_total", result="damaged") == 1
    assert sample(metrics, "rushes_cache_lookups_total", result="skipped") == 1
    assert sample(metrics, "rushes_cache_lookups_total", result="misses") == 2
