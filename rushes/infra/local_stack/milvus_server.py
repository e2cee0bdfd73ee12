"""The Milvus server of the PyPI package `milvus` (2.3.5, standalone with embedded etcd and RocksMQ; Linux).

The package's own launcher is not used: it fixes etcd's peer port, so that a second instance aborts, and takes another
port without a word when the configured one is busy. The configuration is written once and the binary started here.
"""

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final

from rushes.infra.local_stack.download import once
from rushes.infra.local_stack.errors import EngineMissing
from rushes.infra.local_stack.ports import accepts_connections, free_ports
from rushes.infra.local_stack.process import LocalProcess

PACKAGE_VERSION: Final = "2.3.5"

_CONFIG: Final[Mapping[str, int | str]] = {
    # Strong reads wait for the next tick: 50 ms instead of 200 ms, for 11 % of a core when idle instead of 2 %.
    "proxy.timeTickInterval": 50,
    # Seconds until a restart may take over from a killed predecessor: 9-25 s to the first answer instead of 36-48 s.
    "common.session.ttl": 5,
    # Seconds; the default of 1,800 makes SIGTERM hang.
    "common.gracefulStopTimeout": 5,
    # Milliseconds between the coordinator's looks at what is to be loaded: a fresh collection is searchable sooner.
    "queryCoord.checkInterval": 200,
    "queryCoord.distPullInterval": 200,
    "queryCoord.checkHandoffInterval": 1000,
    # One user, little data: fewer channels, smaller segments and pages.
    "rootCoord.dmlChannelNum": 2,
    "rocksmq.rocksmqPageSize": 16 * 1024 * 1024,
    "rocksmq.retentionTimeInMinutes": 60,
    "rocksmq.retentionSizeInMB": 512,
    "rocksmq.lrucacheratio": "0.02",
    "dataNode.segment.insertBufSize": 4 * 1024 * 1024,
    "dataCoord.segment.maxSize": 128,
    "log.level": "warn",
}

_PROBE_COLLECTION: Final = "local_stack_probe"
"""An empty collection of this module's own: only a strongly consistent query shows that the server is ready. Its open
port and its health page come up to 40 s too early after a crash."""

_PROBE_TIMEOUT_S: Final = 5.0


class MilvusServer(LocalProcess):
    """One server with its own folder and ports; several run side by side.

    Strongly consistent reads are right as soon as `start` returns. After `kill`, a start takes 9 to 35 s.
    """

    name: ClassVar[str] = "milvus"
    start_within_s: ClassVar[float] = 120.0
    stop_within_s: ClassVar[float] = 12.0

    def __init__(self, folder: Path, *, cache: Path) -> None:
        super().__init__(folder)
        self._cache = cache.resolve()
        self._port, self._metrics_port, self._etcd_peer_port, self._etcd_port, *self._other_ports = free_ports(14)
        self._binaries = Path()

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def _prepare(self) -> None:
        self._binaries = milvus_binaries(self._cache)
        if not self._etcd_config.exists():
            self._configure()

    def _command(self) -> Sequence[str]:
        return [str(self._binaries / "bin" / "milvus"), "run", "standalone"]

    def _environment(self) -> Mapping[str, str]:
        return {
            "DEPLOY_MODE": "STANDALONE",
            "METRICS_PORT": str(self._metrics_port),
            "MILVUS_RUN_DIR": str(self.folder / "run"),
            "LD_LIBRARY_PATH": str(self._binaries / "bin"),
            "ETCD_CONFIG_PATH": str(self._etcd_config),
        }

    def _is_ready(self) -> bool:
        return accepts_connections(self._port) and answers_strong_query(self.uri)

    @property
    def _etcd_config(self) -> Path:
        return self.folder / "configs" / "embedEtcd.yaml"

    def _configure(self) -> None:
        from milvus import MilvusServerConfig  # noqa: PLC0415 - a package of tests only, present by now

        config = MilvusServerConfig(data_dir=str(self.folder))
        others = iter(self._other_ports)
        named = {"proxy_port": self._port, "etcd_port": self._etcd_port}
        ports = [key for key in config.configurable_items if key.endswith("_port")]
        config.update(**{key: named.get(key) or next(others) for key in ports})
        for key, value in _CONFIG.items():
            config.set(key, value)
        config.resolve()
        client, peer = f"http://127.0.0.1:{self._etcd_port}", f"http://127.0.0.1:{self._etcd_peer_port}"
        self._etcd_config.write_text(
            f"listen-client-urls: {client}\nadvertise-client-urls: {client}\nlisten-peer-urls: {peer}\n"
            f"initial-advertise-peer-urls: {peer}\ninitial-cluster: default={peer}\n"
        )


def milvus_binaries(cache: Path) -> Path:
    """Folder with `bin/milvus` and its libraries (240 MB), unpacked once below `cache`. Raises EngineMissing."""
    how = f"install the PyPI package milvus=={PACKAGE_VERSION} (it is in the development group; Linux only)"
    try:
        import milvus  # noqa: PLC0415 - a package of tests only
    except ImportError as error:
        raise EngineMissing(f"expected the Python package `milvus`, found none; {how}") from error
    if milvus.__version__ != PACKAGE_VERSION:
        raise EngineMissing(
            f"expected the Python package `milvus` {PACKAGE_VERSION}, found {milvus.__version__}; {how}"
        )
    return once(cache / f"milvus-{PACKAGE_VERSION}", lambda folder: milvus._initialize_data_files(str(folder)))  # noqa: SLF001 - the package has no public way to unpack


def answers_strong_query(uri: str) -> bool:
    """Whether the server at `uri` answers a strongly consistent query now."""
    import grpc  # type: ignore[import-untyped]  # noqa: PLC0415 - comes with pymilvus
    from pymilvus import DataType, MilvusClient  # noqa: PLC0415 - takes two seconds to import
    from pymilvus.exceptions import MilvusException  # noqa: PLC0415

    with _quiet_pymilvus():
        try:
            client = MilvusClient(uri, timeout=_PROBE_TIMEOUT_S)
        except (MilvusException, grpc.RpcError):
            return False
        try:
            if not client.has_collection(_PROBE_COLLECTION, timeout=_PROBE_TIMEOUT_S):
                schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
                schema.add_field("pk", DataType.VARCHAR, is_primary=True, max_length=8)
                schema.add_field("vector", DataType.FLOAT_VECTOR, dim=2)
                index = client.prepare_index_params()
                index.add_index("vector", index_type="FLAT", metric_type="COSINE")
                client.create_collection(_PROBE_COLLECTION, schema=schema, index_params=index, timeout=_PROBE_TIMEOUT_S)
            client.load_collection(_PROBE_COLLECTION, timeout=_PROBE_TIMEOUT_S)
            client.query(
                _PROBE_COLLECTION, filter='pk != ""', limit=1, consistency_level="Strong", timeout=_PROBE_TIMEOUT_S
            )
        except (MilvusException, grpc.RpcError):
            return False
        else:
            return True
        finally:
            client.close()


@contextlib.contextmanager
def _quiet_pymilvus() -> Iterator[None]:
    """Mutes pymilvus, which logs a failed call as an error with its traceback: who waits expects failures."""
    logger = logging.getLogger("pymilvus")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
