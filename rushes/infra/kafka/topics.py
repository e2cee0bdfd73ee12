"""Topics as the design settles them: how long each keeps what, and which may grow."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rushes.infra.settings import KafkaSettings
from rushes.schemas.channels import Channel
from rushes.schemas.errors import ConfigurationError

_DAY_MS: Final = 24 * 3600 * 1000
_FOR_EVER: Final = "-1"

_EVENT_BYTES: Final = 1024 * 1024
"""Largest record batch of a topic of events: an event has at most 512 KiB, and headers and framing come on top."""

_LETTER_BYTES: Final = 4 * 1024 * 1024
"""Largest dead letter: a foreign record of up to 1 MiB as base64, its headers, and the error beside it, with room."""

_EVERY_TOPIC: Final[Mapping[str, str]] = {
    # A broker's own default for bytes must not cut short what is kept by time.
    "retention.bytes": _FOR_EVER,
    # Retention counts from arrival: a producer with a wrong clock, or a replay of old events, loses nothing by it.
    "message.timestamp.type": "LogAppendTime",
    "max.message.bytes": str(_EVENT_BYTES),
}

_COMPACTION: Final[Mapping[str, str]] = {
    # A null must erase what it follows within a day, however little is written: erased media are personal data.
    "max.compaction.lag.ms": str(_DAY_MS),
    # A consumer that was down for up to a week still sees the nulls.
    "delete.retention.ms": str(7 * _DAY_MS),
}


def _kept_days(days: int) -> Mapping[str, str]:
    return {"cleanup.policy": "delete", "retention.ms": str(days * _DAY_MS)}


_COMPACTED: Final[Mapping[str, str]] = {"cleanup.policy": "compact", "retention.ms": _FOR_EVER, **_COMPACTION}
_KEPT_FOR_EVER: Final[Mapping[str, str]] = {"cleanup.policy": "delete", "retention.ms": _FOR_EVER}

_KEEPING: Final[Mapping[Channel, Mapping[str, str]]] = {
    Channel.MEDIA_UPLOADED: _kept_days(30),
    Channel.MEDIA_UPLOADED_BULK: _kept_days(30),
    Channel.FRAMES: _kept_days(30),
    Channel.FRAMES_BULK: _kept_days(30),
    Channel.LIBRARY_LOG: _kept_days(90),
    Channel.FEEDBACK: _KEPT_FOR_EVER,
    Channel.CLUSTER_ASSIGNED: _COMPACTED,
    Channel.CLUSTERS: _COMPACTED,
    Channel.MEDIA_STATUS: _COMPACTED,
    Channel.MODEL_UPDATED: _COMPACTED,
    Channel.DEAD_LETTERS: {
        "cleanup.policy": "compact,delete",
        "retention.ms": str(90 * _DAY_MS),
        "max.message.bytes": str(_LETTER_BYTES),
        **_COMPACTION,
    },
    # The first record of a library stands: compaction keeps the last, so it must never run here.
    Channel.PLACEMENTS: _KEPT_FOR_EVER,
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
        return self.channel is not Channel.PLACEMENTS and "compact" not in self.config["cleanup.policy"]


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
    config = {**_EVERY_TOPIC, **_KEEPING[channel], "min.insync.replicas": str(kafka.min_insync_replicas)}
    partitions = 1 if channel is Channel.PLACEMENTS else kafka.partitions
    return TopicSpec(channel, topic_name(kafka, channel), partitions, kafka.replication, config)


def topic_specs(kafka: KafkaSettings) -> tuple[TopicSpec, ...]:
    """All topics, in the order of the data flow."""
    return tuple(topic_spec(kafka, channel) for channel in Channel)
