"""One file over http(s): resumed where it stopped, held against its hash, in its place whole or not at all.

The bytes come into `FILE.part`, which stays through cut connections and ended processes; what comes next is asked for
by range (RFC 9110, section 14). Where the file's hash is known, any source may go on where another stopped. Where it is
not, a resumed download asks for the same version as before (`If-Range`), and begins anew where that can't be told.
"""

import errno
import hashlib
import json
import os
import shutil
import urllib.error
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Final

from rushes.infra.weights.http import ask
from rushes.infra.weights.shelf import BLOCK_BYTES, CheckedBy, KeptFile, kept, sha256_of
from rushes.schemas.errors import ConfigurationError, WeightsMissing, WeightsRejected, WeightsUnavailable

ATTEMPTS: Final = 6
"""In a row without a byte. A connection that is cut again and again, but brings something each time, goes on."""

ATTEMPTS_UNHEARD: Final = 2
"""Where the source never answered at all: most likely there is no network, and a person waits."""

PAUSE_FIRST_S: Final = 1.0
PAUSE_MAX_S: Final = 60.0

SPARE_BYTES: Final = 64 << 20
"""Of disk to be left free beside the file."""

_GONE: Final = frozenset({404, 410})
_REFUSED: Final = frozenset({401, 403, 407, 451})
_DISK: Final = frozenset({errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT, errno.EROFS})


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to fetch. `git_blob`: the SHA-1 that git gives it, which hubs tell of small files."""

    url: str
    size_bytes: int | None = None
    sha256: str | None = None
    git_blob: str | None = None
    checked_by: CheckedBy = "first_seen"
    token: str | None = None


Pause = Callable[[float], None]
"""Waits so many seconds."""

Told = Callable[[int, int | None], None]
"""Hears how many bytes are here, and of how many if that is known."""


class NotThere(WeightsMissing):
    """The source does not have the file (404, 410)."""


class NotAllowed(WeightsMissing):
    """The source wants a token, or a licence to be accepted first."""


def download(wanted: Wanted, target: Path, pause: Pause, told: Told = lambda _done, _total: None) -> KeptFile:
    """Fetch one file to `target`; one that is there already is replaced.

    Raises NotThere, NotAllowed, WeightsRejected (the bytes are others than expected), WeightsUnavailable (no answer,
    or cut again and again; what came is kept for the next time) and ConfigurationError (no room on the disk).
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    transfer = _Transfer(wanted, target.with_name(target.name + ".part"), told)
    idle, wait_s = 0, PAUSE_FIRST_S
    while True:
        before = transfer.done
        try:
            if transfer.go_on():
                return transfer.finish(target)
            why = f"ended after {transfer.done:,} of {transfer.total or 0:,} bytes"
        except urllib.error.HTTPError as error:
            why, wait_s = _refusal(wanted.url, error, wait_s)
        except (OSError, HTTPException) as error:
            _room(error, target)
            why = str(getattr(error, "reason", "") or error) or type(error).__name__
        idle = 0 if transfer.done > before else idle + 1
        if idle >= (ATTEMPTS if transfer.heard else ATTEMPTS_UNHEARD):
            raise WeightsUnavailable(
                f"{wanted.url} can't be had now ({why}): give the same command again later, it goes on after "
                f"{transfer.done:,} bytes", retry_after_s=wait_s,
            )  # fmt: skip
        if idle:
            pause(wait_s)
            wait_s = min(2 * wait_s, PAUSE_MAX_S)
        else:
            wait_s = PAUSE_FIRST_S


