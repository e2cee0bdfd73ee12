"""Publish a few events from outside of a worker: the command line, a script, a test."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from rushes.infra.settings import KafkaSettings
from rushes.schemas.envelope import Headers
from rushes.schemas.errors import DependencyUnavailable

DELIVERED_WITHIN_S: Final = 30.0
"""For all of them; an election after a broker's death takes 10 to 20 s."""


@dataclass(frozen=True, slots=True)
class Publication:
    """One event to publish, keyed as its contract says."""

    topic: str
    key: str
    value: bytes
    headers: Headers = ()


def publish(kafka: KafkaSettings, publications: Sequence[Publication]) -> None:
    """Durable when it returns. Partitions are chosen as Java's and aiokafka's clients choose them (murmur2), so that
    one key has one partition whoever publishes. Raises DependencyUnavailable; what was sent by then may be there, and
    sending it again is harmless.
    """
    failures: list[str] = []

    def delivered(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            failures.append(error.str())

    producer = Producer(
        {
            "bootstrap.servers": kafka.bootstrap,
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "message.timeout.ms": int(DELIVERED_WITHIN_S * 1000),
            "log_level": 0,
        }
    )
    try:
        for one in publications:
            producer.produce(one.topic, one.value, one.key, headers=list(one.headers), on_delivery=delivered)
            producer.poll(0)
        left = producer.flush(DELIVERED_WITHIN_S)
    except (KafkaException, BufferError) as error:
        raise DependencyUnavailable(f"Kafka at {kafka.bootstrap} did not take the event: {error}") from error
    if failures or left:
        why = failures[0] if failures else "no answer"
        raise DependencyUnavailable(f"Kafka at {kafka.bootstrap} did not take {len(failures) + left} events: {why}")
