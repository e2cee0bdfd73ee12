"""Topics as Kafka is to make them: the promises of `rushes.schemas.topics` as configuration, and which may grow."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rushes.infra.settings import KafkaSettings
from rushes.schemas.channels import Channel
from rushes.schemas.errors import ConfigurationError
from rushes.schemas.topics import TOPICS

_DAY_MS: Final = 24 * 3600 * 1000
_FOR_EVER: Final = "-1"

_EVERY_TOPIC: Final[Mapping[str, str]] = {
    # A broker's own default for bytes must not cut short what is kept by time.
    "retention.bytes": _FOR_EVER,
    # Retention counts from arrival: a producer with a wrong clock, or a replay of old events, loses nothing by it.
    "message.timestamp.type": "LogAppendTime",
}

_COMPACTION: Final[Mapping[str, str]] = {
    # A null must erase what it follows within a day, however little is written: erased media are personal data.
    "max.compaction.lag.ms": str(_DAY_MS),
    # A consumer that was down for up to a week still sees the nulls.
    "delete.retention.ms": str(7 * _DAY_MS),
}


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """How a topic is to be. `config` holds Kafka's topic settings by name."""

    channel: Channel
    name: str
    partitions: int
    replication: int
    config: Mapping[str, str]

    @property
    def can_grow(self) -> bool:
        """Whether partitions may be added later.

        Not to a compacted topic: a key's old record would stay behind in its old partition, beside its new ones. Not
        to the placements: their one partition is what makes a first record first.
        """
        contract = TOPICS[self.channel]
        return contract.partitions is None and not contract.compacted


def topic_name(kafka: KafkaSettings, channel: Channel) -> str:
    """Name of a channel's topic on this cluster."""
    return f"{kafka.topic_prefix}{channel.value}"


def topic_spec(kafka: KafkaSettings, channel: Channel) -> TopicSpec:
    """How a channel's topic is to be. Raises ConfigurationError where no record could ever be acknowledged."""
    if kafka.min_insync_replicas > kafka.replication:
        raise ConfigurationError(
            f"expected kafka.min_insync_replicas of at most kafka.replication ({kafka.replication}), "
            f"found {kafka.min_insync_replicas}; lower the one or raise the other"
        )
    contract = TOPICS[channel]
    config = {
        **_EVERY_TOPIC,
        **(_COMPACTION if contract.compacted else {}),
        "cleanup.policy": contract.cleanup_policy,
        "retention.ms": str(contract.retention_ms),
        "max.message.bytes": str(contract.max_record_bytes),
        "min.insync.replicas": str(kafka.min_insync_replicas),
    }
    partitions = contract.partitions if contract.partitions is not None else kafka.partitions
    return TopicSpec(channel, topic_name(kafka, channel), partitions, kafka.replication, config)


def topic_specs(kafka: KafkaSettings) -> tuple[TopicSpec, ...]:
    """All topics, in the order of the data flow."""
    return tuple(topic_spec(kafka, channel) for channel in Channel)
