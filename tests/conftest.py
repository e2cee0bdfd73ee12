"""Fixtures of all tests: the evaluation data, real engines, and no unexpected ERROR in any log."""

import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from rushes.infra.local_stack.errors import EngineMissing
from rushes.infra.local_stack.kafka_container import KafkaHandle, local_kafka
from rushes.infra.local_stack.milvus_server import MilvusServer
from rushes.infra.local_stack.redis_server import RedisServer

MARKER_OF_FIXTURE = {
    "kafka_broker": "kafka",
    "milvus_server": "milvus",
    "redis_server": "redis",
    "test_data": "data",
}


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder of the evaluation data; the test is skipped where RUSHES_TEST_DATA names none."""
    place = os.environ.get("RUSHES_TEST_DATA")
    if not place or not Path(place).is_dir():
        pytest.skip("set RUSHES_TEST_DATA to the folder of the evaluation data")
    return Path(place).resolve()


@pytest.fixture(scope="session", autouse=True)
def _structlog_to_logging() -> None:
    """Sends the product's log lines where pytest sees them."""
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, structlog.stdlib.render_to_log_kwargs],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


@pytest.fixture(autouse=True)
def _no_unexpected_errors(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture):
    """Fails a test that logged an ERROR it did not announce with `@pytest.mark.expects_errors`."""
    yield
    if request.node.get_closest_marker("expects_errors"):
        return
    errors = [r for when in ("setup", "call") for r in caplog.get_records(when) if r.levelno >= logging.ERROR]
    assert not errors, "logged errors: " + "; ".join(r.getMessage() for r in errors)


def pytest_configure() -> None:
    """A shell starts what runs in the background with SIGINT ignored, which the programs that tests start would inherit
    and never hear a Ctrl-C.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that uses an engine's fixture bears its marker, so that `-m "not kafka"` needs no care."""
    for item in items:
        for fixture, marker in MARKER_OF_FIXTURE.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(marker)


def _without(engine: EngineMissing) -> None:
    """Skips the test for want of an engine; where engines are promised (CI), fails it."""
    if os.environ.get("CI") == "true" or os.environ.get("RUSHES_REQUIRE_REAL") == "1":
        pytest.fail(f"this run must have real engines: {engine}", pytrace=False)
    pytest.skip(str(engine))


@pytest.fixture(scope="session")
def engine_cache() -> Path:
    """Folder of downloads that outlive a run: RUSHES_CACHE, or `.cache` at the root of the repository."""
    place = os.environ.get("RUSHES_CACHE")
    return Path(place).resolve() if place else Path(__file__).resolve().parent.parent / ".cache"


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory, engine_cache: Path) -> Iterator[KafkaHandle]:
    """A real broker, shared by the session's tests. Name topics and groups uniquely; leave it running."""
    try:
        broker = local_kafka(tmp_path_factory.mktemp("kafka"), cache=engine_cache)
    except EngineMissing as missing:
        _without(missing)
    with broker:
        yield broker


@pytest.fixture(scope="session")
def kafka_bootstrap(kafka_broker: KafkaHandle) -> str:
    """`host:port` of the session's broker."""
    return kafka_broker.bootstrap


@pytest.fixture(scope="session")
def milvus_server(tmp_path_factory: pytest.TempPathFactory, engine_cache: Path) -> Iterator[MilvusServer]:
    """A real Milvus server, shared by the session's tests. Name collections uniquely; leave it running."""
    server = MilvusServer(tmp_path_factory.mktemp("milvus"), cache=engine_cache)
    try:
        server.start()
    except EngineMissing as missing:
        _without(missing)
    yield server
    server.kill()


@pytest.fixture(scope="session")
def milvus_server_uri(milvus_server: MilvusServer) -> str:
    """`http://host:port` of the session's Milvus server."""
    return milvus_server.uri


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A real redis-server, shared by the session's tests. Leave it running."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    try:
        server.start()
    except EngineMissing as missing:
        _without(missing)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def redis_url(redis_server: RedisServer) -> str:
    """`redis://host:port/0` of the session's server."""
    return redis_server.url
