"""A file somewhere else, opened for reading once from its start."""

from collections.abc import Iterator
from types import TracebackType
from typing import Protocol, Self


class RemoteFile(Protocol):
    """An opened source. Its blocks raise InputUnavailable where the source stops answering."""

    @property
    def size_bytes(self) -> int | None:
        """As the source says, where it does."""
        ...

    def blocks(self, size: int) -> Iterator[bytes]: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...
