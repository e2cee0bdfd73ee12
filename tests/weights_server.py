"""A source of weights on the loopback, as well or badly behaved as a test wants it."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


@dataclass
class Served:
    """What the server has and how it behaves. `cut_after`: bytes of a body after which it hangs up, for so many
    answers (`cuts`). `statuses`: answers given before it serves, per path. `token`: asked for below /gated.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    etag: str | None = None
    cut_after: int | None = None
    cuts: int = 0
    statuses: dict[str, list[int]] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    chunked: bool = False
    token: str | None = None
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    tokens: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""

    def ranges_of(self, path: str) -> list[str | None]:
        return [wanted for asked, wanted in self.asked if asked == path]

    def hub_repo(self, repo: str, files: dict[str, bytes], commit: str = "c0ffee", *, gated: bool = False) -> None:
        """A repository as the hub's API lists it: large files with SHA-256, small ones with git's hash."""
        listed = []
        for name, data in files.items():
            entry: dict[str, object] = {"rfilename": name, "size": len(data), "blobId": git_blob(data)}
            if name.endswith(".safetensors"):
                entry["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
            listed.append(entry)
            self.files[f"/{repo}/resolve/{commit}/{name}"] = data
        answer = json.dumps({"id": repo, "sha": commit, "siblings": listed}).encode()
        for address in ("", "/revision/main", f"/revision/{commit}"):
            self.files[f"/api/models/{repo}{address}"] = answer
        if gated:
            self.statuses[f"gated:/{repo}"] = [403]


def git_blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: Served

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        served, path = self.served, unquote(urlsplit(self.path).path)
        served.asked.append((path, self.headers.get("Range")))
        served.tokens.append((path, self.headers.get("Authorization")))
        gated = any(key.startswith("gated:") and path.startswith(key[6:]) for key in served.statuses)
        if gated and self.headers.get("Authorization") != f"Bearer {served.token}":
            return self._status(403)
        if served.statuses.get(path):
            return self._status(served.statuses[path].pop(0))
        if path in served.redirects:
            self.send_response(302)
            self.send_header("Location", served.redirects[path])
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if path not in served.files:
            return self._status(404)
        return self._body(served, served.files[path])

    def _status(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _body(self, served: Served, data: bytes) -> None:
        start, wanted = 0, self.headers.get("Range")
        same = self.headers.get("If-Range") in (None, served.etag)
        if wanted is not None and served.ranges and same:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(data):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(data)}")
                self.send_header("Content-Length", "0")
                return self.end_headers()
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        if served.etag is not None:
            self.send_header("ETag", served.etag)
        rest = data[start:]
        if served.chunked:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(rest), rest))
            return None
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if served.cut_after is not None and served.cuts and len(rest) > served.cut_after:
            served.cuts -= 1
            self.wfile.write(rest[: served.cut_after])
            self.wfile.flush()
            self.close_connection = True
            return None
        self.wfile.write(rest)
        return None


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that hangs up is part of the tests."""


@contextmanager
def serving(served: Served) -> Iterator[Served]:
    """The server while the context lasts."""
    handler = type("Handler", (_Handler,), {"served": served})
    with _Server(("127.0.0.1", 0), handler) as server:
        served.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()
