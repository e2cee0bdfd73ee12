"""Files in allowed S3 buckets, by fsspec (s3fs, the extra `s3`). Credentials and endpoint come from the environment."""

from collections.abc import Iterator
from types import TracebackType
from typing import IO, Final, Self
from urllib.parse import unquote

import fsspec

from rushes.infra.settings import SourceSettings
from rushes.schemas.errors import ConfigurationError, ForbiddenUri, InputUnavailable, MediaNotFound

SCHEME: Final = "s3://"


class S3File:
    """An opened object."""

    def __init__(self, uri: str, file: IO[bytes], size_bytes: int | None) -> None:
        self._uri = uri
        self._file = file
        self._size_bytes = size_bytes

    @property
    def size_bytes(self) -> int | None:
        return self._size_bytes

    def blocks(self, size: int) -> Iterator[bytes]:
        try:
            while block := self._file.read(size):
                yield block
        except Exception as error:
            # botocore's and aiohttp's errors share no class; whatever it is, the bytes stopped coming.
            raise InputUnavailable(f"{self._uri!r} stopped answering: {error!r}", retry_after_s=2) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()


class S3Source:
    """Opens objects of allowed buckets."""

    def __init__(self, sources: SourceSettings) -> None:
        self._buckets = frozenset(sources.buckets)

    def open(self, uri: str) -> S3File:
        """Open the object. Raises ForbiddenUri, MediaNotFound, InputUnavailable; ConfigurationError without s3fs."""
        path = unquote(uri[len(SCHEME) :])
        bucket, _, name = path.partition("/")
        if bucket not in self._buckets:
            allowed = ", ".join(sorted(self._buckets)) or "none at all"
            raise ForbiddenUri(f"the bucket {bucket!r} is not allowed ({allowed}); see RUSHES_SOURCES__BUCKETS")
        if not name:
            raise ForbiddenUri(f"expected s3://bucket/name, found {uri!r}")
        try:
            system = fsspec.filesystem("s3")
        except ImportError as error:
            raise ConfigurationError("s3:// uris need the extra `s3`: install rushes[s3]") from error
        try:
            system.invalidate_cache()
            file = system.open(path, "rb")
            return S3File(uri, file, getattr(file, "size", None))
        except FileNotFoundError as error:
            raise MediaNotFound(f"there is nothing at {uri!r}") from error
        except PermissionError as error:
            raise ForbiddenUri(f"the worker may not read {uri!r}: {error}") from error
        except Exception as error:
            # as above: no common class; the store may answer again.
            raise InputUnavailable(f"{uri!r} can't be had now: {error!r}", retry_after_s=2) from error
