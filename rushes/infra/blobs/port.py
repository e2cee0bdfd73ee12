"""Port of the blob store: keyframes, thumbnails, manifests, markers. Paths are relative, library first."""

from collections.abc import Iterator
from typing import Protocol


class BlobStore(Protocol):
    """Whole objects by path. Writes are atomic: a reader, or a restart after kill -9, sees all of one or nothing.

    Errors: MediaNotFound where there is no such blob; DependencyUnavailable where the store does not answer.
    """

    def put(self, path: str, data: bytes) -> str:
        """Write (or replace) and return the uri that events carry."""
        ...

    def get(self, path_or_uri: str) -> bytes:
        """The bytes of a path, or of a uri that `put` returned."""
        ...

    def exists(self, path: str) -> bool: ...

    def delete(self, path: str) -> None:
        """Remove one blob; none there is fine."""
        ...

    def delete_folder(self, path: str) -> None:
        """Remove everything below a folder; none there is fine."""
        ...

    def list(self, path: str) -> Iterator[str]:
        """Paths of all blobs below a folder, sorted."""
        ...

    def uri(self, path: str) -> str: ...
