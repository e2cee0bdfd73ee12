"""What every blob store promises: in memory, in a folder, on S3."""

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer

from rushes.infra.blobs.fsspec_store import FsspecBlobStore
from rushes.infra.blobs.local import LocalBlobStore
from rushes.infra.blobs.memory import MemoryBlobStore
from rushes.infra.blobs.opening import open_blob_store
from rushes.infra.blobs.port import BlobStore
from rushes.infra.settings import BlobSettings
from rushes.schemas.errors import ConfigurationError, DependencyUnavailable, ForbiddenUri, MediaNotFound

S3_ACCESS = {"key": "test", "secret": "test", "client_kwargs": {"region_name": "us-east-1"}}


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def s3_store(endpoint: str, bucket: str) -> FsspecBlobStore:
    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    client.create_bucket(Bucket=bucket)
    return FsspecBlobStore(f"s3://{bucket}/some/prefix", {**S3_ACCESS, "endpoint_url": endpoint})


@pytest.fixture(params=["memory", "folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    match request.param:
        case "memory":
            return MemoryBlobStore()
        case "folder":
            return LocalBlobStore(tmp_path / "blobs")
        case _:
            return s3_store(request.getfixturevalue("s3_endpoint"), f"bucket-{uuid.uuid4().hex[:8]}")


def test_a_blob_is_read_back_by_its_path_and_by_its_uri(store: BlobStore) -> None:
    uri = store.put("lib/media/frame 1 ä%20.jpg", b"\x00\xffpicture")
    assert uri == store.uri("lib/media/frame 1 ä%20.jpg")
    assert store.get("lib/media/frame 1 ä%20.jpg") == b"\x00\xffpicture"
    assert store.get(uri) == b"\x00\xffpicture"


def test_a_second_put_replaces_the_first(store: BlobStore) -> None:
    store.put("lib/a", b"first, and longer")
    store.put("lib/a", b"second")
    assert store.get("lib/a") == b"second"
    assert list(store.list("lib")) == ["lib/a"]


def test_what_is_not_there_is_not_found(store: BlobStore) -> None:
    assert not store.exists("lib/a")
    with pytest.raises(MediaNotFound, match="lib/a"):
        store.get("lib/a")
    store.put("lib/a/b", b"")
    assert store.exists("lib/a/b")
    assert not store.exists("lib/a"), "a folder is no blob"
    with pytest.raises(MediaNotFound):
        store.get("lib/a")


def test_an_empty_blob_is_a_blob(store: BlobStore) -> None:
    store.put("lib/empty", b"")
    assert store.exists("lib/empty")
    assert store.get("lib/empty") == b""


def test_deleting_is_repeatable_and_takes_nothing_else(store: BlobStore) -> None:
    for path in ("lib/a/1", "lib/a/deep/er/2", "lib/ab/3", "lib/a.jpg", "other/a/1"):
        store.put(path, b"x")
    for _ in range(2):
        store.delete("lib/a.jpg")
        store.delete_folder("lib/a")
    assert list(store.list("")) == ["lib/ab/3", "other/a/1"]
    store.delete("lib/ab")
    assert store.exists("lib/ab/3"), "delete is for one blob, not for a folder"


def test_a_listing_is_sorted_and_ends_at_the_folder(store: BlobStore) -> None:
    for path in ("lib/b", "lib/a/2", "lib/a/10", "lib/ab", "lib/a/sub/x"):
        store.put(path, b"x")
    assert list(store.list("lib/a")) == ["lib/a/10", "lib/a/2", "lib/a/sub/x"]
    assert list(store.list("lib/a/")) == ["lib/a/10", "lib/a/2", "lib/a/sub/x"]
    assert list(store.list("lib")) == ["lib/a/10", "lib/a/2", "lib/a/sub/x", "lib/ab", "lib/b"]
    assert list(store.list("nobody")) == []


@pytest.mark.parametrize(
    "path", ["../x", "lib/../../x", "/etc/passwd", "lib//x", "", ".", "lib/./x", "lib\\x", "a\0b", "a\nb", "lib/*"]
)
def test_a_path_that_could_leave_the_store_is_refused(store: BlobStore, path: str) -> None:
    for refused in (
        lambda: store.put(path, b"x"),
        lambda: store.get(path),
        lambda: store.exists(path),
        lambda: store.delete(path),
        lambda: store.delete_folder(path),
        lambda: store.uri(path),
    ):
        with pytest.raises(ForbiddenUri):
            refused()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.binary(max_size=2000),
    name=st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="/\\*?[]"), min_size=1),
)
def test_any_bytes_under_any_name_come_back(store: BlobStore, data: bytes, name: str) -> None:
    path = f"lib/x{name[:40]}"
    assert store.get(store.put(path, data)) == data


