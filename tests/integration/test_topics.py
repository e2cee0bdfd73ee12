"""`rushes topics`: created as designed, again without change, drift shown, growth safe, lag told."""

import uuid

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

from rushes.infra.kafka.admin import create_topics, describe_topics, grow, partition_count
from rushes.infra.kafka.lag import PartitionLag, consumer_lag
from rushes.infra.kafka.topics import topic_name, topic_spec
from rushes.infra.settings import KafkaSettings
from rushes.schemas.channels import Channel
from rushes.schemas.errors import ConfigurationError, DependencyUnavailable
from tests.waiting import eventually

DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def kafka(kafka_bootstrap: str) -> KafkaSettings:
    return KafkaSettings(
        bootstrap=kafka_bootstrap,
        topic_prefix=f"t{uuid.uuid4().hex[:8]}.",
        partitions=3,
        replication=1,
        min_insync_replicas=1,
    )


def configs(kafka: KafkaSettings, channel: Channel) -> dict[str, str]:
    resource = ConfigResource(ResourceType.TOPIC, topic_name(kafka, channel))
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    return {name: entry.value for name, entry in admin.describe_configs([resource])[resource].result(10).items()}


def test_topics_are_created_as_designed_and_a_second_run_changes_nothing(kafka: KafkaSettings) -> None:
    assert {(r.channel, r.state) for r in describe_topics(kafka)} == {(c, "missing") for c in Channel}

    first = create_topics(kafka)
    assert [(r.channel, r.state) for r in first] == [(c, "created") for c in Channel]
    assert {r.channel: r.partitions for r in first} == {c: 1 if c is Channel.PLACEMENTS else 3 for c in Channel}

    second = create_topics(kafka)
    assert [(r.channel, r.state, r.differences) for r in second] == [(c, "exists", ()) for c in Channel]
    assert second == describe_topics(kafka)


def test_each_topic_keeps_what_the_design_says(kafka: KafkaSettings) -> None:
    create_topics(kafka)
    keeping = {c: (configs(kafka, c)["cleanup.policy"], int(configs(kafka, c)["retention.ms"])) for c in Channel}
    assert keeping[Channel.MEDIA_UPLOADED] == ("delete", 30 * DAY_MS)
    assert keeping[Channel.FRAMES_BULK] == ("delete", 30 * DAY_MS)
    assert keeping[Channel.LIBRARY_LOG] == ("delete", -1)
    assert keeping[Channel.FEEDBACK] == ("delete", -1)
    assert keeping[Channel.PLACEMENTS] == ("delete", -1)
    for channel in (Channel.CLUSTER_ASSIGNED, Channel.CLUSTERS, Channel.MEDIA_STATUS, Channel.MODEL_UPDATED):
        assert keeping[channel][0] == "compact"
    assert set(keeping[Channel.DEAD_LETTERS][0].split(",")) == {"compact", "delete"}
    assert keeping[Channel.DEAD_LETTERS][1] == 90 * DAY_MS
    assert configs(kafka, Channel.DEAD_LETTERS)["max.message.bytes"] == str(4 * 1024 * 1024)


def test_drift_is_shown_and_set_right_only_on_request(kafka: KafkaSettings) -> None:
    create_topics(kafka)
    name = topic_name(kafka, Channel.FEEDBACK)
    entry = ConfigEntry("retention.ms", "1000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    admin.incremental_alter_configs([resource])[resource].result(10)

    eventually(lambda: configs(kafka, Channel.FEEDBACK)["retention.ms"] == "1000")

    (drifted,) = [r for r in create_topics(kafka) if r.state != "exists"]
    assert (drifted.name, drifted.state) == (name, "differs")
    assert [(d.setting, d.expected, d.found) for d in drifted.differences] == [("retention.ms", "-1", "1000")]
    assert configs(kafka, Channel.FEEDBACK)["retention.ms"] == "1000"

    assert {r.state for r in create_topics(kafka, fix=True) if r.name == name} == {"fixed"}
    assert configs(kafka, Channel.FEEDBACK)["retention.ms"] == "-1"
    assert {r.state for r in create_topics(kafka)} == {"exists"}


def test_placements_in_several_partitions_are_reported(kafka: KafkaSettings) -> None:
    name = topic_name(kafka, Channel.PLACEMENTS)
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    admin.create_topics([NewTopic(name, num_partitions=2, replication_factor=1)])[name].result(10)
    (report,) = [r for r in create_topics(kafka) if r.channel is Channel.PLACEMENTS]
    assert report.state == "differs"
    assert ("partitions", "1", "2") in [(d.setting, d.expected, d.found) for d in report.differences]


def test_the_log_grows_and_a_compacted_topic_does_not(kafka: KafkaSettings) -> None:
    create_topics(kafka)
    assert grow(kafka, Channel.LIBRARY_LOG, 5).partitions == 5
    assert grow(kafka, Channel.LIBRARY_LOG, 5).partitions == 5
    assert partition_count(kafka, Channel.LIBRARY_LOG) == 5
    assert {r.state for r in create_topics(kafka)} == {"exists"}, "a grown topic is no drift"
    with pytest.raises(ConfigurationError, match="can't shrink"):
        grow(kafka, Channel.LIBRARY_LOG, 2)
    for channel in (Channel.CLUSTER_ASSIGNED, Channel.DEAD_LETTERS, Channel.PLACEMENTS):
        with pytest.raises(ConfigurationError, match="fixed at creation"):
            grow(kafka, channel, 5)


def test_lag_counts_from_the_commit_or_from_all_that_is_kept(kafka: KafkaSettings) -> None:
    create_topics(kafka)
    group, topic = f"g-{uuid.uuid4()}", topic_name(kafka, Channel.FEEDBACK)
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    for partition in (0, 0, 0, 1):
        producer.produce(topic, b"{}", partition=partition)
    assert producer.flush(10) == 0
    assert consumer_lag(kafka, group) == []
    assert [lag.lag for lag in consumer_lag(kafka, group, [Channel.FEEDBACK])] == [3, 1, 0]

    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": group})
    consumer.commit(offsets=[TopicPartition(topic, 0, 2)], asynchronous=False)
    consumer.close()

    assert consumer_lag(kafka, group) == [PartitionLag(topic, 0, committed=2, end=3, lag=1)]
    assert [lag.lag for lag in consumer_lag(kafka, group, [Channel.FEEDBACK])] == [1, 1, 0]


def test_more_replicas_than_brokers_is_the_operators_to_change(kafka: KafkaSettings) -> None:
    with pytest.raises(ConfigurationError, match="INVALID_REPLICATION_FACTOR"):
        create_topics(kafka.model_copy(update={"replication": 3}))


def test_a_quorum_above_the_replicas_is_refused_before_anything_is_created(kafka: KafkaSettings) -> None:
    with pytest.raises(ConfigurationError, match="min_insync_replicas"):
        create_topics(kafka.model_copy(update={"min_insync_replicas": 2}))

    assert {r.state for r in describe_topics(kafka)} == {"missing"}


def test_no_broker_is_an_unavailable_dependency(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rushes.infra.kafka.admin.ANSWER_WITHIN_S", 0.5)
    with pytest.raises(DependencyUnavailable):
        describe_topics(KafkaSettings(bootstrap="127.0.0.1:1"))


def test_names_bear_the_prefix_and_nothing_else_changes(kafka: KafkaSettings) -> None:
    bare = KafkaSettings(partitions=3, replication=1, min_insync_replicas=1)
    for channel in Channel:
        assert topic_name(bare, channel) == channel.value
        assert topic_spec(kafka, channel).config == topic_spec(bare, channel).config
