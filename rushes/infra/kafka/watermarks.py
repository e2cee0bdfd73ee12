"""Where a partition begins and ends now."""

import time
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from rushes.infra.kafka.answers import explained
from rushes.schemas.errors import ConfigurationError, DependencyUnavailable

_AGAIN_AFTER_S: Final = 0.05


def watermarks(consumer: Consumer, place: TopicPartition, within_s: float) -> tuple[int, int]:
    """Offsets of the first record kept and of the next to come.

    Asks again while a leader is being elected, or does not know yet that it leads (the client itself does not). Raises
    DependencyUnavailable after `within_s`, ConfigurationError where there is no such partition.
    """
    what = f"tell the offsets of {place.topic}/{place.partition}"
    deadline = time.monotonic() + within_s
    while True:
        try:
            found = consumer.get_watermark_offsets(place, timeout=max(0.1, deadline - time.monotonic()))
        except KafkaException as error:
            failure = explained(error.args[0], what)
            if isinstance(failure, ConfigurationError) or time.monotonic() > deadline:
                raise failure from error
            time.sleep(_AGAIN_AFTER_S)
        else:
            if found is None:
                raise DependencyUnavailable(f"Kafka did not {what} within {within_s:.0f} s")
            return found
