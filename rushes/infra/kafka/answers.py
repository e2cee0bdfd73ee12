"""What the Kafka client says, in our error tree."""

from typing import Final

from confluent_kafka import KafkaError

from rushes.schemas.errors import ConfigurationError, DependencyUnavailable

_MISSING: Final = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 - the client's own findings are spelt so
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
    }
)

_REFUSALS: Final = frozenset(
    {
        KafkaError.INVALID_REPLICATION_FACTOR,
        KafkaError.INVALID_PARTITIONS,
        KafkaError.INVALID_CONFIG,
        KafkaError.INVALID_REQUEST,
        KafkaError.POLICY_VIOLATION,
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
    }
)
"""Answers that no repetition changes."""


def explained(error: KafkaError, what: str) -> ConfigurationError | DependencyUnavailable:
    """The error to raise; `what` completes "Kafka did not ..."."""
    said = f"{error.str()} ({error.name()})"
    if error.code() in _MISSING:
        return ConfigurationError(
            f"Kafka did not {what}, for there is no such topic or partition; create the topics: {said}"
        )
    if error.code() in _REFUSALS:
        return ConfigurationError(f"Kafka refused to {what}; change the settings: {said}")
    return DependencyUnavailable(f"Kafka did not {what}: {said}")
