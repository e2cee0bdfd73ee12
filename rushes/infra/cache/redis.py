"""The embedding cache on Redis, shared by workers. Away or slow, it costs one short wait, and then nothing."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, Literal, Protocol, TypeVar, cast

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from rushes.infra.cache.counts import CacheCounts, Counter
from rushes.infra.cache.frame import seal, unseal
from rushes.infra.settings import RedisSettings
from rushes.schemas.errors import ConfigurationError

KEY_PREFIX: Final = "rushes:cache:"
"""Before every key, so that the server may be shared."""

CONNECT_TIMEOUT_S: Final = 0.2
"""Worst case of a host that drops packets; a refused connection costs 0.3 ms."""

COOL_S: Final = 5.0
"""Time without a call after one failed: a frozen server costs its 0.25 s once in that time, 5 % at worst."""

HEALTH_CHECK_S: Final = 15
"""Idle time after which a connection is tried by PING before its use."""

KEYS_PER_CALL: Final = 64
"""MGET of 64 keys takes 0.06 ms, of 256 0.5 ms: smaller calls hold the server less, at the same cost per key."""

BYTES_PER_CALL: Final = 4 * 1024**2
"""Written in one call; 4 MB take 40 ms over a network of 1 Gbit/s, well under the time-out."""

BUDGET_S: Final = 1.0
"""For one batch of gets, puts or deletions over several calls; 1,000 keys take 25 ms."""

Operation = Literal["get", "put", "delete"]

_log = structlog.get_logger(__name__)
_T = TypeVar("_T")


class Pipeline(Protocol):
    """Commands sent together."""

    def set(self, name: str, value: bytes, ex: int) -> object: ...
    def execute(self) -> list[object]: ...


class Client(Protocol):
    """The part of redis.Redis used here."""

    def mget(self, keys: list[str]) -> list[bytes | None]: ...
    def unlink(self, *names: str) -> int: ...
    def pipeline(self, transaction: bool = True) -> Pipeline: ...
    def close(self) -> None: ...


class RedisCache:
    """EmbeddingCache on Redis. Thread-safe. A failed call opens the circuit for `COOL_S`; then one call tries again."""

    def __init__(self, client: Client, ttl_s: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._ttl_s = ttl_s
        self._clock = clock
        self._lock = threading.Lock()
        self._open_until = 0.0
        self._down: str | None = None
        self._refused: dict[Operation, str] = {}
        self._counter = Counter()

    def get(self, keys: Sequence[str]) -> list[bytes | None]:
        started = self._clock()
        found: list[bytes | None] = []
        damaged = 0
        for start in range(0, len(keys), KEYS_PER_CALL):
            chunk = list(keys[start : start + KEYS_PER_CALL])
            stored = self._call("get", partial(self._client.mget, [KEY_PREFIX + key for key in chunk]), len(chunk))
            for key, value in zip(chunk, stored or [None] * len(chunk), strict=True):
                opened = None if value is None else unseal(key, value)
                damaged += value is not None and opened is None
                found.append(opened)
            self._hold_to_budget(started)
        self._counter.read(found, damaged)
        return found

    def put(self, items: Mapping[str, bytes]) -> None:
        started = self._clock()
        for chunk in _chunks(items):
            if self._call("put", partial(self._write, chunk), len(chunk)) is not None:
                self._counter.written(sum(len(value) for _, value in chunk))
            self._hold_to_budget(started)

    def delete(self, keys: Sequence[str]) -> bool:
        started = self._clock()
        deleted = True
        for start in range(0, len(keys), KEYS_PER_CALL):
            chunk = [KEY_PREFIX + key for key in keys[start : start + KEYS_PER_CALL]]
            deleted &= self._call("delete", partial(self._client.unlink, *chunk), len(chunk)) is not None
            self._hold_to_budget(started)
        return deleted

    @property
    def state(self) -> str:
        with self._lock:
            reasons = (
                [self._down] if self._down else [f"refuses to {name}: {why}" for name, why in self._refused.items()]
            )
        return f"down: {'; '.join(reasons)}" if reasons else "ok"

    @property
    def counts(self) -> CacheCounts:
        return self._counter.counts

    def close(self) -> None:
        self._client.close()

    def _write(self, chunk: Sequence[tuple[str, bytes]]) -> list[object]:
        pipeline = self._client.pipeline(transaction=False)
        for key, value in chunk:
            pipeline.set(KEY_PREFIX + key, seal(key, value), ex=self._ttl_s)
        return pipeline.execute()

    def _call(self, operation: Operation, command: Callable[[], _T], keys: int) -> _T | None:
        """The command's answer; None where the circuit is open, or it failed."""
        if not self._may_try():
            self._counter.skipped(keys)
            return None
        try:
            answer = command()
        except ResponseError as error:
            # It answers, and quickly: no reason to leave off what works, such as reading where memory is full.
            self._answered(operation, refusal=str(error))
        except (RedisError, OSError) as error:
            self._failed(f"{type(error).__name__}: {error}")
        else:
            self._answered(operation, refusal=None)
            return answer
        self._counter.skipped(keys)
        return None

    def _may_try(self) -> bool:
        with self._lock:
            if self._down is None:
                return True
            if self._clock() < self._open_until:
                return False
            # One call tries whether it is back; the others go on without it meanwhile.
            self._open_until = self._clock() + COOL_S
            return True

    def _answered(self, operation: Operation, refusal: str | None) -> None:
        with self._lock:
            was_down, self._down = self._down, None
            was_refused = self._refused.pop(operation, None)
            if refusal is not None:
                self._refused[operation] = refusal
        if was_down is not None:
            _log.warning("embedding cache is back")
        if refusal is not None and was_refused is None:
            _log.warning("embedding cache refuses; going on without", operation=operation, reason=refusal)

    def _failed(self, reason: str) -> None:
        with self._lock:
            was_down, self._down = self._down, reason
            self._open_until = self._clock() + COOL_S
        if was_down is None:
            _log.warning(
                "embedding cache is down; going on without, embeddings are computed again",
                reason=reason,
                retry_every_s=COOL_S,
            )

    def _hold_to_budget(self, started: float) -> None:
        """A server that answers each call just in time must not hold up a batch of many calls."""
        took_s = self._clock() - started
        if took_s > BUDGET_S and self._may_try():
            self._failed(f"too slow: {took_s:.1f} s for one batch")


