"""What lies in a folder: every file by its content, so that a moved or renamed file is the same media.

Reading is all that is done to the folder. Hashes are remembered by path, size and time of change, so that a second
look at terabytes costs only a walk.
"""

import hashlib
import json
import os
import stat as mode
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from rushes.infra.results.atomic import write_atomically
from rushes.schemas.ids import MediaId

READ_BYTES: Final = 4 * 1024**2
"""One read while hashing: large enough that a disk streams."""

HASHERS: Final = 2
"""Threads that hash: SHA-256 releases the interpreter's lock, and two readers keep a disk busy."""

TOLD_PATHS: Final = 16
"""Paths that an event tells of; a file of a thousand copies would not fit into one."""

Progress = Callable[[int, int], None]
"""Bytes hashed, bytes in all."""


@dataclass(frozen=True, slots=True)
class SeenFile:
    """One file at one path. `sha256` is None where it could not be read, and `problem` says why."""

    path: str
    size_bytes: int
    mtime_ns: int
    sha256: str | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class SeenMedia:
    """One content and all the paths it lies at, sorted."""

    media_id: MediaId
    paths: tuple[str, ...]
    size_bytes: int

    def told_paths(self) -> list[JsonValue]:
        """The first absolute paths as an event can carry them: in UTF-8, which not every file name is."""
        return [os.fsencode(Path(path).absolute()).decode("utf-8", "replace") for path in self.paths[:TOLD_PATHS]]


@dataclass(frozen=True, slots=True)
class Inventory:
    """The files of a folder, in the order of their paths."""

    files: tuple[SeenFile, ...]

    def media(self) -> tuple[SeenMedia, ...]:
        """Contents in the order of their first path: the canonical order of a run."""
        paths: dict[str, list[str]] = {}
        sizes: dict[str, int] = {}
        for file in self.files:
            if file.sha256 is not None:
                paths.setdefault(file.sha256, []).append(file.path)
                sizes[file.sha256] = file.size_bytes
        return tuple(SeenMedia(MediaId(key), tuple(found), sizes[key]) for key, found in paths.items())

    def unreadable(self) -> tuple[SeenFile, ...]:
        """Files whose content could not be read."""
        return tuple(file for file in self.files if file.sha256 is None)


def walk(folder: Path, leave_out: Path) -> Iterator[Path]:
    """All files below `folder`, sorted by path, without hidden ones and without anything below `leave_out`.

    Links are followed, but to no folder that is walked anyway or holds one that is: nothing goes in circles. A folder
    that can't be listed is given itself.
    """
    entered = [folder.resolve()]
    unlisted: list[OSError] = []
    for parent, folders, names in os.walk(folder, onerror=unlisted.append, followlinks=True):
        here = Path(parent)
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and _to_enter(here / name, leave_out, entered)
        )
        yield from (here / name for name in sorted(names) if not name.startswith("."))
    yield from (Path(error.filename) for error in unlisted)


def _to_enter(folder: Path, leave_out: Path, entered: list[Path]) -> bool:
    """Whether a walk goes into a folder below; `entered` are the real paths of where it began, and of links taken."""
    target = folder.resolve()
    if target == leave_out.resolve():
        return False
    if folder.is_symlink():
        if any(target.is_relative_to(one) or one.is_relative_to(target) for one in entered):
            return False
        entered.append(target)
    return True


def take_inventory(folder: Path, leave_out: Path, known: Mapping[str, SeenFile], progress: Progress) -> Inventory:
    """Look at every file below a folder; hash those that are new or changed since `known` (by path)."""
    return inventory_of(sorted(walk(folder, leave_out)), known, progress)


def inventory_of(paths: Sequence[Path], known: Mapping[str, SeenFile], progress: Progress) -> Inventory:
    """The same of these files."""
    stats: list[tuple[Path, os.stat_result | None, str | None]] = []
    for path in paths:
        try:
            stats.append((path, path.stat(), None))
        except OSError as error:
            stats.append((path, None, _why(error)))
    total = sum(stat.st_size for _, stat, _ in stats if stat is not None and mode.S_ISREG(stat.st_mode))
    done = 0
    files: list[SeenFile] = []
    stop = threading.Event()
    with ThreadPoolExecutor(HASHERS) as pool:
        try:
            for file in pool.map(lambda one: _look(one[0], one[1], one[2], known, stop), stats):
                files.append(file)
                done += file.size_bytes
                progress(done, total)
        finally:
            stop.set()  # Ctrl-C must not wait for the end of a file of a terabyte
    return Inventory(tuple(files))


def still_elsewhere(known: Mapping[str, SeenFile], folder: Path) -> tuple[SeenFile, ...]:
    """Files of an earlier inventory that lie outside `folder` and are there as they were."""
    return tuple(file for file in known.values() if not Path(file.path).is_relative_to(folder) and _unchanged(file))


def _unchanged(file: SeenFile) -> bool:
    try:
        now = Path(file.path).stat()
    except OSError:
        return False
    return (now.st_size, now.st_mtime_ns) == (file.size_bytes, file.mtime_ns)


def load_inventory(path: Path) -> dict[str, SeenFile]:
    """Files of an earlier inventory, by path; none where there is no readable one."""
    try:
        rows = json.loads(path.read_text("utf-8"))
        return {row["path"]: SeenFile(**row) for row in rows}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def save_inventory(path: Path, inventory: Inventory) -> None:
    """Remember the inventory for the next run."""
    rows = [
        {
            "path": file.path,
            "size_bytes": file.size_bytes,
            "mtime_ns": file.mtime_ns,
            "sha256": file.sha256,
            "problem": file.problem,
        }
        for file in inventory.files
    ]
    write_atomically(path, json.dumps(rows, ensure_ascii=True, indent=0).encode())


def _look(
    path: Path,
    stat: os.stat_result | None,
    problem: str | None,
    known: Mapping[str, SeenFile],
    stop: threading.Event,
) -> SeenFile:
    name = str(path)
    if stat is None:
        return SeenFile(name, 0, 0, None, problem)
    if mode.S_ISDIR(stat.st_mode):
        return SeenFile(name, 0, stat.st_mtime_ns, None, "expected a folder that can be listed; nothing in it was seen")
    if not mode.S_ISREG(stat.st_mode):  # opening a pipe would wait for its writer, for ever
        return SeenFile(name, 0, stat.st_mtime_ns, None, "expected a regular file, found a pipe, socket or device")
    before = known.get(name)
    if (
        before is not None
        and before.sha256 is not None
        and (before.size_bytes, before.mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    ):
        return before
    try:
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while not stop.is_set() and (block := file.read(READ_BYTES)):
                digest.update(block)
    except OSError as error:
        return SeenFile(name, stat.st_size, stat.st_mtime_ns, None, _why(error))
    return SeenFile(name, stat.st_size, stat.st_mtime_ns, digest.hexdigest())


def _why(error: OSError) -> str:
    return f"expected a readable file, found: {error.strerror or error}"
