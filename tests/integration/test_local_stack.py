"""The engines that tests start: real ones, that keep their place and leave nothing behind."""

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil
import pytest
import redis
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from pymilvus import MilvusClient

from rushes.infra.local_stack import kafka_container
from rushes.infra.local_stack.download import once
from rushes.infra.local_stack.errors import EngineFailed, EngineMissing
from rushes.infra.local_stack.kafka_broker import KafkaBroker
from rushes.infra.local_stack.kafka_container import KafkaHandle
from rushes.infra.local_stack.milvus_server import MilvusServer
from rushes.infra.local_stack.process import LocalProcess, program
from rushes.infra.local_stack.redis_server import RedisServer
from tests.waiting import eventually


@pytest.fixture
def own_broker(kafka_broker: KafkaHandle, tmp_path: Path, engine_cache: Path):
    """A broker for one test to break; only where the session's broker is a local process too."""
    if not isinstance(kafka_broker, KafkaBroker):
        pytest.skip("the session's Kafka is a container")
    with KafkaBroker(tmp_path, cache=engine_cache) as broker:
        yield broker


def test_an_acknowledged_record_outlives_kill_nine_of_the_broker(own_broker: KafkaBroker) -> None:
    admin = AdminClient({"bootstrap.servers": own_broker.bootstrap, "log_level": 0})
    admin.create_topics([NewTopic("kept", num_partitions=1, replication_factor=1)])["kept"].result(10)
    producer = Producer({"bootstrap.servers": own_broker.bootstrap, "acks": "all", "log_level": 0})
    producer.produce("kept", b"here")
    assert producer.flush(10) == 0
    before = own_broker.bootstrap

    own_broker.kill()
    own_broker.restart()

    assert own_broker.bootstrap == before
    consumer = Consumer({"bootstrap.servers": before, "group.id": "g", "auto.offset.reset": "earliest", "log_level": 0})
    consumer.subscribe(["kept"])
    message = consumer.poll(30)
    consumer.close()
    assert message is not None
    assert message.value() == b"here"


def test_topics_are_not_created_by_misspelling_them(kafka_bootstrap: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap})
    name = f"misspelt-{uuid.uuid4()}"
    admin.list_topics(topic=name, timeout=10)
    assert name not in admin.list_topics(timeout=10).topics


def test_redis_answers_and_is_empty_after_a_restart(redis_server: RedisServer, tmp_path: Path) -> None:
    with RedisServer(tmp_path) as own:
        client = redis.Redis.from_url(own.url)
        client.set("key", b"value")
        assert client.get("key") == b"value"
        own.restart()
        assert client.get("key") is None
        client.close()


def test_a_strong_read_sees_rows_written_before_kill_nine(
    milvus_server: MilvusServer, tmp_path: Path, engine_cache: Path
) -> None:
    with MilvusServer(tmp_path, cache=engine_cache) as own:  # the second server on this machine
        client = MilvusClient(own.uri)
        client.create_collection("rows", dimension=4, consistency_level="Strong")
        client.upsert("rows", [{"id": n, "vector": [1.0, 0.0, 0.0, n]} for n in range(50)])
        client.close()

        own.kill()
        own.restart()

        client = MilvusClient(own.uri)
        client.load_collection("rows")
        rows = client.query("rows", filter="id >= 0", output_fields=["id"], limit=100, consistency_level="Strong")
        client.close()
        own.kill()
    assert sorted(row["id"] for row in rows) == list(range(50))


def test_engines_die_with_the_process_that_started_them(redis_server: RedisServer, tmp_path: Path) -> None:
    script = (
        "import pathlib, sys, time\n"
        "from rushes.infra.local_stack.redis_server import RedisServer\n"
        "server = RedisServer(pathlib.Path(sys.argv[1])).start()\n"
        "print(server.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    engine = psutil.Process(int(starter.stdout.readline()))
    assert engine.is_running()

    starter.send_signal(signal.SIGKILL)
    starter.communicate()

    eventually(lambda: not engine.is_running() or engine.status() == psutil.STATUS_ZOMBIE)


def test_a_frozen_engine_can_be_stopped_and_started_again(redis_server: RedisServer, tmp_path: Path) -> None:
    with RedisServer(tmp_path) as own:
        own.pause()
        began = time.monotonic()
        own.restart()
        assert time.monotonic() - began < own.stop_within_s, "it had to be killed"
        with redis.Redis.from_url(own.url) as client:
            assert client.ping()


def test_a_download_is_made_once_by_whoever_comes_first(tmp_path: Path) -> None:
    script = (
        "import pathlib, sys\n"
        "from rushes.infra.local_stack.download import once\n"
        "def fill(folder):\n"
        "    with (pathlib.Path(sys.argv[1]) / 'fills').open('a') as file:\n"
        "        file.write('x')\n"
        "    (folder / 'jar').write_text('whole')\n"
        "print((once(pathlib.Path(sys.argv[1]) / 'jars', fill) / 'jar').read_text())\n"
    )
    askers = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert [asker.communicate()[0] for asker in askers] == ["whole\n"] * 4
    assert (tmp_path / "fills").read_text() == "x"


def test_an_interrupted_download_leaves_nothing_and_is_made_again(tmp_path: Path) -> None:
    def broken(folder: Path) -> None:
        (folder / "half").write_text("")
        raise ConnectionError("the line is down")

    with pytest.raises(ConnectionError):
        once(tmp_path / "jars", broken)
    assert [path.name for path in tmp_path.iterdir()] == ["jars.lock"]
    assert once(tmp_path / "jars", lambda folder: (folder / "jar").touch()) == tmp_path / "jars"
    assert [path.name for path in (tmp_path / "jars").iterdir()] == ["jar"]


def test_without_java_and_docker_the_message_says_how_to_get_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(kafka_container, "docker_answers", lambda: False)
    with pytest.raises(EngineMissing, match=r"apt install openjdk-17.*or start a Docker engine"):
        kafka_container.local_kafka(tmp_path, cache=tmp_path)


class Clock(LocalProcess):
    """An engine that ends while it starts."""

    name = "clock"

    def _prepare(self) -> None:
        pass

    def _command(self) -> list[str]:
        return ["/bin/sh", "-c", "echo the spring is broken; exit 3"]

    def _is_ready(self) -> bool:
        return False


def test_an_engine_that_does_not_come_up_shows_its_log(tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match="the spring is broken"):
        Clock(tmp_path).start()


def test_a_missing_program_says_how_to_get_it() -> None:
    with pytest.raises(EngineMissing, match=r"apt install left-handed-screwdriver"):
        program("left-handed-screwdriver", "apt install left-handed-screwdriver")


def test_a_run_that_must_have_real_engines_fails_instead_of_skipping(tmp_path: Path) -> None:
    (tmp_path / "test_needs_redis.py").write_text("def test_it(redis_url):\n    pass\n")
    (tmp_path / "conftest.py").write_text((Path(__file__).parent.parent / "conftest.py").read_text())
    bare = {"PATH": "/nowhere", "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}

    def outcome(**promise: str) -> str:
        command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", str(tmp_path)]
        done = subprocess.run(command, env=bare | promise, cwd=tmp_path, capture_output=True, text=True, check=False)
        return done.stdout

    assert "1 skipped" in outcome()
    assert "apt install redis-server" in outcome()
    assert "1 error" in outcome(CI="true")
    assert "1 error" in outcome(RUSHES_REQUIRE_REAL="1")