def open_redis(settings: RedisSettings) -> RedisCache:
    """The cache on the server of `settings.url`; connects on first use. Raises ConfigurationError for a wrong url."""
    if settings.url is None:
        raise ConfigurationError("redis.url must name a server, such as redis://127.0.0.1:6379/0, found none")
    try:
        client = Redis.from_url(
            settings.url,
            socket_connect_timeout=min(CONNECT_TIMEOUT_S, settings.timeout_s),
            socket_timeout=settings.timeout_s,
            # redis-py's own retries take 4 to 6 s a call while the server is down or frozen.
            retry=Retry(NoBackoff(), 0),
            health_check_interval=HEALTH_CHECK_S,
        )
    except ValueError as error:
        raise ConfigurationError(f"redis.url must look like redis://host:6379/0: {error}") from error
    return RedisCache(cast("Client", client), settings.ttl_s)


def _chunks(items: Mapping[str, bytes]) -> Iterator[list[tuple[str, bytes]]]:
    """Items in calls of at most KEYS_PER_CALL and, but for single larger ones, BYTES_PER_CALL."""
    chunk: list[tuple[str, bytes]] = []
    size_bytes = 0
    for key, value in items.items():
        if chunk and (len(chunk) == KEYS_PER_CALL or size_bytes + len(value) > BYTES_PER_CALL):
            yield chunk
            chunk, size_bytes = [], 0
        chunk.append((key, value))
        size_bytes += len(value)
    if chunk:
        yield chunk
