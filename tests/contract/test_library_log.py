"""What every library log promises: in memory, as a journal on the disk, and on Kafka."""

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import pytest
from confluent_kafka import Producer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from rushes.infra.kafka.admin import create_topics, grow
from rushes.infra.kafka.topics import topic_name
from rushes.infra.library_log.journal import JournalLibraryLog
from rushes.infra.library_log.kafka import KafkaLibraryLog
from rushes.infra.library_log.memory import MemoryLibraryLog
from rushes.infra.library_log.port import LibraryLog, LogPosition, LogRecord
from rushes.infra.settings import KafkaSettings
from rushes.schemas.channels import Channel
from rushes.schemas.errors import ConfigurationError
from rushes.schemas.ids import LibraryId
from rushes.schemas.log import EntrySkipped, LogEntry, MediaRemoved, MediaTotals, PolicyChanged


class Place(Protocol):
    """Where a log lies, whatever handles come and go."""

    def open(self) -> LibraryLog:
        """A handle of the only writer; the one before is closed."""
        ...

    def another(self) -> LibraryLog:
        """A handle of a second writer at the same time, or where there can be none, the first's."""
        ...

    def grow(self, partitions: int) -> None: ...

    def put_bytes(self, partition: int, value: bytes) -> None:
        """Behind the log's back."""
        ...


class InMemory:
    def __init__(self) -> None:
        self.log = MemoryLibraryLog(partitions=3)

    def open(self) -> LibraryLog:
        return self.log

    def another(self) -> LibraryLog:
        return self.open()

    def grow(self, partitions: int) -> None:
        self.log.grow(partitions)

    def put_bytes(self, partition: int, value: bytes) -> None:
        self.log._records[partition].append(value)

    def close(self) -> None:
        pass


class OnDisk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log: JournalLibraryLog | None = None

    def open(self) -> LibraryLog:
        self.close()
        self.log = JournalLibraryLog(self.folder)
        return self.log

    def another(self) -> LibraryLog:
        return self.log or self.open()

    def grow(self, partitions: int) -> None:
        pass

    def put_bytes(self, partition: int, value: bytes) -> None:
        self.close()
        with (self.folder / "library-log.jsonl").open("ab") as file:
            file.write(value + b"\n")

    def close(self) -> None:
        if self.log is not None:
            self.log.close()
        self.log = None


class OnKafka:
    def __init__(self, bootstrap: str) -> None:
        self.kafka = KafkaSettings(
            bootstrap=bootstrap,
            topic_prefix=f"log{uuid.uuid4().hex[:8]}.",
            partitions=3,
            replication=1,
            min_insync_replicas=1,
        )
        create_topics(self.kafka)
        self.logs: list[KafkaLibraryLog] = []

    def open(self) -> LibraryLog:
        log = KafkaLibraryLog(self.kafka)
        self.logs.append(log)
        return log

    def another(self) -> LibraryLog:
        return self.open()

    def grow(self, partitions: int) -> None:
        grow(self.kafka, Channel.LIBRARY_LOG, partitions)

    def put_bytes(self, partition: int, value: bytes) -> None:
        producer = Producer({"bootstrap.servers": self.kafka.bootstrap})
        producer.produce(topic_name(self.kafka, Channel.LIBRARY_LOG), value, partition=partition)
        assert producer.flush(10) == 0

    def close(self) -> None:
        for log in self.logs:
            log.close()


