"""Port of the engine: what the runner asks of Kafka, whichever client does it.

An engine delivers batches of records to handlers, acknowledges what they settled, and publishes messages. It never
commits past a record that is not settled, and it finishes, commits and only then gives partitions away.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from rushes.schemas.envelope import Headers, Record

TopicPartition = tuple[str, int]
"""(topic, partition)."""

Settle = Callable[[Record], None]
"""Says that one record of the batch in hand is settled: it may be acknowledged while the others go on."""

Handler = Callable[[Sequence[Record], Settle], Awaitable[None]]
"""Takes a batch; when it returns, all its records are settled. When it raises, the engine fails with that error and
nothing that was not settled is acknowledged. It is cancelled when a drain takes too long."""

RebalanceHook = Callable[[frozenset[TopicPartition]], Awaitable[None]]


async def ignore_rebalance(partitions: frozenset[TopicPartition]) -> None:
    """The hook of a subscription that keeps nothing per partition."""


@dataclass(frozen=True, slots=True)
class Message:
    """One record to publish. `partition` None: by the key, as the Java client does it."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class Subscription:
    """A consumer group's work: records of these topics, in batches, one batch at a time.

    `name` is the role; with the settings' group prefix it names the consumer group. A batch holds at most `batch_max`
    records and is handed over at most `batch_within_s` after its first one. `on_assigned` gets the whole set that is
    ours now and ends before a batch of it begins; `on_revoked` gets what was ours, after what ran is committed.
    """

    name: str
    topics: tuple[str, ...]
    handler: Handler
    batch_max: int
    batch_within_s: float
    on_assigned: RebalanceHook = ignore_rebalance
    on_revoked: RebalanceHook = ignore_rebalance


@dataclass(frozen=True, slots=True)
class Lag:
    """How far behind one partition is: records delivered and not settled, and records behind the first of them (or
    behind the reader) that were not delivered yet. `next_offset` is the first that is not settled."""

    in_hand: int
    unread: int
    next_offset: int

    @property
    def total(self) -> int:
        return self.in_hand + self.unread


class Engine(Protocol):
    """Life of an engine: `subscribe`, `start`, then `join` until it is stopped or fails; `stop` in either case."""

    def subscribe(self, subscription: Subscription) -> None:
        """Add a subscription; only before `start`."""
        ...

    async def start(self) -> None:
        """Returns when records may come and `send` works. Raises DependencyUnavailable where no broker answers, and
        ConfigurationError where a topic does not exist."""
        ...

    async def join(self) -> None:
        """Returns when the engine has left its groups; raises the error that it failed with."""
        ...

    def fail(self, error: BaseException) -> None:
        """No batch begins any more; `join` raises the error. The first error stands."""
        ...

    async def leave(self, within_s: float) -> bool:
        """Finish the batches in hand (or cancel them after `within_s`), commit, leave the groups; True where all
        batches were finished."""
        ...

    async def stop(self) -> None:
        """`leave`, then release threads and connections. After this the engine can't be started again."""
        ...

    async def send(self, messages: Sequence[Message]) -> None:
        """Returns when all are durable, written in this order per partition. Raises DependencyUnavailable when that
        can't be said of all (a retry is safe for readers that count an id once), and LimitExceeded for a message
        that is too large."""
        ...

    async def consumer_lag(self, name: str) -> Mapping[TopicPartition, Lag]:
        """Lag of the partitions that a subscription owns now. Raises DependencyUnavailable where the broker does not
        answer."""
        ...
