"""Writes records to chosen partitions: all of them, in order, acknowledged by every replica in sync, or an error."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from rushes.infra.kafka.answers import explained
from rushes.infra.settings import KafkaSettings
from rushes.schemas.envelope import Headers
from rushes.schemas.errors import DependencyUnavailable

DELIVERED_WITHIN_S: Final = 30.0
"""For one delivery. An election after a broker's death takes 10 to 20 s; later than that the caller had better know."""

_LOOK_EVERY_S: Final = 0.5
"""At what has failed while waiting; what succeeds ends the wait at once."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record and its place."""

    topic: str
    partition: int
    key: str
    value: bytes
    headers: Headers


class KafkaWriter:
    """One idempotent producer, replaced by a fresh one after any failure. Not for several threads at once.

    The producer itself never gives a record up: one that timed out alone would leave a gap in the order. This class
    bounds the wait instead, and then drops everything that is not acknowledged. So what was written of a failed
    delivery is the beginning of it, per partition; and as a retry writes the same records again in the same order,
    the first occurrences keep their order even when a stalled broker writes the old ones late.
    """

    def __init__(self, kafka: KafkaSettings, *, delivered_within_s: float = DELIVERED_WITHIN_S) -> None:
        self._within_s = delivered_within_s
        self._last_error = ""
        self._config = {
            "bootstrap.servers": kafka.bootstrap,
            "acks": "all",
            "enable.idempotence": True,
            "enable.gapless.guarantee": True,  # a record that is refused fails those behind it too
            "message.timeout.ms": 0,  # never: see above
            "reconnect.backoff.max.ms": 1000,  # ready again within a second of a restarted broker, not ten
            "message.max.bytes": 2 * 1024 * 1024,  # the topic's own limit is lower, and decides
            "log_level": 0,  # what goes wrong is raised
            "error_cb": self._remember,
        }
        self._open: Producer | None = None

    def deliver(self, records: Sequence[Outgoing]) -> list[int]:
        """Writes and returns the offsets, in the order of `records`. Raises DependencyUnavailable, after which any
        beginning per partition may have been written, or ConfigurationError."""
        deadline = time.monotonic() + self._within_s
        producer = self._producer()
        offsets: dict[int, int] = {}
        failures: list[KafkaError] = []
        try:
            for index, record in enumerate(records):
                self._produce(producer, record, _noting(index, offsets, failures), deadline)
            while len(offsets) < len(records) and not failures and time.monotonic() < deadline:
                producer.flush(min(_LOOK_EVERY_S, max(0.0, deadline - time.monotonic())))
        except KafkaException as error:
            failures.append(error.args[0])
        if len(offsets) < len(records):
            self.close()
            raise self._failure(failures, len(records))
        return [offsets[index] for index in range(len(records))]

    def partition_count(self, topic: str) -> int:
        """Partitions of the topic now; later deliveries know them too. Raises as `deliver` does."""
        try:
            found = self._producer().list_topics(topic, timeout=self._within_s).topics[topic]
        except KafkaException as error:
            raise self._failure([error.args[0]], 0) from error
        if found.error is not None:
            raise explained(found.error, f"tell the partitions of {topic}")
        return len(found.partitions)

    def close(self) -> None:
        """Drops what is not acknowledged, and the producer. A later delivery opens a fresh one."""
        producer, self._open = self._open, None
        if producer is not None:
            producer.purge(in_queue=True, in_flight=False)  # what is in flight goes with the producer

    def _producer(self) -> Producer:
        if self._open is None:
            self._open = Producer(self._config)
        return self._open

    def _produce(self, producer: Producer, record: Outgoing, note: "_Note", deadline: float) -> None:
        while True:
            try:
                producer.produce(
                    record.topic,
                    value=record.value,
                    key=record.key,
                    partition=record.partition,
                    headers=list(record.headers),
                    on_delivery=note,
                )
            except BufferError as error:  # the producer's queue is full: wait until some are delivered
                if time.monotonic() > deadline:
                    raise self._failure([], 1) from error
                producer.poll(_LOOK_EVERY_S)
            else:
                return

    def _remember(self, error: KafkaError) -> None:
        self._last_error = error.str()

    def _failure(self, failures: Sequence[KafkaError], count: int) -> Exception:
        if failures:
            return explained(failures[0], "take the records")
        why = f" ({self._last_error})" if self._last_error else ""
        return DependencyUnavailable(
            f"expected {count} records to be acknowledged within {self._within_s:.0f} s, found no answer{why}; "
            "look at the brokers and at min.insync.replicas"
        )


_Note = Callable[[KafkaError | None, Message], None]


def _noting(index: int, offsets: dict[int, int], failures: list[KafkaError]) -> _Note:
    def note(error: KafkaError | None, message: Message) -> None:
        offset = message.offset()
        if error is not None:
            failures.append(error)
        elif offset is not None:
            offsets[index] = offset

    return note
