"""The whole pipeline on real engines, under 20 faults: nothing lost, nothing twice."""

import asyncio
import json
import random
import signal
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from rushes.infra.kafka.admin import create_topics, partition_count
from rushes.infra.kafka.topics import topic_name
from rushes.infra.library_log.kafka import KafkaLibraryLog
from rushes.infra.library_log.kafka_reader import KafkaReader
from rushes.infra.settings import KafkaSettings, MilvusSettings
from rushes.infra.store.memory import MemoryStore
from rushes.infra.store.milvus import MilvusStore
from rushes.schemas.channels import Channel
from rushes.schemas.decisions import ClusterAssigned
from rushes.schemas.envelope import decode
from rushes.schemas.feedback import FeedbackGiven
from rushes.schemas.ids import Generation, LibraryId
from rushes.schemas.log import FeedbackSubmitted
from rushes.schemas.status import DeadLetter, MediaStatus
from rushes.streams.media_progress import ENDED, fold_statuses
from rushes.streams.replaying import compare, replay_library
from tests.faults.supervised import Supervisor
from tests.faults.workload import LIBRARIES, Event, Workload

SEED = 20
GENERATION = Generation("g1")
SETTLE_WITHIN_S = 420.0
FAULTS = ["kill"] * 10 + ["term"] * 5 + ["join"] * 3 + ["broker stop", "broker kill"]


class System:
    """Everything the test looks at, on the session's engines under names of its own."""

    def __init__(self, bootstrap: str, milvus_uri: str, redis_url: str, folder: Path) -> None:
        name = f"t{uuid.uuid4().hex[:8]}"
        self.kafka = KafkaSettings(
            bootstrap=bootstrap,
            topic_prefix=f"{name}-",
            group_prefix=name,
            partitions=6,
            replication=1,
            min_insync_replicas=1,
            session_timeout_s=6,
            metadata_max_age_s=5,
        )
        self.milvus = MilvusSettings(uri=milvus_uri, prefix=name)
        self.media = folder / "media"
        self.media.mkdir()
        self.environment = {
            "RUSHES_LOG_FORMAT": "json",
            **{f"RUSHES_KAFKA__{key.upper()}": str(value) for key, value in self.kafka if value is not None},
            "RUSHES_MILVUS__URI": milvus_uri,
            "RUSHES_MILVUS__PREFIX": name,
            "RUSHES_REDIS__URL": redis_url,
            "RUSHES_BLOBS__ROOT": str(folder / "blobs"),
            "RUSHES_SOURCES__ROOTS": json.dumps([str(self.media)]),
            "RUSHES_MODELS__THREADS": "1",
        }

    def read(self, channel: Channel) -> list[tuple[int, int, bytes | None]]:
        """(partition, offset, value) of every record of a topic."""
        reader = KafkaReader(self.kafka)
        return [
            (partition, offset, value)
            for partition in range(partition_count(self.kafka, channel))
            for offset, value in reader.read(topic_name(self.kafka, channel), partition, 0, None)
        ]

    def statuses(self) -> dict[str, dict[str, MediaStatus]]:
        """By library and media."""
        found: dict[str, list[MediaStatus]] = {library: [] for library in LIBRARIES}
        for _, _, value in self.read(Channel.MEDIA_STATUS):
            event = decode(value)
            assert isinstance(event, MediaStatus)
            found[event.library_id].append(event)
        return {library: fold_statuses(records) for library, records in found.items()}

    def letters(self) -> list[DeadLetter]:
        return [e for e in (decode(v) for _, _, v in self.read(Channel.DEAD_LETTERS)) if isinstance(e, DeadLetter)]


async def publish(producer: AIOKafkaProducer, prefix: str, events: Sequence[Event]) -> None:
    futures = [await producer.send(prefix + event.topic, event.value, event.key) for event in events]
    await asyncio.gather(*futures)


