"""How far a consumer group is behind, told from outside of it."""

from collections.abc import Collection
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException, TopicPartition

from rushes.infra.kafka.admin import ANSWER_WITHIN_S
from rushes.infra.kafka.answers import explained
from rushes.infra.kafka.topics import topic_specs
from rushes.infra.kafka.watermarks import watermarks
from rushes.infra.settings import KafkaSettings
from rushes.schemas.channels import Channel


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """How far a consumer group is behind in one partition. `committed` is None before its first commit; it is then
    behind by everything that is kept."""

    topic: str
    partition: int
    committed: int | None
    end: int
    lag: int


def consumer_lag(kafka: KafkaSettings, group: str, channels: Collection[Channel] = ()) -> list[PartitionLag]:
    """How far a group (its full id) is behind, by topic and partition: in all partitions of the topics of `channels`,
    or, where none are named, in every partition of our topics that it committed.

    Raises DependencyUnavailable where no broker answers in time, ConfigurationError where reading is forbidden.
    """
    # A consumer that subscribes to nothing and so joins nothing; the admin client's way to the same offsets ends the
    # process with a segmentation fault while a coordinator moves or starts (librdkafka issue 5040, seen with 2.16).
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": group, "log_level": 0})
    try:
        return [
            _lag(consumer, place)
            for place in consumer.committed(_places(consumer, kafka, channels), timeout=ANSWER_WITHIN_S)
            if channels or place.offset >= 0 or place.error is not None
        ]
    except KafkaException as error:
        raise explained(error.args[0], f"tell the lag of group {group}") from error
    finally:
        consumer.close()


def _places(consumer: Consumer, kafka: KafkaSettings, channels: Collection[Channel]) -> list[TopicPartition]:
    topics = consumer.list_topics(timeout=ANSWER_WITHIN_S).topics
    names = [spec.name for spec in topic_specs(kafka) if not channels or spec.channel in channels]
    return [TopicPartition(name, p) for name in names if name in topics for p in sorted(topics[name].partitions)]


def _lag(consumer: Consumer, place: TopicPartition) -> PartitionLag:
    if place.error is not None:
        raise KafkaException(place.error)
    first, end = watermarks(consumer, place, ANSWER_WITHIN_S)
    committed = place.offset if place.offset >= 0 else None
    return PartitionLag(place.topic, place.partition, committed, end, max(0, end - max(first, committed or 0)))