class _Transfer:
    """What has come of one file, over as many requests as it takes."""

    def __init__(self, wanted: Wanted, part: Path, told: Told) -> None:
        self._wanted = wanted
        self._part = part
        self._note = part.with_name(part.name + ".json")
        self._told = told
        self.total = wanted.size_bytes
        self.heard = False
        self.done = part.stat().st_size if part.is_file() else 0

    def go_on(self) -> bool:
        """Ask for what is missing; True where all is here. Raises what `ask` raises."""
        if self.total is not None and self.done == self.total and self._same_version() is not None:
            return True
        asked = self._range()
        if not asked:
            self.done = 0
        try:
            answer = ask(self._wanted.url, token=self._wanted.token, headers=asked)
        except urllib.error.HTTPError as error:
            self.heard = True
            if error.code != 416 or not asked:
                raise
            complete = error.headers.get("Content-Range", "") == f"bytes */{self.done}"
            error.close()
            if not complete:
                self._restart()  # the part is longer than the file: of another version
            return complete
        self.heard = True
        with answer:
            self._begin(answer, resumed=bool(asked))
            self._take(answer)
        return self.total is None or self.done == self.total

    def finish(self, target: Path) -> KeptFile:
        """Check the bytes, and put them in their place."""
        digest = sha256_of(self._part)
        expected = self._wanted.sha256
        if expected is None and self._wanted.git_blob is not None:
            expected, found = self._wanted.git_blob, _git_blob(self._part)
        else:
            found = digest
        if expected is not None and found != expected:
            self._restart()
            raise WeightsRejected(
                f"expected {target.name} with hash {expected} from {self._wanted.url}, found {found}: it was thrown "
                "away. A proxy may have answered in the source's place; try again, or another source"
            )
        with self._part.open("rb") as stream:
            os.fsync(stream.fileno())
        self._part.replace(target)
        self._note.unlink(missing_ok=True)
        _durable(target.parent)
        return kept(target, digest, self._wanted.checked_by)

    def _range(self) -> dict[str, str]:
        version = self._same_version()
        if self.done == 0 or version is None:
            return {}
        return {"Range": f"bytes={self.done}-"} | ({"If-Range": version} if version else {})

    def _same_version(self) -> str | None:
        """What names the version that the part is of: empty where its hash decides, None where nothing does."""
        if self._wanted.sha256 is not None or self._wanted.git_blob is not None:
            return ""
        try:
            note = json.loads(self._note.read_bytes())
        except (OSError, ValueError):
            return None
        version = note.get("version") if isinstance(note, dict) and note.get("url") == self._wanted.url else None
        return version if isinstance(version, str) and version else None

    def _begin(self, answer: HTTPResponse, *, resumed: bool) -> None:
        if resumed and answer.status == 206:
            start, total = _content_range(answer.headers.get("Content-Range", ""))
            if start != self.done:
                self._restart()
                raise HTTPException(f"asked for bytes from {self.done:,}, got {start:,} on")
        else:
            self._restart()
            total = answer.length
        if self._wanted.size_bytes is not None and total is not None and total != self._wanted.size_bytes:
            self._restart()
            raise WeightsRejected(
                f"expected {self._wanted.size_bytes:,} bytes at {self._wanted.url}, the source has {total:,}: it is "
                "another file"
            )
        self.total = total if total is not None else self._wanted.size_bytes
        self._room_for()
        etag = answer.headers.get("ETag", "")
        version = etag if etag and not etag.startswith("W/") else answer.headers.get("Last-Modified", "")
        self._note.write_text(json.dumps({"url": self._wanted.url, "version": version}))

    def _take(self, answer: HTTPResponse) -> None:
        limit = self._wanted.size_bytes
        with self._part.open("ab") as stream:
            while block := answer.read1(BLOCK_BYTES):
                stream.write(block)
                self.done += len(block)
                if limit is not None and self.done > limit:
                    self._restart()
                    raise WeightsRejected(f"expected {limit:,} bytes at {self._wanted.url}, found more")
                self._told(self.done, self.total)

    def _room_for(self) -> None:
        free = shutil.disk_usage(self._part.parent).free
        if self.total is not None and free < self.total - self.done + SPARE_BYTES:
            raise ConfigurationError(
                f"{self._part.parent} has {free:,} bytes free, {self._part.stem} needs {self.total - self.done:,} more:"
                " make room, or name another folder with RUSHES_MODELS__FOLDER"
            )

    def _restart(self) -> None:
        self._part.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)
        self.done = 0


def _refusal(url: str, error: urllib.error.HTTPError, wait_s: float) -> tuple[str, float]:
    """Why to try again, and after how many seconds. Raises NotThere, NotAllowed."""
    said = f"{error.code} {error.reason}"
    after = error.headers.get("Retry-After", "")
    error.close()
    if error.code in _GONE:
        raise NotThere(f"there is nothing at {url}: the source says {said}") from error
    if error.code in _REFUSED:
        raise NotAllowed(f"the source refuses {url}: it says {said}") from error
    return f"the source says {said}", min(float(after), PAUSE_MAX_S) if after.isdigit() else wait_s


def _room(error: Exception, target: Path) -> None:
    """A disk that takes nothing is no matter of the network. Raises ConfigurationError."""
    if isinstance(error, OSError) and error.errno in _DISK:
        raise ConfigurationError(
            f"can't write to {target.parent} ({error}): make room, or name another folder with RUSHES_MODELS__FOLDER"
        ) from error


def _content_range(value: str) -> tuple[int, int | None]:
    """Start and total of `bytes 100-199/500`; -1 where it says something else."""
    unit, _, rest = value.partition(" ")
    span, _, total = rest.partition("/")
    start = span.partition("-")[0]
    if unit != "bytes" or not start.isdigit():
        return -1, None
    return int(start), int(total) if total.isdigit() else None


def _git_blob(path: Path) -> str:
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _durable(folder: Path) -> None:
    with suppress(OSError):  # not every system opens folders
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
