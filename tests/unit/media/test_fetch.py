"""Uris lead to files only where they may, however they are written, and whatever a server answers."""

import hashlib
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import boto3
import fsspec
import pytest
from moto.server import ThreadedMotoServer

from rushes.infra.media.fetch import Fetcher
from rushes.infra.settings import DecodeLimits, SourceSettings
from rushes.schemas.errors import DamagedMedia, ForbiddenUri, InputUnavailable, LimitExceeded, MediaNotFound

CONTENT = b"some bytes of a film"
SHA = hashlib.sha256(CONTENT).hexdigest()


def local(*roots: Path, limit: int = 1 << 20) -> Fetcher:
    return Fetcher(SourceSettings(roots=roots), DecodeLimits(file_bytes=limit))


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "allowed"
    folder.mkdir()
    (folder / "film.mp4").write_bytes(CONTENT)
    (tmp_path / "secret.mp4").write_bytes(CONTENT)
    return folder


def test_files_under_a_root_are_read_by_uri_and_by_path(root):
    name = root / "ein Film #1 100%?.mp4"
    name.write_bytes(CONTENT)
    for uri in (
        f"file://{root}/film.mp4",
        str(root / "film.mp4"),
        f"file://localhost{root}/film.mp4",
        name.as_uri(),
        str(name),
    ):
        with local(root).fetch(uri, SHA) as file:
            assert file.path.read_bytes() == CONTENT
            assert (file.size_bytes, file.sha256) == (len(CONTENT), SHA)
    assert name.exists(), "a producer's own file is never removed"


def test_files_outside_the_roots_are_forbidden_however_they_are_written(root):
    (root / "link.mp4").symlink_to(root.parent / "secret.mp4")
    (root / "loop.mp4").symlink_to(root / "loop.mp4")
    secret = root.parent / "secret.mp4"
    uris = [
        str(secret), secret.as_uri(), f"{root}/../secret.mp4", f"file://{root}/../secret.mp4",
        f"file://{root}/%2e%2e/secret.mp4", f"file://{root}/link.mp4", f"{root}/loop.mp4", "film.mp4", "../secret.mp4",
        f"file://host{root}/film.mp4", f"{root}-other/film.mp4", "ftp://host/film.mp4", "data:,x", "file://", "",
        f"{root}/\x00", "concat:/etc/passwd", "FILE:///etc/passwd",
    ]  # fmt: skip
    for uri in uris:
        with pytest.raises(ForbiddenUri):
            local(root).fetch(uri)
    with pytest.raises(ForbiddenUri):
        local().fetch(str(root / "film.mp4"))


def test_a_root_may_itself_be_a_symlink(root):
    alias = root.parent / "alias"
    alias.symlink_to(root)
    with local(alias).fetch(str(alias / "film.mp4")) as file:
        assert file.path.read_bytes() == CONTENT


def test_missing_odd_large_and_altered_files_each_have_their_error(root):
    os.mkfifo(root / "pipe")
    with pytest.raises(MediaNotFound):
        local(root).fetch(str(root / "none.mp4"))
    with pytest.raises(MediaNotFound):
        local(root).fetch(str(root / "film.mp4" / "deeper"))
    for odd in (root / "pipe", root):
        with pytest.raises(ForbiddenUri):
            local(root).fetch(str(odd))
    with pytest.raises(LimitExceeded):
        local(root, limit=10).fetch(str(root / "film.mp4"))
    with pytest.raises(DamagedMedia, match="SHA-256"):
        local(root).fetch(str(root / "film.mp4"), "0" * 64)


def test_the_fingerprint_changes_with_the_bytes(root):
    before = local(root).fetch(str(root / "film.mp4")).fingerprint
    assert local(root).fetch(str(root / "film.mp4")).fingerprint == before
    (root / "film.mp4").write_bytes(CONTENT + b".")
    assert local(root).fetch(str(root / "film.mp4")).fingerprint != before


class _Pages(BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.partition("?")[0]
        if path.startswith("/status/"):
            self.send_response(int(path.split("/")[2]))
            self.send_header("Retry-After", "7")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.server.targets[path])
            self.end_headers()
        elif path == "/endless":
            self.send_response(200)
            self.end_headers()
            while True:
                self.wfile.write(bytes(1 << 16))
        else:
            content = CONTENT[:5] if path == "/short" else CONTENT
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), _Pages) as running:
        running.handle_error = lambda *_: None  # a client that went away is the point of some tests
        running.targets = {}
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        running.url = f"http://127.0.0.1:{running.server_port}"
        yield running
        running.shutdown()


def web(tmp_path: Path, *hosts: str, private: bool = True, limit: int = 1 << 20) -> Fetcher:
    return Fetcher(
        SourceSettings(hosts=hosts, allow_private_addresses=private), DecodeLimits(file_bytes=limit), tmp_path
    )


def test_http_files_are_fetched_and_removed_afterwards(server, tmp_path):
    with web(tmp_path, "127.0.0.1").fetch(f"{server.url}/film.mp4?token=a%2Fb", SHA) as file:
        assert file.path.read_bytes() == CONTENT
        assert file.sha256 == SHA
    assert list(tmp_path.iterdir()) == []


