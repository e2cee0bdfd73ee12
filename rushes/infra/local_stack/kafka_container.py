"""The same broker in a container, where a Docker engine answers and Java or Maven is missing."""

from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

from rushes.infra.local_stack.errors import EngineMissing
from rushes.infra.local_stack.kafka_broker import KafkaBroker, one_node_properties, wait_for_metadata
from rushes.infra.local_stack.kafka_jars import java, kafka_jars
from rushes.infra.local_stack.ports import free_ports

IMAGE: Final = "apache/kafka:4.1.0"
"""The release of the jars in kafka/pom.xml."""

_STOP_WITHIN_S: Final = 20


class KafkaHandle(Protocol):
    """A broker that tests start and break; the same ports and data after each start."""

    @property
    def bootstrap(self) -> str: ...

    def start(self) -> Self: ...

    def stop(self) -> None: ...

    def kill(self) -> None: ...

    def restart(self) -> Self: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...


class KafkaContainer:
    """One broker in a container on a fixed port. It keeps its data until `remove`, which leaving its context does.

    testcontainers' own reaper removes it when this process dies.
    """

    def __init__(self) -> None:
        from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - a package of tests only

        self._port, controller = free_ports(2)
        self._container = DockerContainer(IMAGE).with_bind_ports(self._port, self._port)
        for name, value in one_node_properties(self._port, controller, listen_on="0.0.0.0").items():  # noqa: S104 - inside the container
            self._container.with_env("KAFKA_" + name.upper().replace(".", "_"), value)
        self._created = False

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self._port}"

    def start(self) -> Self:
        if not self._created:
            self._container.start()
            self._created = True
        else:
            self._container.get_wrapped_container().start()
        wait_for_metadata(self.bootstrap)
        return self

    def stop(self) -> None:
        if self._created:
            self._container.get_wrapped_container().stop(timeout=_STOP_WITHIN_S)

    def kill(self) -> None:
        if self._created:
            self._container.get_wrapped_container().kill()

    def restart(self) -> Self:
        self.stop()
        return self.start()

    def pause(self) -> None:
        self._container.get_wrapped_container().pause()

    def resume(self) -> None:
        self._container.get_wrapped_container().unpause()

    def remove(self) -> None:
        if self._created:
            self._container.stop()
            self._created = False

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


def local_kafka(folder: Path, *, cache: Path) -> KafkaBroker | KafkaContainer:
    """A broker, not yet started: of the jars where Java and Maven are here, else in a container.

    Raises EngineMissing, which says how to get either.
    """
    try:
        java()
        kafka_jars(cache.resolve())
    except EngineMissing as missing:
        if not docker_answers():
            raise EngineMissing(f"{missing}; or start a Docker engine (and install testcontainers)") from missing
        return KafkaContainer()
    return KafkaBroker(folder, cache=cache)


def docker_answers() -> bool:
    """Whether testcontainers is installed and a Docker engine answers it."""
    try:
        import docker  # type: ignore[import-untyped]  # noqa: PLC0415 - comes with testcontainers, a package of tests
        import testcontainers.core.container  # noqa: F401, PLC0415
    except ImportError:
        return False
    try:
        return bool(docker.from_env(timeout=5).ping())
    except (docker.errors.DockerException, OSError):
        return False
