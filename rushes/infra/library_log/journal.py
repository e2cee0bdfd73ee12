"""The log in one-process mode: an append-only file of JSON lines, on the disk when `append` returns.

Torn tail: an append that a kill interrupted leaves at most one line without its line break behind, which was never
acknowledged; the next writer cuts it off. Every other line that does not decode is damage: it is skipped, loudly.
"""

import fcntl
import os
import threading
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import structlog

from rushes.infra.library_log.codec import decode_record, encode_entry
from rushes.infra.library_log.port import LogPosition, LogRecord
from rushes.schemas.errors import ConfigurationError, DependencyUnavailable
from rushes.schemas.ids import LibraryId
from rushes.schemas.log import LogEntry

_log = structlog.get_logger(__name__)

_JOURNAL: Final = "library-log.jsonl"
_LOCK: Final = "library-log.lock"
_SCAN_BYTES: Final = 1024 * 1024
"""Read at once while lines are counted; larger is not faster."""


class JournalLibraryLog:
    """One file with one partition, 0; an offset is the number of a line. Safe to use from several threads.

    Opened for writing it holds the folder's lock until `close` or the end of the process; `writable=False` reads
    beside a writer, and sees what is complete at the time of each `read`.

    Raises ConfigurationError where another writer has the folder, or the folder can't be written to.
    """

    def __init__(self, folder: Path, *, writable: bool = True) -> None:
        self._path = folder / _JOURNAL
        self._mutex = threading.Lock()
        self._starts = array("Q")  # byte position of each complete line
        self._end = 0  # byte position behind the last complete line
        self._lock_fd: int | None
        self._fd: int | None
        self._lock_fd, self._fd = self._open_for_writing(folder) if writable else (None, None)
        self._index_new_lines()
        if self._fd is not None:
            self._cut_torn_tail(self._fd)

    def partition_of(self, library_id: LibraryId) -> int:  # noqa: ARG002 - the port's signature; a journal has one
        return 0

    def append(self, entries: Sequence[LogEntry]) -> list[LogPosition]:
        """One write and one fsync for all. A full disk leaves the journal as it was."""
        lines = [encode_entry(entry) + b"\n" for entry in entries]
        with self._mutex:
            if self._fd is None:
                raise ConfigurationError(f"the journal {self._path} is not open for writing; open it so")
            try:
                self._write_through(self._fd, b"".join(lines))
            except OSError as error:
                raise DependencyUnavailable(f"can't write to {self._path}: {error}; make room on the disk") from error
            first = len(self._starts)
            for line in lines:
                self._starts.append(self._end)
                self._end += len(line)
        return [LogPosition(0, offset) for offset in range(first, first + len(lines))]

    def read(self, partition: int, start: int = 0, until: int | None = None) -> Iterator[LogRecord]:
        if partition != 0:
            raise ConfigurationError(f"expected partition 0, the only one of a journal, found {partition}")
        with self._mutex:
            if self._fd is None:
                self._index_new_lines()
            count = len(self._starts)
            stop = count if until is None else min(until, count)
            byte_position = self._starts[start] if start < stop else self._end
        return self._read_lines(start, stop, byte_position)

    def close(self) -> None:
        with self._mutex:
            for descriptor in (self._fd, self._lock_fd):
                if descriptor is not None:
                    os.close(descriptor)
            self._fd = self._lock_fd = None

    def _open_for_writing(self, folder: Path) -> tuple[int, int]:
        """Descriptors of the lock, which is taken, and of the journal."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
            self._take_lock(lock)
            new = not self._path.exists()
            journal = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o644)
            if new:
                _sync_folder(folder)
        except OSError as error:
            raise ConfigurationError(f"can't write a journal in {folder}: {error}; choose another folder") from error
        return lock, journal

    def _take_lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise ConfigurationError(
                f"another process (pid {holder}) is writing to {self._path.parent}; wait for its end, or stop it"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)

    def _index_new_lines(self) -> None:
        """Notes the complete lines behind `_end`."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._end)
                position = self._end
                while block := file.read(_SCAN_BYTES):
                    at = -1
                    while (at := block.find(b"\n", at + 1)) >= 0:
                        self._starts.append(self._end)
                        self._end = position + at + 1
                    position += len(block)
        except FileNotFoundError:
            return  # nothing has been written yet

    def _cut_torn_tail(self, descriptor: int) -> None:
        size = os.fstat(descriptor).st_size
        if size > self._end:
            _log.warning(
                "journal: cutting off an append that was interrupted before it was acknowledged",
                path=str(self._path),
                bytes=size - self._end,
            )
            os.ftruncate(descriptor, self._end)
            os.fsync(descriptor)

    def _write_through(self, descriptor: int, data: bytes) -> None:
        """Writes behind the last line and waits for the disk; when that fails, the file ends where it did."""
        try:
            position, rest = self._end, memoryview(data)
            while rest:
                written = os.pwrite(descriptor, rest, position)
                position, rest = position + written, rest[written:]
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, self._end)
            raise

    def _read_lines(self, start: int, stop: int, byte_position: int) -> Iterator[LogRecord]:
        if start >= stop:
            return
        with self._path.open("rb") as file:
            file.seek(byte_position)
            for offset in range(start, stop):
                yield decode_record(str(self._path), LogPosition(0, offset), file.readline().removesuffix(b"\n"))


def _sync_folder(folder: Path) -> None:
    """A new file's name is on the disk only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
