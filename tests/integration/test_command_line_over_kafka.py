"""A producer, a corrector and ops at the command line, with workers of every role on real engines."""

import hashlib
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import skimage.data
from PIL import Image
from redis import Redis

from rushes.infra.cache.redis import KEY_PREFIX
from rushes.schemas.ids import LibraryId, MediaId, media_folder
from tests.faults.supervised import Supervisor
from tests.waiting import eventually

ROLES = ("split", "embed", "feedback", "cluster")
LIBRARY = "wedding"


class System:
    """Workers under names of their own, and the command line beside them."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.environment = environment
        self.media = folder / "media"
        self.media.mkdir()
        self.supervisor = Supervisor(environment, folder)

    def rushes(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "rushes.streams.cli", *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def lines(self, *arguments: str) -> list[dict]:
        done = self.rushes(*arguments)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def keyframe_sha256(self, media_id: str) -> str:
        """Of the one keyframe of a photo."""
        blobs = Path(self.environment["RUSHES_BLOBS__ROOT"])
        (picture,) = (blobs / media_folder(LibraryId(LIBRARY), MediaId(media_id))).glob("v*/frames/*.jpg")
        return hashlib.sha256(picture.read_bytes()).hexdigest()

    def cached(self, sha256: str) -> list[bytes]:
        """Keys of the embedding cache in which this keyframe is."""
        with Redis.from_url(self.environment["RUSHES_REDIS__URL"]) as redis:
            return list(redis.scan_iter(match=f"{KEY_PREFIX}*{sha256}*", count=1_000))

    def states(self) -> dict[str, str]:
        return {row["media_id"]: row["state"] for row in self.lines("status", "-l", LIBRARY, "--json")}


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


def test_from_an_upload_to_a_correction_to_a_deletion(system: System, tmp_path: Path) -> None:
    created = json.loads(system.rushes("topics", "create", "--json").stdout)
    assert {row["state"] for row in created} == {"created"}
    assert {row["state"] for row in json.loads(system.rushes("topics", "create", "--json").stdout)} == {"exists"}
    for role in ROLES:
        system.supervisor.add(role)

    Image.fromarray(skimage.data.coffee()).save(system.media / "café.jpg")
    Image.fromarray(skimage.data.rocket()).save(system.media / "rocket.png")
    (system.media / "notes.mp4").write_text("no film")
    outside = tmp_path / "outside.jpg"
    Image.fromarray(skimage.data.chelsea()).save(outside)
    sent = system.rushes("upload", str(system.media), str(outside), "-l", LIBRARY)
    assert sent.returncode == 0, sent.stderr
    ids = {Path(line.split("  ", 1)[1]).name: line.split()[0] for line in sent.stdout.splitlines()}
    assert set(ids) == {"café.jpg", "rocket.png", "notes.mp4", "outside.jpg"}

    expected = {
        ids["café.jpg"]: "complete",
        ids["rocket.png"]: "complete",
        ids["notes.mp4"]: "failed",
        ids["outside.jpg"]: "failed",
    }
    eventually(lambda: system.states() == expected, within_s=120)
    codes = {row["media_id"]: row["code"] for row in system.lines("letters", "-l", LIBRARY, "--json")}
    assert codes == {ids["notes.mp4"]: "unsupported-media", ids["outside.jpg"]: "forbidden-uri"}
    assert "unsupported-media" in system.rushes("letters").stdout
    assert "complete" in system.rushes("status", "-l", LIBRARY).stdout

    again = system.rushes("upload", str(system.media / "rocket.png"), "-l", LIBRARY)
    assert again.stdout.split()[0] == ids["rocket.png"]
    moved = system.rushes(
        "feedback", "move", "--media", ids["rocket.png"], "--kind", "scene", "--to", "new", "-l", LIBRARY
    )
    assert moved.returncode == 0, moved.stderr
    nothing = system.rushes("feedback", "undo", "never-given", "-l", LIBRARY)
    assert nothing.returncode == 0
    eventually(
        lambda: any(row["code"] == "invalid-feedback" for row in system.lines("letters", "-l", LIBRARY, "--json")),
        within_s=60,
    )

    erased, kept = system.keyframe_sha256(ids["café.jpg"]), system.keyframe_sha256(ids["rocket.png"])
    assert len(system.cached(erased)) == 1
    assert system.rushes("delete", ids["café.jpg"], "-l", LIBRARY).returncode == 0
    eventually(lambda: system.states()[ids["café.jpg"]] == "removed", within_s=60)
    eventually(lambda: system.cached(erased) == [], within_s=60)
    assert len(system.cached(kept)) == 1
    pictures = list((tmp_path / "blobs").rglob("*.jpg"))
    assert {path.parent.name for path in pictures} == {"frames", "thumbs"}
    assert len(pictures) == 2

    replayed = system.rushes("replay", "-l", LIBRARY, "--json")
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    result = json.loads(replayed.stdout)
    assert (result["items"], result["different"]) == (1, [])
    system.supervisor.close()
    assert system.supervisor.unexpected_exits() == []


def test_without_kafka_the_command_says_so_and_ends_as_to_be_tried_again(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rushes.streams.cli", "topics", "list"],
        env={**os.environ, "RUSHES_KAFKA__BOOTSTRAP": "127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 75
    assert "127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr
