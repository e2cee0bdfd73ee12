"""`rushes run` as a person starts it, for tests: a process of its own, killed or not, and what it left behind."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
from PIL import Image

from tests.making_media import scene, still, write_film

ROOT = Path(__file__).parent.parent
COMMAND = [sys.executable, "-m", "rushes.streams.cli"]
DEADLINE_S = 120.0


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def screen(self) -> str:
        return self.out + self.err


def environment(**extra: str) -> dict[str, str]:
    """Without faces unless a test wants them: torch takes seconds to load."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RUSHES_")}
    return {
        **inherited,
        "PYTHONPATH": str(ROOT),
        "RUSHES_MODELS__FACE_DETECTOR": "off",
        "RUSHES_MODELS__THREADS": "2",
        "COLUMNS": "200",
        **extra,
    }


def start(*arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> subprocess.Popen:
    """The command in a process group of its own, as a terminal would start it."""
    return subprocess.Popen(
        [*COMMAND, *map(os.fspath, arguments)],
        cwd=cwd or ROOT,
        env=dict(env or environment()),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def end(process: subprocess.Popen, within_s: float = DEADLINE_S) -> Ended:
    """Wait for its end; kills what is late, and fails."""
    try:
        out, err = process.communicate(timeout=within_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    return Ended(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))


def rushes(*arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Ended:
    """Run the command to its end."""
    return end(start(*arguments, cwd=cwd, env=env))


def interrupt_when(
    process: subprocess.Popen, ready: Callable[[], bool], signum: int, within_s: float = DEADLINE_S
) -> tuple[Ended, float, list[psutil.Process]]:
    """Send a signal as soon as something holds (or it ended by itself): its end, the seconds it took to leave, and the
    processes it had started.
    """
    deadline = time.monotonic() + within_s
    while process.poll() is None and not ready():
        assert time.monotonic() < deadline, "the moment to interrupt never came"
        time.sleep(0.005)
    try:
        started = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        started = []
    began = time.monotonic()
    process.send_signal(signum)
    ended = end(process)
    return ended, time.monotonic() - began, started


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def photo(path: Path, seed: int, **options: object) -> Path:
    """A picture of its own; the format goes by the suffix, or by `format`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(scene(seed)).save(path, **options)
    return path


def film(path: Path, seeds: list[int], frames: int = 15) -> Path:
    """A film of static shots, one per seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_film(path, (picture for seed in seeds for picture in still(scene(seed), frames)), gop=15)


def table(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "assignments.jsonl").read_text("utf-8").split("\n") if line]


def failed(out: Path) -> dict[str, dict]:
    """Lines of failed.jsonl by path."""
    lines = [json.loads(line) for line in (out / "failed.jsonl").read_text("utf-8").split("\n") if line]
    return {line["path"]: line for line in lines}


def clusters(out: Path) -> list[dict]:
    return json.loads((out / "clusters.json").read_text("utf-8"))


def tables(out: Path) -> tuple[bytes, bytes, bytes]:
    """The three tables as they lie on the disk."""
    return tuple((out / name).read_bytes() for name in ("assignments.jsonl", "clusters.json", "failed.jsonl"))


def assert_same_result(out: Path, expected: Path) -> None:
    """Same items, clusters and decisions; figures within 1e-3."""
    ours, theirs = table(out), table(expected)
    assert [_without_figures(row) for row in ours] == [_without_figures(row) for row in theirs]
    for row, other in zip(ours, theirs, strict=True):
        if row["similarity"] is None or other["similarity"] is None:
            assert row["similarity"] == other["similarity"]
        else:
            assert abs(row["similarity"] - other["similarity"]) < 1e-3
    assert clusters(out) == clusters(expected)
    assert failed(out) == failed(expected)


def journal_ids(out: Path) -> list[str]:
    """Entry ids in the journal, in its order; of whole lines only."""
    path = out / "state" / "journal" / "library-log.jsonl"
    if not path.exists():
        return []
    return [json.loads(line)["entry_id"] for line in path.read_bytes().split(b"\n")[:-1]]


def made(out: Path) -> dict[str, tuple[int, int]]:
    """Keyframes and thumbnails with inode and time of writing: what is made again has others."""
    return {
        str(path.relative_to(out)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in (out / "keyframes").rglob("*.jpg")
    }


def fingerprint(folder: Path) -> dict[str, tuple[object, ...]]:
    """Content and times of everything below a folder, links not followed."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(folder.rglob("*")):
        stat = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else ""
        found[str(path)] = (content, stat.st_mtime_ns, stat.st_ino, stat.st_mode, stat.st_size)
    return found


def _without_figures(row: dict) -> dict:
    return {name: value for name, value in row.items() if name != "similarity"}
