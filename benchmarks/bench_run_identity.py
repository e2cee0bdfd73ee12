"""`rushes run` on labelled footage, from the films to the characters, held against who and what is in them:

    RUSHES_TEST_DATA=DATA python benchmarks/bench_run_identity.py [--keep FOLDER] [--json]

Detection is real (MTCNN, twice a second), the embedders are those of the data set. The films are sorted by the policy
`calibrated` with nothing set; beside it stands the policy `fixed` on the same journal, so on the same vectors. Scored
by B-cubed, items that wait counting as clusters of their own: all scenes of the montage; faces of its shots with one
person; of the signers, the largest face of a frame (the skull on a sweater is a smaller one). What no label tells of
each face is checked by who recurs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from environment import describe

from rushes.infra.library_log.journal import JournalLibraryLog
from rushes.processors.clustering.fold import apply
from rushes.processors.clustering.library import Library
from rushes.processors.clustering.policy import Policy, PolicyName
from rushes.processors.evaluation.metrics import NOISE, bcubed
from rushes.schemas.ids import Generation

FPS = 25
Row = Mapping[str, object]
Where = dict[str, str | None]
"""Cluster of each item, by id."""


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    footage: str
    kind: str
    scored: int
    identities: int
    policy: str
    clusters: int
    waiting: int
    precision: float
    recall: float
    f1: float


def sort(films: Sequence[Path], folder: Path, data: Path) -> tuple[list[Row], Path]:
    """Sort the films as a person would; the rows of `assignments.jsonl`, and the results' folder."""
    inside, out = folder / "in", folder / "out"
    inside.mkdir(parents=True)
    for film in films:
        (inside / film.name).symlink_to(film)
    weights = data / "weights"
    models = {
        "RUSHES_MODELS__SCENE": f"onnx:{weights / 'scene_mobilenet_v1.onnx'}",
        "RUSHES_MODELS__FACE": f"onnx:{weights / 'face_0095.onnx'}",
        "RUSHES_MODELS__FACE_DETECTOR": "mtcnn",
    }
    command = [sys.executable, "-m", "rushes.streams.cli", "run", str(inside), "--out", str(out), "--json"]
    subprocess.run(command, env={**os.environ, **models}, check=True, stdout=subprocess.DEVNULL)
    return [json.loads(line) for line in (out / "assignments.jsonl").read_text().splitlines()], out


def decided_by(policy: PolicyName, out: Path) -> Where:
    """Who is where by a policy, on the journal of a run."""
    library: Library | None = None
    for record in JournalLibraryLog(out / "state" / "journal", writable=False).read(0):
        if record.entry is not None:
            library = library or Library(record.entry.library_id, Generation("g1"), Policy(policy))
            apply(library, record.entry)
    assert library is not None, "the run wrote a journal"
    return {item_id: item.cluster_id for item_id, item in library.items.items()}


def compare(footage: str, kind: str, labels: Mapping[str, str], out: Path, told: Where) -> Iterable[Line]:
    """The lines of one kind of items, by the labels of those that have one."""
    truths = {name: number for number, name in enumerate(sorted(set(labels.values())))}
    truth = np.array([truths[name] for name in labels.values()], np.int64)
    calibrated = decided_by("calibrated", out)
    assert all(calibrated[item] == told[item] for item in labels), "a replay of the journal is what the run told"
    for policy, where in (("calibrated", calibrated), ("fixed", decided_by("fixed", out))):
        names = sorted({cluster for item in labels if (cluster := where[item]) is not None})
        numbers = {cluster: number for number, cluster in enumerate(names)}
        found = np.array([NOISE if (at := where[item]) is None else numbers[at] for item in labels], np.int64)
        score = bcubed(found, truth)
        waiting = int((found == NOISE).sum())
        yield Line(
            footage, kind, len(truth), len(truths), policy, len(numbers), waiting,
            score.precision, score.recall, score.f1,
        )  # fmt: skip


def name_of(row: Row) -> str:
    paths = row["paths"]
    assert isinstance(paths, list)
    return Path(str(paths[0])).stem


def largest_faces(rows: Iterable[Row]) -> list[Row]:
    """Of each frame the face of the largest box."""
    found: dict[object, Row] = {}
    for row in rows:
        if row["kind"] == "face" and (row["frame_id"] not in found or area(row) > area(found[row["frame_id"]])):
            found[row["frame_id"]] = row
    return list(found.values())


def area(row: Row) -> float:
    box = row["box"]
    assert isinstance(box, list)
    return float((box[2] - box[0]) * (box[3] - box[1]))


