"""Blobs in an object store, by any of fsspec's implementations: s3://bucket/prefix and its like."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final

import fsspec

from rushes.infra.blobs.paths import checked, checked_folder
from rushes.schemas.errors import ConfigurationError, DependencyUnavailable, ForbiddenUri, MediaNotFound

_WRITES_WHOLE: Final = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory"})
"""Stores in which an object appears whole or not at all. Others (sftp, smb, ...) show what is being written."""

_ANSWER_WITHIN_S: Final = 30
_CONNECT_WITHIN_S: Final = 5

_S3: Final[Mapping[str, object]] = {
    "config_kwargs": {"connect_timeout": _CONNECT_WITHIN_S, "read_timeout": _ANSWER_WITHIN_S},
}


class FsspecBlobStore:
    """Objects below a url. `options` go to fsspec's implementation (credentials, endpoint); by default it reads the
    environment in its own way (for S3 the `AWS_*` variables).

    Safe to use from several threads. Raises ConfigurationError for a store that does not write objects whole, or whose
    package is not installed.
    """

    def __init__(self, url: str, options: Mapping[str, object] | None = None) -> None:
        protocol = url.partition("://")[0]
        if protocol not in _WRITES_WHOLE:
            raise ConfigurationError(
                "expected a folder, or a url of a store that writes objects whole "
                f"({', '.join(sorted(_WRITES_WHOLE))}), found {url}"
            )
        defaults = _S3 if protocol in {"s3", "s3a"} else {}
        try:
            # Neither instances nor listings are shared or cached: others write here too.
            self._files, root = fsspec.core.url_to_fs(
                url, **{"skip_instance_cache": True, "use_listings_cache": False, **defaults, **(options or {})}
            )
        except ImportError as error:
            raise ConfigurationError(
                f"{url} needs a package that is not installed ({error}); for S3: rushes[s3]"
            ) from error
        self._root = str(root).strip("/")
        self._url = f"{protocol}://{self._root}"

    def put(self, path: str, data: bytes) -> str:
        with self._explained(path):
            self._files.pipe_file(self._place(path), data)
        return self.uri(path)

    def get(self, path_or_uri: str) -> bytes:
        path = self._path_of(path_or_uri)
        with self._explained(path):
            return bytes(self._files.cat_file(self._place(path)))

    def exists(self, path: str) -> bool:
        with self._explained(path):
            try:
                # Not `isfile`, which takes every failure for a no.
                return bool(self._files.info(self._place(path))["type"] == "file")
            except FileNotFoundError:
                return False

    def delete(self, path: str) -> None:
        with self._explained(path), suppress(FileNotFoundError):
            self._files.rm_file(self._place(path))

    def delete_folder(self, path: str) -> None:
        with self._explained(path):
            places = [self._place(found) for found in self._below(checked_folder(path))]
            if places:
                self._files.rm(places)

    def list(self, path: str) -> Iterator[str]:
        with self._explained(path):
            return iter(self._below(checked_folder(path) if path else ""))

    def uri(self, path: str) -> str:
        return f"{self._url}/{checked(path)}"

    def _place(self, path: str) -> str:
        return f"{self._root}/{checked(path)}"

    def _path_of(self, path_or_uri: str) -> str:
        if "://" not in path_or_uri:
            return path_or_uri
        if not path_or_uri.startswith(f"{self._url}/"):
            raise ForbiddenUri(f"expected a uri below {self._url}, found {path_or_uri}")
        return path_or_uri.removeprefix(f"{self._url}/")

    def _below(self, folder: str) -> tuple[str, ...]:
        start = f"{self._root}/{folder}" if folder else self._root
        found = (str(place).strip("/") for place in self._files.find(start))
        return tuple(sorted(place.removeprefix(f"{self._root}/") for place in found if place.startswith(f"{start}/")))

    @contextmanager
    def _explained(self, path: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise MediaNotFound(f"expected a blob at {self._url}/{path}, found none") from error
        except PermissionError as error:
            raise ConfigurationError(f"{self._url} refuses access: {error}; check the credentials") from error
        except (ForbiddenUri, ConfigurationError):
            raise
        except (
            Exception
        ) as error:  # each implementation raises its own client's errors; all mean that it failed to answer
            raise DependencyUnavailable(f"{self._url} does not answer for {path}: {error}") from error
