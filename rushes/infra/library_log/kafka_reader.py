"""Reads a partition from one offset to another, outside of all consumer groups."""

import time
from collections.abc import Iterator
from typing import Final

from confluent_kafka import Consumer, KafkaError, TopicPartition

from rushes.infra.kafka.answers import explained
from rushes.infra.kafka.watermarks import watermarks
from rushes.infra.settings import KafkaSettings
from rushes.schemas.errors import DependencyUnavailable, RushesError

ANSWER_WITHIN_S: Final = 30.0
"""Longest silence of the cluster before a read gives up; an election after a broker's death takes 10 to 20 s."""

_BATCH: Final = 1000
"""Records taken from the client at once; it fetches by bytes, whatever this is."""

_LOOK_EVERY_S: Final = 0.5
"""At how long the silence has lasted."""


class KafkaReader:
    """Opens a client for each read; it joins no group and commits nothing."""

    def __init__(self, kafka: KafkaSettings, *, answer_within_s: float = ANSWER_WITHIN_S) -> None:
        self._answer_within_s = answer_within_s
        self._config = {
            "bootstrap.servers": kafka.bootstrap,
            "group.id": f"{kafka.group_prefix}-no-group",  # the client wants one; `assign` never joins it
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",  # what was asked for is gone already: go on with the first kept
            "log_level": 0,  # what goes wrong is raised
        }

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """Offsets of the first record kept and of the next to come."""
        consumer = Consumer(self._config)
        try:
            return watermarks(consumer, TopicPartition(topic, partition), self._answer_within_s)
        finally:
            consumer.close()

    def read(self, topic: str, partition: int, start: int, until: int | None) -> Iterator[tuple[int, bytes | None]]:
        """(offset, value) from `start` (or the first kept) up to, not including, `until` or the present end.

        The end is that of the time of the call, not of the first step. Raises DependencyUnavailable on silence,
        ConfigurationError where there is no such partition.
        """
        consumer = Consumer(self._config)
        try:
            first, end = watermarks(consumer, TopicPartition(topic, partition), self._answer_within_s)
        except BaseException:
            consumer.close()
            raise
        stop = end if until is None else min(until, end)
        return self._records(consumer, TopicPartition(topic, partition, max(start, first)), stop)

    def _records(self, consumer: Consumer, place: TopicPartition, stop: int) -> Iterator[tuple[int, bytes | None]]:
        try:
            if place.offset >= stop:
                return
            consumer.assign([place])
            silent_after = time.monotonic() + self._answer_within_s
            while True:
                # `consume` waits for a full batch or all its time; so wait for one, then take what has come with it.
                for message in consumer.consume(1, timeout=_LOOK_EVERY_S) + consumer.consume(_BATCH, timeout=0):
                    offset, error = message.offset(), message.error()
                    if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's name
                        raise _explained(error, place)
                    if offset is None or offset >= stop:
                        return  # the end, also where the last offsets before it are gaps
                    if error is None:
                        silent_after = time.monotonic() + self._answer_within_s
                        yield offset, message.value()
                        if offset == stop - 1:
                            return
                if time.monotonic() > silent_after:
                    raise DependencyUnavailable(
                        f"expected records of {place.topic}/{place.partition} up to offset {stop}, found silence for "
                        f"{self._answer_within_s:.0f} s; look at the brokers"
                    )
        finally:
            consumer.close()


def _explained(error: KafkaError, place: TopicPartition) -> RushesError:
    return explained(error, f"let read {place.topic}/{place.partition}")
