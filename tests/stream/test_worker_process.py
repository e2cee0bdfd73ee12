"""Worker processes on a real Kafka: ended in every way, and what is left of their work."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from rushes.infra.local_stack.ports import free_ports
from rushes.schemas.envelope import encode
from rushes.schemas.media import MediaDeleted
from tests.waiting import eventually

PARTITIONS = 6
WORKER = Path(__file__).with_name("echo_worker.py")
ROOT = WORKER.parent.parent.parent


class Bench:
    """Topics, a group and workers of one test."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self.name = f"w{uuid.uuid4().hex[:8]}"
        self.bootstrap = bootstrap
        self.folder = folder
        self.workers: list[subprocess.Popen[bytes]] = []
        self.admin = AdminClient({"bootstrap.servers": bootstrap})
        self.topics = [f"{self.name}.{topic}" for topic in ("media-uploaded", "media-status", "dead-letters")]
        created = self.admin.create_topics([NewTopic(topic, PARTITIONS, 1) for topic in self.topics])
        for future in created.values():
            future.result()
        self._reader = Consumer({"bootstrap.servers": bootstrap, "group.id": f"{self.name}-reader"})
        self._reader.assign([TopicPartition(t, p, 0) for t in self.topics[1:] for p in range(PARTITIONS)])
        self.echoed: Counter[str] = Counter()
        self.letters: Counter[str] = Counter()

    def publish(self, names: list[str], partition: int | None = None) -> None:
        producer = Producer({"bootstrap.servers": self.bootstrap})
        for name in names:
            event = MediaDeleted(library_id="lib", media_id=name, version=1)
            place = {} if partition is None else {"partition": partition}
            producer.produce(self.topics[0], key=event.key.encode(), value=encode(event), **place)
        assert producer.flush(20) == 0

    def worker(self, instance: str | None = None, **environment: str) -> subprocess.Popen[bytes]:
        number = len(self.workers)
        settings = {
            "RUSHES_KAFKA__BOOTSTRAP": self.bootstrap,
            "RUSHES_KAFKA__TOPIC_PREFIX": f"{self.name}.",
            "RUSHES_KAFKA__GROUP_PREFIX": self.name,
            "RUSHES_KAFKA__SESSION_TIMEOUT_S": "6",
            "RUSHES_KAFKA__COMMIT_INTERVAL_S": "0.3",
            **({"RUSHES_KAFKA__INSTANCE": instance} if instance else {}),
            "PYTHONPATH": str(ROOT),
        }
        with (self.folder / f"worker{number}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, str(WORKER)], env={**os.environ, **settings, **environment}, stdout=log, stderr=log
            )
        self.workers.append(process)
        return process

    def log(self, number: int = 0) -> str:
        return (self.folder / f"worker{number}.log").read_text()

    def assigned(self, number: int = 0) -> bool:
        return "ASSIGNED" in self.log(number)

    def read(self) -> int:
        """Read on; how many distinct events came out so far, as outputs or letters."""
        while (record := self._reader.poll(0.05)) is not None:
            if record.error() is None:
                value = json.loads(record.value())
                if value["type"] == "DeadLetter":
                    self.letters[record.key().decode()] += 1
                else:
                    self.echoed[value["media_id"]] += 1
        return len(self.echoed) + len(self.letters)

    def committed(self) -> dict[int, int]:
        """Committed offset of each partition; -1 where there is none."""
        asked = [TopicPartition(self.topics[0], partition) for partition in range(PARTITIONS)]
        group = ConsumerGroupTopicPartitions(f"{self.name}-split", asked)
        (future,) = self.admin.list_consumer_group_offsets([group]).values()
        return {p.partition: max(p.offset, -1) for p in future.result().topic_partitions}

    def duplicates(self) -> int:
        return sum(self.echoed.values()) - len(self.echoed)

    def close(self) -> None:
        for process in self.workers:
            if process.poll() is None:
                process.kill()
                process.wait()
        self._reader.close()


@pytest.fixture
def bench(kafka_bootstrap: str, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(kafka_bootstrap, tmp_path)
    yield made
    made.close()


def names(count: int, prefix: str = "m") -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


def scraped(port: int) -> str:
    """What the worker's metrics say; nothing while it does not answer yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return answer.read().decode()
    except OSError:
        return ""


def test_a_join_and_a_sigterm_under_load_lose_nothing_and_repeat_nothing(bench: Bench) -> None:
    bench.publish([*names(400), *names(5, "bad")])
    first = bench.worker()
    eventually(lambda: bench.read() > 40)
    bench.worker()
    eventually(lambda: bench.assigned(1))
    eventually(lambda: bench.read() > 160)
    first.send_signal(signal.SIGTERM)
    assert first.wait(20) == 0
    assert "CLOSED" in bench.log(0)
    eventually(lambda: bench.read() >= 405, within_s=60)
    assert set(bench.echoed) == set(names(400))
    assert bench.duplicates() == 0
    assert sorted(bench.letters.values()) == [1] * 5


def test_a_kill_under_load_loses_nothing_and_a_static_member_goes_on_at_once(bench: Bench) -> None:
    bench.publish([*names(200), *names(3, "bad")])
    first = bench.worker("slot-0")
    eventually(lambda: bench.read() > 60)
    first.kill()
    first.wait()
    bench.worker("slot-0")
    eventually(lambda: bench.read() >= 203, within_s=60)
    assert set(bench.echoed) == set(names(200))
    assert len(bench.letters) == 3


def test_an_idle_worker_says_so_and_ends_on_sigterm_within_a_second(bench: Bench) -> None:
    bench.publish(names(20))
    (port,) = free_ports(1)
    worker = bench.worker(RUSHES_METRICS__PORT=str(port), RUSHES_RUNNER__STALLED_AFTER_S="8")
    eventually(lambda: bench.read() >= 20)
    eventually(lambda: 'rushes_stage_state{stage="split",state="idle"} 1.0' in scraped(port))
    assert 'rushes_events_total{result="done",stage="split"} 20.0' in scraped(port)
    started = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(20) == 0
    assert time.monotonic() - started < 1.0
    assert sum(offset for offset in bench.committed().values() if offset > 0) == 20


def test_a_stuck_stage_ends_its_process_and_nothing_is_committed_past_its_event(bench: Bench) -> None:
    bench.publish([*names(5), "stuck", *names(5, "later")], partition=2)
    worker = bench.worker(RUSHES_RUNNER__STALLED_AFTER_S="2")
    assert worker.wait(30) == 70
    stalled = next(line for line in bench.log(0).splitlines() if "stalled: nothing moved" in line)
    assert "offset=5" in stalled
    assert "partition=2" in stalled
    assert bench.committed() == {**dict.fromkeys(range(PARTITIONS), -1), 2: 5}


def test_a_dependency_that_stays_away_ends_the_worker_with_75_and_leaves_the_event_for_later(bench: Bench) -> None:
    bench.publish([*names(3), "away"], partition=1)
    worker = bench.worker(RUSHES_RUNNER__ATTEMPTS="3", RUSHES_RUNNER__BACKOFF_FIRST_S="0.05")
    assert worker.wait(30) == 75
    assert bench.committed()[1] == 3
    bench.read()
    assert not bench.letters


def test_a_worker_without_a_broker_ends_with_75(tmp_path: Path) -> None:
    settings = {"RUSHES_KAFKA__BOOTSTRAP": "127.0.0.1:9", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, WORKER], env={**os.environ, **settings}, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 75
    assert b"127.0.0.1:9" in done.stderr
