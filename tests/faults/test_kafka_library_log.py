"""The log on Kafka while brokers stall, die and come back, and where topics were tampered with."""

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from rushes.infra.kafka.admin import create_topics
from rushes.infra.kafka.topics import topic_name
from rushes.infra.library_log.kafka import KafkaLibraryLog
from rushes.infra.local_stack.kafka_broker import KafkaBroker
from rushes.infra.local_stack.kafka_container import KafkaHandle
from rushes.infra.settings import KafkaSettings
from rushes.schemas.channels import Channel
from rushes.schemas.envelope import encode
from rushes.schemas.errors import ConfigurationError, DependencyUnavailable
from rushes.schemas.ids import LibraryId
from rushes.schemas.log import PolicyChanged
from rushes.schemas.models import LibraryPlaced

A = LibraryId("a")


def settings(bootstrap: str) -> KafkaSettings:
    prefix = f"f{uuid.uuid4().hex[:8]}."
    return KafkaSettings(bootstrap=bootstrap, topic_prefix=prefix, partitions=3, replication=1, min_insync_replicas=1)


@pytest.fixture
def own_broker(kafka_broker: KafkaHandle, tmp_path: Path, engine_cache: Path) -> Iterator[KafkaBroker]:
    """A broker for one test to break."""
    if not isinstance(kafka_broker, KafkaBroker):
        pytest.skip("the session's Kafka is a container; this test breaks a local one")
    with KafkaBroker(tmp_path, cache=engine_cache) as broker:
        yield broker


def entries(count: int, first: int = 0) -> list[PolicyChanged]:
    return [
        PolicyChanged(library_id=A, entry_id=str(uuid.uuid4()), policy=f"p{n}") for n in range(first, first + count)
    ]


def counted_once(log: KafkaLibraryLog) -> list[str]:
    """Entry ids in the order of their first occurrence, as readers count them."""
    found = [r.entry.entry_id for r in log.read(log.partition_of(A)) if r.entry is not None]
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("fault", ["kill", "pause", "stop"])
def test_an_append_fails_in_time_and_its_retry_keeps_the_order(own_broker: KafkaBroker, fault: str) -> None:
    kafka = settings(own_broker.bootstrap)
    create_topics(kafka)
    log = KafkaLibraryLog(kafka, delivered_within_s=3)
    first, second = entries(20), entries(300, first=20)
    log.append(first)

    {"kill": own_broker.kill, "pause": own_broker.pause, "stop": own_broker.stop}[fault]()
    began = time.monotonic()
    with pytest.raises(DependencyUnavailable):
        log.append(second)
    assert time.monotonic() - began < 6
    if fault == "pause":
        own_broker.resume()
    else:
        own_broker.restart()

    log = KafkaLibraryLog(kafka) if fault == "stop" else log  # a fresh writer, or the one that failed
    log.append(second)
    assert counted_once(log) == [e.entry_id for e in first + second]
    log.close()


def test_the_first_placement_record_stands_whatever_comes_behind_it(kafka_bootstrap: str) -> None:
    kafka = settings(kafka_bootstrap)
    create_topics(kafka)
    log_topic = topic_name(kafka, Channel.LIBRARY_LOG)
    producer = Producer({"bootstrap.servers": kafka_bootstrap})
    for value in (
        b"no event",
        encode(LibraryPlaced(library_id=A, log_topic="another-log", log_partition=0)),
        encode(LibraryPlaced(library_id=A, log_topic=log_topic, log_partition=2)),
        encode(LibraryPlaced(library_id=A, log_topic=log_topic, log_partition=1)),
    ):
        producer.produce(topic_name(kafka, Channel.PLACEMENTS), value, partition=0)
    assert producer.flush(10) == 0

    log = KafkaLibraryLog(kafka)
    assert log.partition_of(A) == 2
    assert log.append(entries(1))[0].partition == 2
    log.close()


def test_a_placement_in_a_partition_that_is_gone_is_the_operators_to_mend(kafka_bootstrap: str) -> None:
    kafka = settings(kafka_bootstrap)
    create_topics(kafka)
    producer = Producer({"bootstrap.servers": kafka_bootstrap})
    placed = LibraryPlaced(library_id=A, log_topic=topic_name(kafka, Channel.LIBRARY_LOG), log_partition=7)
    producer.produce(topic_name(kafka, Channel.PLACEMENTS), encode(placed), partition=0)
    assert producer.flush(10) == 0
    with pytest.raises(ConfigurationError, match="partition 7"):
        KafkaLibraryLog(kafka).append(entries(1))


def test_deleted_placements_are_an_error_not_a_second_place(kafka_bootstrap: str) -> None:
    kafka = settings(kafka_bootstrap)
    create_topics(kafka)
    log = KafkaLibraryLog(kafka)
    log.partition_of(A)
    log.close()
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap})
    place = TopicPartition(topic_name(kafka, Channel.PLACEMENTS), 0, 1)
    admin.delete_records([place])[place].result(10)
    with pytest.raises(ConfigurationError, match="placements were deleted"):
        KafkaLibraryLog(kafka).partition_of(A)


def test_missing_topics_are_said_by_name(kafka_bootstrap: str) -> None:
    kafka = settings(kafka_bootstrap)
    log = KafkaLibraryLog(kafka, delivered_within_s=5)
    with pytest.raises(ConfigurationError, match="create the topics"):
        log.append(entries(1))
    with pytest.raises(ConfigurationError, match="create the topics"):
        log.read(0)


def test_offsets_with_gaps_are_read_and_reads_join_no_group(kafka_bootstrap: str) -> None:
    """A transaction leaves a marker at its end: an offset without a record, here also the last one."""
    kafka = settings(kafka_bootstrap)
    create_topics(kafka)
    log = KafkaLibraryLog(kafka)
    partition = log.partition_of(A)
    sent = entries(4)
    for pair in (sent[:2], sent[2:]):
        producer = Producer({"bootstrap.servers": kafka_bootstrap, "transactional.id": f"t-{uuid.uuid4()}"})
        producer.init_transactions(30)
        producer.begin_transaction()
        for entry in pair:
            producer.produce(topic_name(kafka, Channel.LIBRARY_LOG), encode(entry), partition=partition)
        producer.commit_transaction(30)

    records = list(log.read(partition))
    assert [r.entry for r in records] == sent
    assert [r.position.offset for r in records] == [0, 1, 3, 4], "offsets 2 and 5 are markers"
    assert [r.position.offset for r in log.read(partition, 2, 4)] == [3]
    assert [r.entry for r in log.read(partition, 2, 3)] == []
    log.close()
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap})
    assert not [g for g in admin.list_consumer_groups().result(10).valid if "no-group" in g.group_id]


def test_records_carry_the_key_and_the_headers_of_the_envelope(kafka_bootstrap: str) -> None:
    kafka = settings(kafka_bootstrap)
    create_topics(kafka)
    log = KafkaLibraryLog(kafka, source="rushes/test")
    (sent,) = entries(1)
    (position,) = log.append([sent])
    log.close()
    consumer = Consumer({"bootstrap.servers": kafka_bootstrap, "group.id": f"g-{uuid.uuid4()}"})
    consumer.assign([TopicPartition(topic_name(kafka, Channel.LIBRARY_LOG), position.partition, 0)])
    message = consumer.poll(20)
    consumer.close()
    assert message is not None
    assert message.key() == b"a"
    headers = dict(message.headers() or [])
    assert headers["ce_id"] == sent.entry_id.encode()
    assert headers["ce_type"] == b"rushes.PolicyChanged"
    assert headers["ce_source"] == b"rushes/test"