@pytest.fixture(params=["memory", "journal", pytest.param("kafka", marks=pytest.mark.kafka)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    match request.param:
        case "memory":
            found = InMemory()
        case "journal":
            found = OnDisk(tmp_path)
        case _:
            found = OnKafka(request.getfixturevalue("kafka_bootstrap"))
    yield found
    found.close()


def entry(library: str, number: int) -> PolicyChanged:
    return PolicyChanged(library_id=library, entry_id=str(uuid.uuid4()), policy=f"p{number}")


def entries(library: str, count: int, first: int = 0) -> list[LogEntry]:
    return [entry(library, number) for number in range(first, first + count)]


def told(log: LibraryLog, library: str) -> list[LogEntry]:
    """The library's entries, in the order of its partition."""
    found = (record.entry for record in log.read(log.partition_of(LibraryId(library))))
    return [e for e in found if e is not None and e.library_id == library]


def test_entries_come_back_in_the_order_of_their_appends(place: Place) -> None:
    log, sent = place.open(), entries("a", 30)
    first = log.append(sent[:10])
    positions = first + [p for e in sent[10:] for p in log.append([e])]

    partition = log.partition_of(LibraryId("a"))
    assert {p.partition for p in positions} == {partition}
    assert positions == sorted(set(positions))
    assert list(log.read(partition)) == [LogRecord(p, e) for p, e in zip(positions, sent, strict=True)]


def test_what_an_append_returned_is_there_after_a_restart(place: Place) -> None:
    sent = entries("a", 5)
    positions = place.open().append(sent)
    again = place.open()
    assert list(again.read(positions[0].partition)) == [LogRecord(p, e) for p, e in zip(positions, sent, strict=True)]
    more = entries("a", 2, first=5)
    assert again.append(more)[0] > positions[-1]
    assert told(again, "a") == sent + more


def test_a_library_stays_in_its_partition_when_the_log_grows(place: Place) -> None:
    log = place.open()
    libraries = [LibraryId(f"library-{n}") for n in range(12)]
    before = {library: log.partition_of(library) for library in libraries}
    first = {library: entry(library, 0) for library in libraries}
    log.append(list(first.values()))

    place.grow(8)

    assert {library: log.partition_of(library) for library in libraries} == before
    newcomer = place.another()
    assert {library: newcomer.partition_of(library) for library in libraries} == before
    second = {library: entry(library, 1) for library in libraries}
    newcomer.append(list(second.values()))
    for library in libraries:
        assert told(log, library) == [first[library], second[library]]


def test_two_writers_that_meet_a_new_library_agree_on_its_place(place: Place) -> None:
    writers = [place.open(), place.another()]
    libraries = [LibraryId(f"new-{n}") for n in range(8)]
    start = threading.Barrier(len(writers))

    def place_all(log: LibraryLog) -> list[int]:
        start.wait()
        return [log.partition_of(library) for library in libraries]

    with ThreadPoolExecutor(len(writers)) as pool:
        answers = list(pool.map(place_all, writers))
    assert answers[0] == answers[1]
    assert answers[0] == [place.another().partition_of(library) for library in libraries]


def test_libraries_written_at_the_same_time_do_not_mix(place: Place) -> None:
    place.open()
    sent = {library: entries(library, 40) for library in ("a", "b", "c", "d")}
    writers = {library: place.another() for library in sent}

    def write(library: str) -> None:
        for at in range(0, 40, 4):
            writers[library].append(sent[library][at : at + 4])

    with ThreadPoolExecutor(len(sent)) as pool:
        list(pool.map(write, sent))

    log = place.another()
    assert {library: told(log, library) for library in sent} == sent
    partitions = {log.partition_of(LibraryId(library)) for library in sent}
    assert sum(len(list(log.read(partition))) for partition in partitions) == 160


def test_one_append_may_hold_several_libraries(place: Place) -> None:
    log = place.open()
    sent = [entry(library, number) for number in range(5) for library in ("x", "y", "z")]
    positions = log.append(sent)
    assert [p.partition for p in positions] == [log.partition_of(LibraryId(e.library_id)) for e in sent]
    for library in ("x", "y", "z"):
        assert told(log, library) == [e for e in sent if e.library_id == library]


def test_a_read_begins_at_start_and_ends_before_until(place: Place) -> None:
    log = place.open()
    positions = log.append(entries("a", 10))
    partition = positions[0].partition

    def offsets(start: int, until: int | None = None) -> list[int]:
        return [record.position.offset for record in log.read(partition, start, until)]

    all_offsets = [p.offset for p in positions]
    assert offsets(0) == all_offsets
    assert offsets(all_offsets[4]) == all_offsets[4:]
    assert offsets(all_offsets[2], all_offsets[6]) == all_offsets[2:6]
    assert offsets(all_offsets[2], all_offsets[2]) == []
    assert offsets(all_offsets[8], all_offsets[-1] + 100) == all_offsets[8:], "until lies behind the end"
    assert offsets(all_offsets[-1] + 1) == []
    assert offsets(all_offsets[-1] + 100) == []


def test_a_read_ends_where_the_log_ended_at_the_call(place: Place) -> None:
    log = place.open()
    first = log.append(entries("a", 3))
    records = log.read(first[0].partition)
    log.append(entries("a", 3, first=3))
    assert [record.position for record in records] == first


def test_an_empty_partition_and_an_empty_append_are_nothing(place: Place) -> None:
    log = place.open()
    assert log.append([]) == []
    assert list(log.read(log.partition_of(LibraryId("a")))) == []


def test_bytes_that_are_no_entry_are_skipped_loudly_and_stop_nothing(place: Place) -> None:
    log = place.open()
    before, after = entries("a", 1), entries("a", 1, first=1)
    log.append(before)
    partition = log.partition_of(LibraryId("a"))
    place.put_bytes(partition, b'{"type": "Nonsense"}')
    place.put_bytes(partition, b"\xff\x00 no json")
    log = place.open()
    log.append(after)

    with capture_logs() as lines:
        records = list(log.read(partition))

    assert [record.entry for record in records] == [*before, None, None, *after]
    assert len({record.position for record in records}) == 4
    assert [(line["log_level"], line["offset"]) for line in lines] == [
        ("warning", records[1].position.offset),
        ("warning", records[2].position.offset),
    ]


def test_an_entry_over_the_limit_is_refused_and_nothing_of_its_batch_is_written(place: Place) -> None:
    log = place.open()
    huge = EntrySkipped(
        library_id="a", entry_id=str(uuid.uuid4()), skipped_entry_id=str(uuid.uuid4()), code="c", reason="x" * 600_000
    )
    with pytest.raises(ValueError, match="at most"):
        log.append([entry("a", 0), huge])
    assert told(log, "a") == []


def test_reading_a_partition_that_is_not_there_is_an_error(place: Place) -> None:
    with pytest.raises(ConfigurationError):
        list(place.open().read(99))


uuids = st.uuids().map(str)
anything = st.text(max_size=40)
log_entries = st.one_of(
    st.builds(
        PolicyChanged,
        library_id=st.sampled_from(["a", "b", "c"]),
        entry_id=uuids,
        policy=anything,
        parameters=st.dictionaries(anything, st.floats(allow_nan=False, allow_infinity=False), max_size=3),
    ),
    st.builds(
        EntrySkipped,
        library_id=st.sampled_from(["a", "b", "c"]),
        entry_id=uuids,
        skipped_entry_id=uuids,
        code=anything,
        reason=anything,
    ),
    st.builds(
        MediaRemoved,
        library_id=st.sampled_from(["a", "b", "c"]),
        entry_id=uuids,
        media_id=st.sampled_from(["film", "f\u2028ilm", "фильм 🎬", 'quo"te\\']),
        version=st.integers(0, 2**53),
    ),
    st.builds(
        MediaTotals,
        library_id=st.sampled_from(["a", "b", "c"]),
        entry_id=uuids,
        media_id=st.just("film"),
        version=st.integers(0, 10),
        shot_ids=st.lists(uuids, max_size=3).map(tuple),
        shot_count=st.integers(0, 10),
    ),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(log_entries, max_size=6), max_size=4))
def test_what_is_read_is_what_was_appended(place: Place, batches: list[list[LogEntry]]) -> None:
    log = place.open()
    starts = {p: max((r.position.offset + 1 for r in log.read(p)), default=0) for p in _partitions(log)}
    written: dict[LogPosition, LogEntry] = {}
    for batch in batches:
        written.update(zip(log.append(batch), batch, strict=True))
    found = {r.position: r.entry for p, start in starts.items() for r in log.read(p, start)}
    assert found == written


def _partitions(log: LibraryLog) -> set[int]:
    return {log.partition_of(LibraryId(library)) for library in ("a", "b", "c")}


def test_several_entries_of_the_largest_size_fit_one_append(place: Place) -> None:
    log = place.open()
    sent = [
        EntrySkipped(
            library_id="a", entry_id=str(uuid.uuid4()), skipped_entry_id=str(uuid.uuid4()), code="c", reason="x" * size
        )
        for size in (523_000, 523_500, 400_000, 523_000, 10, 523_000)
    ]
    log.append(sent)
    assert told(log, "a") == sent
