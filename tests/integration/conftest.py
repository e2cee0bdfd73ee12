"""What tests of a running system share."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.running_system import System


@pytest.fixture
def system(kafka_bootstrap: str, milvus_server_uri: str, redis_url: str, tmp_path: Path) -> Iterator[System]:
    name = f"t{uuid.uuid4().hex[:8]}"
    environment = {
        "RUSHES_KAFKA__BOOTSTRAP": kafka_bootstrap,
        "RUSHES_KAFKA__TOPIC_PREFIX": f"{name}-",
        "RUSHES_KAFKA__GROUP_PREFIX": name,
        "RUSHES_KAFKA__PARTITIONS": "3",
        "RUSHES_KAFKA__REPLICATION": "1",
        "RUSHES_KAFKA__MIN_INSYNC_REPLICAS": "1",
        "RUSHES_KAFKA__SESSION_TIMEOUT_S": "6",
        "RUSHES_MILVUS__URI": milvus_server_uri,
        "RUSHES_MILVUS__PREFIX": name,
        "RUSHES_REDIS__URL": redis_url,
        "RUSHES_BLOBS__ROOT": str(tmp_path / "blobs"),
        "RUSHES_SOURCES__ROOTS": json.dumps([str(tmp_path / "media")]),
    }
    made = System(environment, tmp_path)
    yield made
    made.supervisor.close()