def strike(fault: str, supervisor: Supervisor, broker, rng: random.Random) -> None:
    """One fault, on a worker of the seed's choice."""
    match fault:
        case "kill":
            supervisor.kill(rng.choice(supervisor.slots), signal.SIGKILL)
        case "term":
            supervisor.kill(rng.choice(supervisor.slots), signal.SIGTERM)
        case "join":
            supervisor.add(rng.choice(["split", "cluster", "feedback"]))
        case "broker stop":
            broker.stop()
            broker.start()
        case _:
            broker.kill()
            broker.start()


async def under_faults(system: System, supervisor: Supervisor, broker, events: Sequence[Event]) -> None:
    """Publish in 20 slices, a fault with each, and go on while the system is at work on them."""
    rng = random.Random(SEED)
    faults = list(FAULTS)
    rng.shuffle(faults)
    size = -(-len(events) // len(faults))
    for number, fault in enumerate(faults):
        producer = AIOKafkaProducer(bootstrap_servers=system.kafka.bootstrap, acks="all", enable_idempotence=True)
        await producer.start()
        try:
            await publish(producer, system.kafka.topic_prefix, events[number * size : (number + 1) * size])
        finally:
            await producer.stop()
        await asyncio.sleep(rng.uniform(0.5, 3.0))  # the moment of a fault is what is varied here
        await asyncio.to_thread(strike, fault, supervisor, broker, rng)


def unfinished(system: System, workload: Workload) -> list[str]:
    """What is not as expected yet, in words."""
    expected = workload.expected
    statuses = system.statuses()

    def state(key: tuple[str, str]) -> tuple[str | None, int]:
        status = statuses[key[0]].get(key[1])
        return (status.state, status.version) if status is not None else (None, -1)

    waiting = [f"{key}: {state(key)}" for key, v in expected.complete.items() if state(key) != ("complete", v)]
    waiting += [f"{key}: {state(key)}" for key, v in expected.removed.items() if state(key) != ("removed", v)]
    waiting += [f"{key}: {state(key)}" for key in expected.failed_media if state(key)[0] != "failed"]
    letters = {letter.letter_id for letter in system.letters()}
    if len(letters) < expected.bad_events:
        waiting.append(f"{len(letters)} letters of {expected.bad_events}")
    if not waiting:  # a killed feedback worker's partitions come back only after its session, when all else is quiet
        newest, _ = assignments(system)
        waiting = [
            f"{item}: {feedback}" for item, feedback in expected.pinned.items() if not held(newest, item, feedback)
        ]
    return waiting


def way_of_corrections(system: System) -> str:
    """How far the corrections came, for who looks for lost ones."""
    given = [e for e in (decode(v) for _, _, v in system.read(Channel.FEEDBACK)) if isinstance(e, FeedbackGiven)]
    entries = [decode(value) for _, _, value in system.read(Channel.LIBRARY_LOG)]
    logged = {entry.feedback.feedback_id for entry in entries if isinstance(entry, FeedbackSubmitted)}
    not_logged = sorted(event.feedback_id for event in given if event.feedback_id not in logged)
    refused = [letter.reason for letter in system.letters() if letter.stage in {"feedback", "cluster"}]
    return f"corrections given {len(given)}, not in a library's log {not_logged}, refused {refused}"


def held(newest: dict[str, ClusterAssigned], item: str, feedback: str) -> bool:
    """Whether the newest record of an item is pinned by that correction."""
    return item in newest and newest[item].pinned and newest[item].cause.feedback_id == feedback


def wait_until_settled(system: System, workload: Workload, supervisor: Supervisor) -> None:
    """Until every media and every correction is as expected, and nothing more comes for a while."""
    deadline = time.monotonic() + SETTLE_WITHIN_S
    waiting: list[str] = []
    while time.monotonic() < deadline:
        waiting = unfinished(system, workload)
        if not waiting:
            break
        time.sleep(2.0)  # between two readings of all topics
    if waiting:
        exits = supervisor.unexpected_exits()
        pytest.fail(f"{len(waiting)} not settled: {waiting[:10]}; exits {exits}; {way_of_corrections(system)}")
    quiet_since, count = time.monotonic(), -1
    while time.monotonic() - quiet_since < 6.0 and time.monotonic() < deadline:
        now = len(system.read(Channel.CLUSTER_ASSIGNED)) + len(system.read(Channel.LIBRARY_LOG))
        if now != count:
            quiet_since, count = time.monotonic(), now
        time.sleep(1.0)  # between two readings of all topics


@pytest.mark.timeout(900)
@pytest.mark.expects_errors
def test_twenty_faults_lose_nothing_and_double_nothing(
    kafka_broker, milvus_server_uri: str, redis_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    system = System(kafka_broker.bootstrap, milvus_server_uri, redis_url, tmp_path)
    create_topics(system.kafka)
    workload = Workload(system.media, SEED)
    events = workload.events()
    assert len(events) == 2_000
    supervisor = Supervisor(system.environment, tmp_path)
    request.addfinalizer(supervisor.close)
    for role in ("split", "embed", "feedback", "cluster", "cluster"):
        supervisor.add(role)
    began = time.monotonic()
    asyncio.run(under_faults(system, supervisor, kafka_broker, events))
    wait_until_settled(system, workload, supervisor)
    seconds = time.monotonic() - began
    assert supervisor.unexpected_exits() == []
    supervisor.close()

    expected = workload.expected
    newest, last = assignments(system)
    rows = {library: stored(system, library) for library in LIBRARIES}

    lost = [key for key, item in expected.scene_items.items() if item not in rows[key[0]]]
    assert lost == []
    assert all(len(found) == len(set(found)) for found in stored_ids(system).values())
    live = {item: record for item, record in newest.items() if record.decision not in {"removed", "retired"}}
    assert live == {item: record for library in LIBRARIES for item, record in rows[library].items()}
    assert {item: last[item].revision for item in last} == {item: newest[item].revision for item in newest}
    assert last == newest

    for item, feedback in expected.pinned.items():
        assert held(newest, item, feedback), newest[item]

    letters = system.letters()
    assert len({letter.letter_id for letter in letters}) == expected.bad_events
    assert Counter(letter.stage for letter in {one.letter_id: one for one in letters}.values()) == {
        "split": expected.bad_events
    }
    assert {status.state for statuses in system.statuses().values() for status in statuses.values()} <= ENDED

    log = KafkaLibraryLog(system.kafka, source="test")
    for library in LIBRARIES:
        fresh = MemoryStore()
        entries = replay_library(log, LibraryId(library), GENERATION, fresh)
        result = compare(MilvusStore(system.milvus), fresh, LibraryId(library), GENERATION, entries)
        assert result.different == ()
        assert result.items == len(rows[library])
    print(f"\n2,000 events, 20 faults, {len(live)} items, {len(newest)} ids, {seconds:.0f} s")  # noqa: T201


def assignments(system: System) -> tuple[dict[str, ClusterAssigned], dict[str, ClusterAssigned]]:
    """Per item: the record of the highest revision, and the last record of its key."""
    newest: dict[str, ClusterAssigned] = {}
    last: dict[str, ClusterAssigned] = {}
    for _, _, value in system.read(Channel.CLUSTER_ASSIGNED):
        record = decode(value)
        assert isinstance(record, ClusterAssigned)
        last[record.item_id] = record
        if record.item_id not in newest or record.revision >= newest[record.item_id].revision:
            newest[record.item_id] = record
    return newest, last


def stored(system: System, library: str) -> dict[str, ClusterAssigned]:
    store = MilvusStore(system.milvus)
    return {
        row.record.item_id: row.record for space in store.spaces() for row in store.items(LibraryId(library), space)
    }


def stored_ids(system: System) -> dict[str, list[str]]:
    store = MilvusStore(system.milvus)
    return {
        library: [row.record.item_id for space in store.spaces() for row in store.items(LibraryId(library), space)]
        for library in LIBRARIES
    }
