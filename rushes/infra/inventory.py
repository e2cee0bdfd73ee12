"""What lies in a folder: every file by its content, so that a moved or renamed file is the same media.

Reading is all that is done to the folder. Hashes are remembered by path, size and time of change, so that a second
look at terabytes costs only a walk.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rushes.infra.results.atomic import write_atomically
from rushes.schemas.ids import MediaId

READ_BYTES: Final = 4 * 1024**2
"""One read while hashing: large enough that a disk streams."""

HASHERS: Final = 2
"""Threads that hash: SHA-256 releases the interpreter's lock, and two readers keep a disk busy."""

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

    Links to files are followed, links to folders are not: they may go in circles.
    """
    for parent, folders, names in os.walk(folder):
        here = Path(parent)
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and (here / name).resolve() != leave_out.resolve()
        )
        yield from (here / name for name in sorted(names) if not name.startswith("."))


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
    total = sum(stat.st_size for _, stat, _ in stats if stat is not None)
    done = 0
    files: list[SeenFile] = []
    with ThreadPoolExecutor(HASHERS) as pool:
        seen = pool.map(lambda one: _look(one[0], one[1], one[2], known), stats)
        for file in seen:
            files.append(file)
            done += file.size_bytes
            progress(done, total)
    return Inventory(tuple(files))


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


def _look(path: Path, stat: os.stat_result | None, problem: str | None, known: Mapping[str, SeenFile]) -> SeenFile:
    name = str(path)
    if stat is None:
        return SeenFile(name, 0, 0, None, problem)
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
            while block := file.read(READ_BYTES):
                digest.update(block)
    except OSError as error:
        return SeenFile(name, stat.st_size, stat.st_mtime_ns, None, _why(error))
    return SeenFile(name, stat.st_size, stat.st_mtime_ns, digest.hexdigest())


def _why(error: OSError) -> str:
    return f"expected a readable file, found: {error.strerror or error}"
