"""Blobs as files below a folder."""

import errno
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from rushes.infra.blobs.paths import UNFINISHED, checked, checked_folder
from rushes.schemas.errors import DependencyUnavailable, ForbiddenUri, MediaNotFound

_ROUNDS: Final = 200
"""A folder that others write to while it is deleted, or delete while it is written to, is tried again so often:
against two busy writers one contested round in four succeeds."""

_NO_SUCH: Final = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class LocalBlobStore:
    """Files below `root`, written beside their place and moved there, so that no reader sees a part.

    With `fsync` a blob also outlives a power cut once `put` returned; without, only the end of this process. `former`
    are roots that the folder had before it was moved: uris below them are still taken. Safe to use from several
    threads and processes.
    """

    def __init__(self, root: Path, *, fsync: bool = True, former: Sequence[Path] = ()) -> None:
        self._root = root.absolute()
        self._roots = (self._root, *former)
        self._fsync = fsync

    def put(self, path: str, data: bytes) -> str:
        place = self._place(path)
        with _explained(path):
            self._write(place, data)
        return place.as_uri()

    def get(self, path_or_uri: str) -> bytes:
        path = self._path_of(path_or_uri)
        with _explained(path):
            return self._place(path).read_bytes()

    def exists(self, path: str) -> bool:
        return self._place(path).is_file()

    def delete(self, path: str) -> None:
        with _explained(path), suppress(*_NO_SUCH):
            self._place(path).unlink()

    def delete_folder(self, path: str) -> None:
        folder = self._root / checked_folder(path)
        with _explained(path):
            for _ in range(_ROUNDS):
                try:
                    shutil.rmtree(folder)
                except NotADirectoryError:
                    return  # a blob, and nothing below it
                except FileNotFoundError:  # no such folder, or others delete or finish something in it
                    if not folder.is_dir():
                        return
                except OSError as error:
                    if error.errno != errno.ENOTEMPTY:  # others write to it
                        raise
                else:
                    return
        raise DependencyUnavailable(f"{folder} is being written to faster than it can be deleted; try again")

    def list(self, path: str) -> Iterator[str]:
        folder = self._root / checked_folder(path) if path else self._root
        found = (
            (Path(parent) / name).relative_to(self._root).as_posix()
            for parent, _, names in os.walk(folder)
            for name in names
            if not name.endswith(UNFINISHED)
        )
        return iter(sorted(found))

    def uri(self, path: str) -> str:
        return self._place(path).as_uri()

    def _place(self, path: str) -> Path:
        return self._root / checked(path)

    def _path_of(self, path_or_uri: str) -> str:
        if not path_or_uri.startswith("file:"):
            return path_or_uri
        place = Path(unquote(urlsplit(path_or_uri).path))
        for root in self._roots:
            if ".." not in place.parts and place.is_relative_to(root):
                return place.relative_to(root).as_posix()
        raise ForbiddenUri(f"expected a uri below {self._root.as_uri()}, found {path_or_uri}")

    def _write(self, place: Path, data: bytes) -> None:
        for last in range(_ROUNDS):
            beside = place.parent / f".{uuid.uuid4().hex}{UNFINISHED}"
            try:
                new_folder = not place.parent.is_dir()
                place.parent.mkdir(parents=True, exist_ok=True)
                with beside.open("xb") as file:
                    file.write(data)
                    if self._fsync:
                        file.flush()
                        os.fsync(file.fileno())
                beside.replace(place)
            except (FileNotFoundError, FileExistsError):  # the folder was deleted meanwhile, or while it was made
                if last == _ROUNDS - 1:
                    raise
            except BaseException:
                beside.unlink(missing_ok=True)
                raise
            else:
                if self._fsync:
                    self._sync_names(place.parent, every_level=new_folder)
                return

    def _sync_names(self, folder: Path, *, every_level: bool) -> None:
        """A file's name is on the disk only when its folder is; so is the folder's own, when it is new."""
        levels = [folder]
        if every_level:
            levels += [parent for parent in folder.parents if parent.is_relative_to(self._root)]
        for level in levels:
            descriptor = os.open(level, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


@contextmanager
def _explained(path: str) -> Iterator[None]:
    try:
        yield
    except _NO_SUCH as error:
        raise MediaNotFound(f"expected a blob at {path}, found none") from error
    except OSError as error:
        raise DependencyUnavailable(f"the folder of the blobs does not work at {path}: {error}") from error
