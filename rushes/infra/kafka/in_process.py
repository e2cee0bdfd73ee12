"""librdkafka's in-process broker: real Kafka protocol on loopback, without a Kafka. For one-process mode and tests.

It lives in memory, has four partitions a topic, makes a topic on the first metadata request that names it, and keeps
about 5 MB a partition: a reader that lags by more loses the rest, so bound what is in flight. It has no admin
requests. It ends with its process.
"""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from confluent_kafka import KafkaException, Producer

from rushes.infra.settings import KafkaSettings
from rushes.schemas.errors import DependencyUnavailable

PARTITIONS: Final = 4
"""Of every topic; librdkafka's default, which its settings do not reach."""

START_WITHIN_S: Final = 10.0
SESSION_S: Final = 6.0


class InProcessBroker:
    """A broker in this process.

    >>> with InProcessBroker() as broker:
    ...     broker.create_topics(["frames"])
    ...     broker.bootstrap.startswith("127.0.0.1:")
    True
    """

    def __init__(self) -> None:
        self._owner = Producer({"test.mock.num.brokers": 1, "log_level": 2})
        self.bootstrap = self._address()

    def create_topics(self, topics: Sequence[str]) -> None:
        """Make topics, by asking for their metadata. Returns when each has a leader."""
        deadline = time.monotonic() + START_WITHIN_S
        for topic in topics:
            while True:
                found = self._owner.list_topics(topic, timeout=START_WITHIN_S).topics[topic]
                if found.error is None and len(found.partitions) == PARTITIONS:
                    break
                if time.monotonic() > deadline:
                    raise DependencyUnavailable(f"the in-process broker did not make the topic {topic}: {found.error}")

    def settings(self, group_prefix: str = "rushes", topic_prefix: str = "") -> KafkaSettings:
        """Settings of an engine on this broker."""
        return KafkaSettings(
            bootstrap=self.bootstrap,
            group_prefix=group_prefix,
            topic_prefix=topic_prefix,
            partitions=PARTITIONS,
            replication=1,
            min_insync_replicas=1,
            session_timeout_s=SESSION_S,
        )

    def close(self) -> None:
        """Stop the broker; close its users first."""
        self._owner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _address(self) -> str:
        try:
            brokers = self._owner.list_topics(timeout=START_WITHIN_S).brokers
        except KafkaException as error:
            raise DependencyUnavailable(f"the in-process broker did not start: {error}") from error
        broker = next(iter(brokers.values()))
        return f"{broker.host}:{broker.port}"
