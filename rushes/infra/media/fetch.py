"""From a producer's uri to a local file that can be read: only under allowed roots, hosts and buckets.

Producers are other programs, maybe other people's: a uri is checked before anything is opened, and again after every
redirect. Files are checked by their real path (symlinks resolved).
"""

import hashlib
import os
import stat
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self
from urllib.parse import unquote, urlsplit

from rushes.infra.media.http_source import HttpSource
from rushes.infra.media.remote import RemoteFile
from rushes.infra.media.s3_source import S3Source
from rushes.infra.settings import DecodeLimits, SourceSettings
from rushes.schemas.errors import (
    DamagedMedia,
    DependencyUnavailable,
    ForbiddenUri,
    InputUnavailable,
    LimitExceeded,
    MediaNotFound,
)

BLOCK_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to decode. `fingerprint`: changes whenever the bytes do; `sha256` where the bytes were read anyway.

    A downloaded copy is removed at the end of the `with` block.
    """

    path: Path
    size_bytes: int
    fingerprint: str
    sha256: str | None
    temporary: bool = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Remove a downloaded copy."""
        if self.temporary:
            self.path.unlink(missing_ok=True)


class Fetcher:
    """Gets files by file://, plain path, http(s):// and s3://. Threads may share it.

    `scratch`: folder for downloads (default: the system's).
    """

    def __init__(self, sources: SourceSettings, limits: DecodeLimits, scratch: Path | None = None) -> None:
        self._sources = sources
        self._roots = tuple(root.expanduser().resolve() for root in sources.roots)
        self._max_bytes = limits.file_bytes
        self._scratch = scratch

    def fetch(self, uri: str, sha256: str | None = None, stop: threading.Event | None = None) -> SourceFile:
        """The file at `uri`, checked against `sha256` where given; `stop` ends a download early.

        Raises ForbiddenUri, MediaNotFound, LimitExceeded (too large), DamagedMedia (not the bytes announced), and
        InputUnavailable where the source does not answer now.
        """
        scheme = urlsplit(uri).scheme.lower() if "://" in uri else ""
        if scheme in {"", "file"}:
            return self._local(uri, scheme, sha256, stop or threading.Event())
        if scheme in {"http", "https"}:
            return self._download(uri, HttpSource(self._sources).open(uri), sha256, stop or threading.Event())
        if scheme == "s3":
            return self._download(uri, S3Source(self._sources).open(uri), sha256, stop or threading.Event())
        raise ForbiddenUri(f"expected a file, http, https or s3 uri, found the scheme {scheme!r} in {uri!r}")

    def _local(self, uri: str, scheme: str, sha256: str | None, stop: threading.Event) -> SourceFile:
        path = self._allowed_path(uri, scheme)
        try:
            facts = path.stat()
            if not stat.S_ISREG(facts.st_mode):
                raise ForbiddenUri(f"expected a regular file at {uri!r}, found something else")
            if facts.st_size > self._max_bytes:
                raise _too_large(uri, facts.st_size, self._max_bytes)
            found = None
            if sha256 is not None:
                found = _sha256(path, stop)
            elif not os.access(path, os.R_OK):
                raise ForbiddenUri(f"the worker may not read {uri!r}")
        except (FileNotFoundError, NotADirectoryError) as error:
            raise MediaNotFound(f"there is no file at {uri!r}") from error
        except PermissionError as error:
            raise ForbiddenUri(f"the worker may not read {uri!r}") from error
        except OSError as error:
            raise InputUnavailable(f"{uri!r} can't be read now: {error.strerror or error}", retry_after_s=5) from error
        _check(uri, sha256, found)
        return SourceFile(path, facts.st_size, f"file:{facts.st_size}:{facts.st_mtime_ns}", found)

    def _allowed_path(self, uri: str, scheme: str) -> Path:
        if scheme == "file":
            parts = urlsplit(uri)
            if parts.netloc not in {"", "localhost"}:
                raise ForbiddenUri(f"expected file:///path, found the host {parts.netloc!r} in {uri!r}")
            encoded = uri[len("file://") + len(parts.netloc) :]  # a "#" or "?" is part of a file's name
            text = unquote(encoded, errors="surrogateescape")  # and not every name is UTF-8
        else:
            text = uri
        if "\x00" in text or not Path(text).is_absolute():
            raise ForbiddenUri(f"expected an absolute path, found {uri!r}")
        try:
            path = Path(text).resolve()
        except (OSError, RuntimeError) as error:  # a loop of symlinks
            raise ForbiddenUri(f"{uri!r} leads nowhere: {error}") from error
        if not any(path.is_relative_to(root) for root in self._roots):
            allowed = ", ".join(str(root) for root in self._roots) or "no folder at all"
            raise ForbiddenUri(f"{uri!r} lies outside the allowed folders ({allowed}); see RUSHES_SOURCES__ROOTS")
        return path

    def _download(self, uri: str, remote: RemoteFile, sha256: str | None, stop: threading.Event) -> SourceFile:
        with tempfile.NamedTemporaryFile(dir=self._scratch, prefix="rushes-", delete=False) as file:
            path = Path(file.name)
            try:
                with remote:
                    size, found = self._copy(uri, remote, file, stop)
                file.flush()
                _check(uri, sha256, found)
            except OSError as error:
                path.unlink(missing_ok=True)
                raise DependencyUnavailable(
                    f"{path.parent} can't take downloads now: {error}", retry_after_s=10
                ) from error
            except BaseException:
                path.unlink(missing_ok=True)
                raise
        return SourceFile(path, size, f"sha256:{found}", found, temporary=True)

    def _copy(self, uri: str, remote: RemoteFile, to: IO[bytes], stop: threading.Event) -> tuple[int, str]:
        """Size and SHA-256 of the bytes written."""
        digest, size = hashlib.sha256(), 0
        announced = remote.size_bytes
        if announced is not None and announced > self._max_bytes:
            raise _too_large(uri, announced, self._max_bytes)
        for block in remote.blocks(BLOCK_BYTES):
            if stop.is_set():
                raise InputUnavailable(f"the download of {uri!r} was stopped")
            size += len(block)
            if size > self._max_bytes:
                raise _too_large(uri, size, self._max_bytes)
            digest.update(block)
            to.write(block)
        if announced is not None and size != announced:
            raise InputUnavailable(f"{uri!r} ended after {size:,} of {announced:,} bytes", retry_after_s=2)
        return size, digest.hexdigest()


def _sha256(path: Path, stop: threading.Event) -> str:
    digest = hashlib.sha256()
    for block in _blocks(path):
        if stop.is_set():
            raise InputUnavailable("reading the file was stopped")
        digest.update(block)
    return digest.hexdigest()


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def _check(uri: str, expected: str | None, found: str | None) -> None:
    if expected is not None and expected != found:
        raise DamagedMedia(f"expected bytes with SHA-256 {expected} at {uri!r}, found {found}; publish the file again")


def _too_large(uri: str, size: int, limit: int) -> LimitExceeded:
    return LimitExceeded(f"{uri!r} has {size:,} bytes or more, at most {limit:,} are taken (RUSHES_DECODE__FILE_BYTES)")
