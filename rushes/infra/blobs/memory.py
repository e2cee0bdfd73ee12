"""Blobs in memory: for tests and tools."""

from collections.abc import Iterator
from typing import Final

from rushes.infra.blobs.paths import checked, checked_folder
from rushes.schemas.errors import MediaNotFound

_SCHEME: Final = "memory://"


class MemoryBlobStore:
    """Lives as long as the object. Safe to use from several threads: each step is one operation on a dict."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}

    def put(self, path: str, data: bytes) -> str:
        self._blobs[checked(path)] = bytes(data)
        return self.uri(path)

    def get(self, path_or_uri: str) -> bytes:
        path = checked(path_or_uri.removeprefix(_SCHEME))
        try:
            return self._blobs[path]
        except KeyError as error:
            raise MediaNotFound(f"expected a blob at {self.uri(path)}, found none") from error

    def exists(self, path: str) -> bool:
        return checked(path) in self._blobs

    def delete(self, path: str) -> None:
        self._blobs.pop(checked(path), None)

    def delete_folder(self, path: str) -> None:
        for found in list(self.list(checked_folder(path))):
            self._blobs.pop(found, None)

    def list(self, path: str) -> Iterator[str]:
        below = f"{checked_folder(path)}/" if path else ""
        return iter(sorted(found for found in self._blobs.copy() if found.startswith(below)))

    def uri(self, path: str) -> str:
        return _SCHEME + checked(path)