def test_a_reader_never_sees_a_part_of_a_blob(tmp_path: Path) -> None:
    store = LocalBlobStore(tmp_path, fsync=False)
    versions = [bytes([n]) * 300_000 for n in range(4)]
    store.put("lib/a", versions[0])
    done = threading.Event()

    def rewrite() -> None:
        try:
            for n in range(200):
                store.put("lib/a", versions[n % 4])
        finally:
            done.set()

    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(rewrite)
        seen = {store.get("lib/a")}
        while not done.is_set():
            seen.add(store.get("lib/a"))
        written.result()
    assert seen <= set(versions)


def test_a_folder_deleted_while_it_is_written_to_breaks_neither(tmp_path: Path) -> None:
    store = LocalBlobStore(tmp_path, fsync=False)
    done = threading.Event()

    def write() -> None:
        try:
            for n in range(300):
                store.put(f"lib/media/{n % 7}", b"x")
        finally:
            done.set()

    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(write)
        while not done.is_set():
            store.delete_folder("lib/media")
        written.result()
    store.delete_folder("lib")
    assert list(tmp_path.iterdir()) == []


def test_what_an_interrupted_write_left_is_no_blob_and_goes_with_its_folder(tmp_path: Path) -> None:
    store = LocalBlobStore(tmp_path)
    store.put("lib/media/a", b"x")
    (tmp_path / "lib/media/.0123.~unfinished").write_bytes(b"ha")
    assert list(store.list("lib")) == ["lib/media/a"]
    store.delete_folder("lib/media")
    assert not (tmp_path / "lib/media").exists()


@pytest.mark.parametrize(
    "uri", ["file:///etc/passwd", "file:///{root}/../secret", "s3://elsewhere/x", "s3://bucketx/y"]
)
def test_a_uri_of_another_place_is_refused(tmp_path: Path, s3_endpoint: str, uri: str) -> None:
    uri = uri.replace("{root}", str(tmp_path / "blobs").lstrip("/"))
    for store in (LocalBlobStore(tmp_path / "blobs"), s3_store(s3_endpoint, "bucket")):
        with pytest.raises(ForbiddenUri):
            store.get(uri)


def test_a_store_that_does_not_answer_is_an_unavailable_dependency() -> None:
    quick = {"connect_timeout": 0.3, "read_timeout": 0.3, "retries": {"max_attempts": 0}}
    store = FsspecBlobStore("s3://b", {**S3_ACCESS, "endpoint_url": "http://127.0.0.1:1", "config_kwargs": quick})
    for ask in (
        lambda: store.get("a"),
        lambda: store.put("a", b""),
        lambda: store.exists("a"),
        lambda: store.list("a"),
    ):
        with pytest.raises(DependencyUnavailable):
            ask()


def test_a_full_or_broken_disk_is_an_unavailable_dependency_and_leaves_the_old_blob(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalBlobStore(tmp_path)
    store.put("lib/a", b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rushes.infra.blobs.local.os.fsync", full)
    with pytest.raises(DependencyUnavailable, match="No space"):
        store.put("lib/a", b"new")
    assert store.get("lib/a") == b"old"
    assert [p.name for p in (tmp_path / "lib").iterdir()] == ["a"]


def test_the_settings_name_a_folder_a_file_url_or_an_object_store(tmp_path: Path) -> None:
    for root in (str(tmp_path / "a b"), (tmp_path / "a b").as_uri()):
        store = open_blob_store(BlobSettings(root=root))
        assert store.put("lib/x", b"1").startswith("file:///")
        assert (tmp_path / "a b" / "lib" / "x").read_bytes() == b"1"
    assert open_blob_store(BlobSettings(root="s3://bucket/p")).uri("lib/x") == "s3://bucket/p/lib/x"
    with pytest.raises(ConfigurationError, match="writes objects whole"):
        open_blob_store(BlobSettings(root="sftp://host/folder"))