def test_other_hosts_and_private_addresses_are_refused(server, tmp_path):
    for uri in (
        f"{server.url}/film.mp4",
        "http://user:pw@127.0.0.1/x",
        "http://[::1]/x",
        "https:///x",
        "http://127.0.0.1:x/",
    ):
        with pytest.raises(ForbiddenUri):
            web(tmp_path, "media.example.com").fetch(uri)
    with pytest.raises(ForbiddenUri, match="private address"):
        web(tmp_path, "127.0.0.1", "localhost", private=False).fetch(f"http://localhost:{server.server_port}/film.mp4")


@pytest.mark.parametrize(
    "address",
    ["10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "192.168.1.1", "0.0.0.0", "100.64.0.1", "64:ff9b::a00:1"],
)
def test_a_public_name_with_a_private_address_is_refused(tmp_path, monkeypatch, address):
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [(2, 1, 6, "", (address, 80))])
    with pytest.raises(ForbiddenUri, match="private address"):
        web(tmp_path, "media.example.com", private=False).fetch("http://media.example.com/film.mp4")


def test_redirects_are_followed_and_checked_like_the_first_uri(server, tmp_path):
    server.targets |= {
        "/to/film": "/film.mp4",
        "/to/elsewhere": "http://other.example.com/film.mp4",
        "/to/file": "file:///etc/passwd",
        "/to/itself": "/to/itself",
        "/to/metadata": f"http://localhost:{server.server_port}/film.mp4",
    }
    fetcher = web(tmp_path, "127.0.0.1")
    with fetcher.fetch(f"{server.url}/to/film") as file:
        assert file.path.read_bytes() == CONTENT
    for name in ("elsewhere", "file", "metadata"):
        with pytest.raises(ForbiddenUri):
            fetcher.fetch(f"{server.url}/to/{name}")
    with pytest.raises(InputUnavailable, match="redirects"):
        fetcher.fetch(f"{server.url}/to/itself")


@pytest.mark.parametrize(
    ("status", "error"),
    [(404, MediaNotFound), (410, MediaNotFound), (403, ForbiddenUri), (401, ForbiddenUri), (500, InputUnavailable)],
)
def test_what_a_server_answers_decides_whether_to_try_again(server, tmp_path, status, error):
    with pytest.raises(error):
        web(tmp_path, "127.0.0.1").fetch(f"{server.url}/status/{status}")


def test_a_busy_server_is_asked_again_when_it_says(server, tmp_path):
    with pytest.raises(InputUnavailable) as raised:
        web(tmp_path, "127.0.0.1").fetch(f"{server.url}/status/503")
    assert raised.value.retry_after_s == 7


def test_downloads_have_limits_and_leave_nothing_behind(server, tmp_path):
    fetcher = web(tmp_path, "127.0.0.1", limit=100_000)
    with pytest.raises(LimitExceeded):
        fetcher.fetch(f"{server.url}/endless")
    with pytest.raises(LimitExceeded):
        web(tmp_path, "127.0.0.1", limit=5).fetch(f"{server.url}/film.mp4")
    with pytest.raises(InputUnavailable):
        fetcher.fetch(f"{server.url}/short")
    with pytest.raises(DamagedMedia):
        fetcher.fetch(f"{server.url}/film.mp4", "0" * 64)
    stop = threading.Event()
    stop.set()
    with pytest.raises(InputUnavailable, match="stopped"):
        fetcher.fetch(f"{server.url}/endless", None, stop)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_away_is_tried_again(server, tmp_path):
    server.shutdown()
    server.server_close()
    with pytest.raises(InputUnavailable):
        web(tmp_path, "127.0.0.1").fetch(f"{server.url}/film.mp4")


@pytest.fixture(scope="module")
def s3():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    patch = pytest.MonkeyPatch()
    patch.setenv("AWS_ENDPOINT_URL", url)
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        patch.setenv(name, "x")
    client = boto3.client("s3", endpoint_url=url)
    client.create_bucket(Bucket="footage")
    client.put_object(Bucket="footage", Key="day 1/film+ä.mp4", Body=CONTENT)
    fsspec.filesystem("s3").clear_instance_cache()
    yield client
    fsspec.filesystem("s3").clear_instance_cache()
    patch.undo()
    server.stop()


def test_s3_objects_are_fetched_from_allowed_buckets_only(s3, tmp_path):
    fetcher = Fetcher(SourceSettings(buckets=("footage",)), DecodeLimits(), tmp_path)
    for uri in ("s3://footage/day 1/film+ä.mp4", "s3://footage/" + quote("day 1/film+ä.mp4")):
        with fetcher.fetch(uri, SHA) as file:
            assert file.path.read_bytes() == CONTENT
    with pytest.raises(MediaNotFound):
        fetcher.fetch("s3://footage/none.mp4")
    for uri in ("s3://other/film.mp4", "s3://footage", "s3:///film.mp4"):
        with pytest.raises(ForbiddenUri):
            fetcher.fetch(uri)
