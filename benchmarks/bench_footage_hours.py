"""What 100 hours of 1080p footage take, from the films to the contact sheet: hours of computing, and GB of results.

    RUSHES_TEST_DATA=DATA python benchmarks/bench_footage_hours.py [--frames 7500] [--keep FOLDER] [--json]

Footage of the evaluation data at 1920 x 1080 and 25 frames/s goes through `rushes run` as a person starts it: a montage
with a cut every three seconds and people in every shot, and a long take of one person. Hours are processor time of all
its processes, less what a run of a short film takes (start-up, loading the models); beside it decoding alone by PyAV in
the same run. Models: `plain` needs no weights but MTCNN's own, `embedders` has those of the data set. Scaled up as if
all footage were like this; clustering's cost an item in large libraries has a benchmark of its own (bench_fold.py).
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from bench_split_speed import HD_HOURS, MATERIALS, decode_only, encode
from environment import describe

FPS = 25
SHORT = 50
"""Frames of the film that shows what a run takes whatever the length."""


@dataclass(frozen=True)
class Line:
    """Of one footage and choice of models, for HD_HOURS hours."""

    footage: str
    models: str
    decode_only_h: float
    computing_h: float
    wall_h: float
    pictures_gb: float
    store_gb: float
    state_gb: float
    sheet_gb: float
    scenes: int
    faces: int


def models(data: Path) -> dict[str, dict[str, str]]:
    """Settings by the name of the choice."""
    weights = data / "weights"
    return {
        "plain": {},
        "embedders": {
            "RUSHES_MODELS__SCENE": f"onnx:{weights / 'scene_mobilenet_v1.onnx'}",
            "RUSHES_MODELS__FACE": f"onnx:{weights / 'face_0095.onnx'}",
        },
    }


def sorted_in(films: Path, out: Path, chosen: dict[str, str]) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RUSHES_MODELS__")}
    command = [sys.executable, "-m", "rushes.streams.cli", "run", str(films), "--out", str(out), "--json"]
    subprocess.run(command, env={**inherited, **chosen}, check=True, stdout=subprocess.DEVNULL)


def taken(work: Callable[[], object]) -> tuple[float, float]:
    """Processor seconds of the process and its children, and wall seconds."""
    before, began = _cpu_s(), time.perf_counter()
    work()
    return _cpu_s() - before, time.perf_counter() - began


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def size(folder: Path) -> int:
    """Bytes of a file or of all files below a folder."""
    files = [folder] if folder.is_file() else [path for path in folder.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files)


@dataclass(frozen=True)
class Footage:
    """A film, and how it begins as one of its own."""

    name: str
    film: Path
    short: Path
    frames: int


def line(footage: Footage, name: str, chosen: dict[str, str], place: Path) -> Line:
    """Measure one footage with one choice of models."""
    runs = []
    for number, one in enumerate((footage.short, footage.film)):
        inside = place / f"in-{number}"
        inside.mkdir(parents=True)
        (inside / one.name).symlink_to(one)
        out = place / f"out-{number}"
        runs.append((taken(lambda inside=inside, out=out: sorted_in(inside, out, chosen)), out))
    ((short_cpu, short_wall), few), ((cpu, wall), out) = runs
    decoding, _ = taken(lambda: decode_only(footage.film))
    more = HD_HOURS * 3600 * FPS / (footage.frames - SHORT)
    whole = HD_HOURS * 3600 * FPS / footage.frames
    rows = Counter(json.loads(row)["kind"] for row in (out / "assignments.jsonl").read_text().splitlines())

    def gigabytes(part: str) -> float:
        return more * (size(out / part) - size(few / part)) / 1e9

    return Line(
        footage.name, name, whole * decoding / 3600, more * (cpu - short_cpu) / 3600,
        more * (wall - short_wall) / 3600, gigabytes("keyframes"), gigabytes("milvus.db"), gigabytes("state"),
        gigabytes("sheet") + gigabytes("index.html"), round(whole * rows["scene"]), round(whole * rows["face"]),
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=7_500, help="of each film (default: 7500, five minutes)")
    parser.add_argument("--keep", type=Path, help="a folder in which the encoded films stay")
    parser.add_argument("--json", action="store_true", help="a JSON line for each row")
    asked = parser.parse_args()
    data = os.environ.get("RUSHES_TEST_DATA")
    if not data:
        parser.error("set RUSHES_TEST_DATA to the folder of the evaluation data")
    print(
        describe("av", "numpy", "opencv-python-headless", "onnxruntime"), file=sys.stderr if asked.json else sys.stdout
    )
    if not asked.json:
        print(
            f"per {HD_HOURS} h of 1080p: {'footage':16} {'models':10} {'decoding alone h':>16} {'computing h':>11} "
            f"{'wall h':>6} {'pictures GB':>11} {'store GB':>8} {'state GB':>8} {'sheet GB':>8} "
            f"{'frames':>9} {'faces':>9}"
        )
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        films = asked.keep or place / "films"
        films.mkdir(parents=True, exist_ok=True)
        for material in MATERIALS[:2]:
            film = encode(material, Path(data), asked.frames, films)
            short = encode(material, Path(data), SHORT, films)
            footage = Footage(material.name, film, short, asked.frames)
            for name, chosen in models(Path(data)).items():
                found = line(footage, name, chosen, place / f"{material.name}-{name}")
                if asked.json:
                    print(json.dumps(asdict(found)), flush=True)
                    continue
                print(
                    f"{'':21} {found.footage:16} {found.models:10} {found.decode_only_h:16.1f} "
                    f"{found.computing_h:11.1f} {found.wall_h:6.1f} {found.pictures_gb:11.2f} {found.store_gb:8.2f} "
                    f"{found.state_gb:8.2f} {found.sheet_gb:8.2f} {found.scenes:9,} {found.faces:9,}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
