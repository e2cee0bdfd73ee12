"""A real Apache Kafka (KRaft, broker and controller in one process) on a local JVM."""

import base64
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from rushes.infra.local_stack.errors import EngineFailed
from rushes.infra.local_stack.kafka_jars import java, kafka_jars
from rushes.infra.local_stack.ports import accepts_connections, free_ports
from rushes.infra.local_stack.process import PROBE_EVERY_S, LocalProcess

_ONE_NODE: Final = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # Fewer internal partitions and no wait for further members: the first rebalance takes milliseconds, not 3 s.
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "4",
    "group.initial.rebalance.delay.ms": "0",
    # Fault tests want dead members noticed in seconds; the default forbids sessions below 6 s.
    "group.min.session.timeout.ms": "1000",
    # A killed broker is taken back only when its old session has ended: a restart takes 12 s by default, 4 s here.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
    # A misspelt topic must be an error, as in production.
    "auto.create.topics.enable": "false",
    # The cleaner's default of 128 MB does not fit the small heap below.
    "log.cleaner.dedupe.buffer.size": str(32 * 1024 * 1024),
}

_JVM: Final = ("-Xmx512m", "-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Boots in 2 s and stays near 350 MB; the serial collector is the fastest on few cores."""


class KafkaBroker(LocalProcess):
    """One broker with its own log folder and ports. `config` adds to or replaces server properties."""

    name: ClassVar[str] = "kafka"

    def __init__(self, folder: Path, *, cache: Path, config: Mapping[str, str] | None = None) -> None:
        super().__init__(folder)
        self._cache = cache.resolve()
        self._port, self._controller_port = free_ports(2)
        self._config = dict(config or {})
        self._class_path = ""
        self._java = ""

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def data_folder(self) -> Path:
        return self.folder / "data"

    def _prepare(self) -> None:
        self._java = java()
        self._class_path = f"{kafka_jars(self._cache)}/*"
        self._properties_file.write_text("".join(f"{name}={value}\n" for name, value in self._properties().items()))
        if not (self.data_folder / "meta.properties").exists():
            self._format()

    def _command(self) -> Sequence[str]:
        return [self._java, *_JVM, "-cp", self._class_path, "kafka.Kafka", str(self._properties_file)]

    def _is_ready(self) -> bool:
        return accepts_connections(self._port) and answers_metadata(self.bootstrap)

    @property
    def _properties_file(self) -> Path:
        return self.folder / "server.properties"

    def _properties(self) -> dict[str, str]:
        node = one_node_properties(self._port, self._controller_port)
        return {**node, "log.dirs": str(self.data_folder), **self._config}

    def _format(self) -> None:
        command = [self._java, "-cp", self._class_path, "kafka.tools.StorageTool", "format"]
        command += ["-t", _cluster_id(), "-c", str(self._properties_file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - made above
        if done.returncode != 0:
            raise EngineFailed(f"Kafka could not format {self.data_folder}:\n{done.stdout}{done.stderr}")


def one_node_properties(port: int, controller_port: int, *, listen_on: str = "127.0.0.1") -> dict[str, str]:
    """Server properties of a lone broker that clients reach at 127.0.0.1:port."""
    return {
        **_ONE_NODE,
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"PLAINTEXT://{listen_on}:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
    }


def wait_for_metadata(bootstrap: str, within_s: float = 60.0) -> None:
    """Returns when a broker tells its metadata. Raises EngineFailed after `within_s`."""
    deadline = time.monotonic() + within_s
    while not answers_metadata(bootstrap):
        if time.monotonic() > deadline:
            raise EngineFailed(f"no broker answered at {bootstrap} within {within_s:.0f} s")
        time.sleep(PROBE_EVERY_S)


def answers_metadata(bootstrap: str, timeout_s: float = 2.0) -> bool:
    """Whether a broker tells its metadata; an open port alone is no readiness."""
    # Level 0: a refused connection is what a waiting caller expects, not a line on its screen.
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    try:
        return len(admin.list_topics(timeout=timeout_s).brokers) > 0
    except KafkaException:
        return False


def _cluster_id() -> str:
    """A random id as Kafka writes it: 16 bytes in url-safe base64, and no dash in front, which would be an option."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        if not text.startswith("-"):
            return text