def characters(rows: Iterable[Row], among: Callable[[Row], bool]) -> Counter[str]:
    """Clusters of the faces that are meant, by how many they are."""
    return Counter(str(row["cluster_id"]) for row in rows if row["kind"] == "face" and row["cluster_id"] and among(row))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, help="where the results go; else nothing stays")
    parser.add_argument("--json", action="store_true", help="a JSON document instead of the table")
    options = parser.parse_args()
    data = Path(os.environ["RUSHES_TEST_DATA"])
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        lines, checks = measure(data, folder)
    if options.json:
        print(json.dumps({"lines": [asdict(line) for line in lines], "checks": checks}))
        return
    print(describe("numpy", "onnxruntime", "facenet-pytorch"))
    print(f"{'footage':<9}{'kind':<7}{'scored':>7}{'true':>6}  {'policy':<12}{'clusters':>9}{'waiting':>8}"
          f"{'precision':>10}{'recall':>8}{'F1':>7}")  # fmt: skip
    for one in lines:
        print(f"{one.footage:<9}{one.kind:<7}{one.scored:>7}{one.identities:>6}  {one.policy:<12}{one.clusters:>9}"
              f"{one.waiting:>8}{one.precision:>10.3f}{one.recall:>8.3f}{one.f1:>7.3f}")  # fmt: skip
    for claim, holds in checks.items():
        print(f"{'yes' if holds else 'NO ':<4}{claim}")


def measure(data: Path, folder: Path) -> tuple[list[Line], dict[str, bool]]:
    """All lines, and what recurs."""
    videos = data / "videos"
    lines: list[Line] = []
    checks: dict[str, bool] = {}
    montage(data, folder / "montage", lines, checks)
    rows, out = sort(sorted((videos / "asl").glob("*.mkv")), folder / "signers", data)
    signers = json.loads((videos / "asl" / "signers.json").read_text())
    signer_of = {clip: signer for signer, clips in signers.items() for clip in clips}
    largest = {str(row["item_id"]): signer_of[name_of(row)] for row in largest_faces(rows)}
    lines += compare("signers", "face", largest, out, where(rows))
    others = [row for row in rows if row["kind"] == "face" and str(row["item_id"]) not in largest]
    own = {str(row["cluster_id"]) for row in rows if str(row["item_id"]) in largest and row["cluster_id"]}
    checks[f"signers: what else was taken for a face, {len(others)} finds, is in nobody's character"] = not any(
        str(row["cluster_id"]) in own for row in others
    )
    previews(data, folder / "previews", checks)
    return lines, checks


def where(rows: Iterable[Row]) -> Where:
    return {str(row["item_id"]): None if row["cluster_id"] is None else str(row["cluster_id"]) for row in rows}


def montage(data: Path, folder: Path, lines: list[Line], checks: dict[str, bool]) -> None:
    """One film cut together from others: scenes and persons come back."""
    told = json.loads((data / "videos" / "montage_people.json").read_text())
    rows, out = sort([data / "videos" / told["video"]], folder, data)
    scenes: dict[str, str] = {}
    alone: dict[str, str] = {}
    in_shot: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        assert isinstance(row["time_s"], float)
        frame = round(row["time_s"] * FPS)
        shot = next(one for one in told["shots"] if one["start"] <= frame < one["end"])
        in_shot[shot["shot"]].append(row)
        if row["kind"] == "scene":
            scenes[str(row["item_id"])] = shot["scene"]
        elif row["kind"] == "face" and len(shot["persons"]) == 1 and not shot["persons"][0].endswith("*"):
            alone[str(row["item_id"])] = shot["persons"][0]
    lines += compare("montage", "scene", scenes, out, where(rows))
    lines += compare("montage", "face", alone, out, where(rows))
    for person in ("hp_F", "hp_M"):
        shots = [one["shot"] for one in told["shots"] if person in one["persons"]]
        first, *later = [characters(in_shot[shot], lambda _: True) for shot in shots]
        (who, _), *_ = first.most_common(1)
        checks[f"montage: {person} of shot {shots[0]} is found in shots {shots[1:]}"] = all(who in one for one in later)


def previews(data: Path, folder: Path, checks: dict[str, bool]) -> None:
    """The woman and the man of one clip each are both in a third."""
    rows, _ = sort(sorted((data / "videos" / "intel_previews").glob("*.mp4")), folder, data)

    def of(clip: str) -> Counter[str]:
        return characters(rows, lambda row: name_of(row) == f"head-pose-face-detection-{clip}")

    woman, man, both = of("female"), of("male"), of("female-and-male")
    checks["previews: the woman's clip has one character, the man's another"] = (
        len(woman) == len(man) == 1 and woman.keys() != man.keys()
    )
    checks["previews: both are in the third clip, and nobody else"] = both.keys() == woman.keys() | man.keys()


if __name__ == "__main__":
    main()
