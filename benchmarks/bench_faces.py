"""Faces: speed, false finds, and what the quality predicts: python benchmarks/bench_faces.py [speed] [false] [quality]

`RUSHES_TEST_DATA` names the evaluation data. `quality` embeds real faces, and the same faces spoiled in known ways,
with the face embedder of the data, and shows how many genuine pairs are missed (at a threshold where one impostor pair
in a thousand passes) once the worst faces by each figure are left out: an error-versus-reject curve (Grother and
Tabassi 2007). The curve is drawn to docs/images/face-quality.png, its numbers are written beside it.
"""

import argparse
import json
import os
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
import skimage.data
import torch
from environment import describe
from face_probes import FIT, REPORTED, Probe, clean_probes, frames, spoiled
from facenet_pytorch import MTCNN

from rushes.processors.embedding.onnx_embedder import OnnxEmbedder
from rushes.processors.embedding.protocol import Image
from rushes.processors.faces.alignment import aligned_face
from rushes.processors.faces.mtcnn import MtcnnDetector
from rushes.processors.faces.quality import face_quality
from rushes.processors.faces.second_look import Find, second_scores

PAIRS = 7
FALSE_MATCH_RATE = 1e-3
KEPT_TO = 0.5
"""Share of rejected faces up to which the area under a curve is taken: nobody leaves out more than half."""

SPOILED_EACH = 10
SEED = 7
IMAGES = Path(__file__).parents[1] / "docs/images"


def speed(data: Path) -> dict[str, object]:
    """facenet-pytorch's own `detect`, a picture at a time, and the detector, in turns."""
    montage = [p for _, p in frames(data / "videos/montage_people.mp4", {20, 900, 1540})]
    cars = [p for _, p in frames(data / "videos/car-detection.mp4", {0, 60, 120})]
    rows: dict[str, object] = {}
    print(
        f"\nspeed: pictures of 1920 x 1080, {torch.get_num_threads()} threads, "
        f"median of {PAIRS} pairs (lowest to highest)"
    )
    for name, pictures in (("with faces", montage), ("without faces", cars)):
        full = [cv2.resize(picture, (1920, 1080), interpolation=cv2.INTER_CUBIC) for picture in pictures]
        small = [cv2.resize(picture, (1024, 576), interpolation=cv2.INTER_AREA) for picture in full]
        for setting, side, theirs in (("both at 1920 pixels", 1920, full), ("both at 1024 pixels", 1024, small)):
            detector = MtcnnDetector(longest_side=side, threads=torch.get_num_threads())
            library = MTCNN(keep_all=True, select_largest=False, min_face_size=max(20, round(side / 50)))
            ratios, rates, found = [], [], (0, 0)
            for number in range(PAIRS + 1):
                begun = time.perf_counter()
                alone = [library.detect(picture, landmarks=True)[0] for picture in theirs]
                between = time.perf_counter()
                together = detector.detect(theirs)
                ended = time.perf_counter()
                found = (sum(0 if b is None else len(b) for b in alone), sum(len(d.found) for d in together))
                if number:
                    ratios.append((between - begun) / (ended - between))
                    rates.append(len(theirs) / (ended - between))
            row = f"{name}, {setting}"
            rows[row] = {"ratio": statistics.median(ratios), "ratios": ratios, "faces": found}
            print(
                f"{row:36} {statistics.median(ratios):5.2f} x ({min(ratios):.2f} to {max(ratios):.2f}), "
                f"{statistics.median(rates):5.1f} pictures/s, faces {found[0]} and {found[1]}"
            )
    return rows


def pictures_without_people(data: Path) -> list[Image]:
    """What installed packages ship, and two films, upright and turned by quarters."""
    places = [Path(skimage.data.__file__).parent, Path(mpl.get_data_path())]
    files = sorted(f for place in places for f in place.rglob("*") if f.suffix.lower() in (".png", ".jpg", ".jpeg"))
    people = {"astronaut.png", "camera.png", "grace_hopper.jpg"}
    read = [cv2.imread(str(file)) for file in files if file.name not in people]
    pictures = [cv2.cvtColor(p, cv2.COLOR_BGR2RGB) for p in read if p is not None and min(p.shape[:2]) > 100]
    pictures += [
        p
        for film in ("car-detection", "counter")
        for _, p in frames(data / f"videos/{film}.mp4", {*range(0, 1000, 90)})
    ]
    return [np.ascontiguousarray(np.rot90(p, turns)) for p in pictures for turns in range(4)]


def false_finds(data: Path) -> dict[str, object]:
    """Finds that are none, where that is known, and what the second look makes of them and of real faces."""
    detector = MtcnnDetector(threads=torch.get_num_threads())
    rows: dict[str, tuple[int, int]] = {}

    def look(name: str, finds: list[Find]) -> None:
        rows[name] = (len(finds), second_scores(detector, finds).count(0.0))

    none = pictures_without_people(data)
    look("false: pictures without people", [Find(p, f) for p in none for f in detector.detect([p])[0].found])
    wearer, below = [], []
    for film in sorted((data / "videos/asl").glob("*.mkv")):
        for _, picture in frames(film, {*range(0, 500, 10)}):
            finds = sorted(
                (Find(picture, f) for f in detector.detect([picture])[0].found), key=lambda one: one.face.box[1]
            )
            wearer += finds[:1]
            below += finds[1:]
    look("true: one signer a picture, the upper find", wearer)
    look("false: one signer a picture, other finds", below)
    rng = np.random.default_rng(SEED)
    clean = clean_probes(data, detector)
    look("true: faces of known people", [f for p in clean for f in [find(detector, p)] if f is not None])
    worse = [w for p in clean for w in spoiled(p, 4, rng)]
    found = [(w, f) for w in worse for f in [find(detector, w)] if f is not None]
    look("true: the same, spoiled", [f for _, f in found])
    ways: Counter[str] = Counter()
    for (probe, _), score in zip(found, second_scores(detector, [f for _, f in found]), strict=True):
        ways.update(() if score else probe.spoiled)
    print(f"\nfalse faces: {len(none)} pictures without people, {len(worse)} spoiled faces, {len(found)} of them found")
    print(f"{'':44} finds  rejected")
    for name, (finds, rejected) in rows.items():
        print(f"{name:44} {finds:5}  {rejected:8}")
    print("rejected spoiled faces by way:", ", ".join(f"{way} {n}" for way, n in ways.most_common()) or "none")
    return {name: {"finds": finds, "rejected": rejected} for name, (finds, rejected) in rows.items()}


def find(detector: MtcnnDetector, probe: Probe) -> Find | None:
    """The person's face in the probe, where it is found."""
    x, y = probe.middle
    faces = [
        f for f in detector.detect([probe.picture])[0].found if f.box[0] <= x <= f.box[2] and f.box[1] <= y <= f.box[3]
    ]
    return Find(probe.picture, faces[0]) if faces else None


def eyes_apart(find: Find) -> float:
    """Pixels between the eyes."""
    points = np.array(find.face.landmarks) * find.image.shape[1::-1]
    return float(np.hypot(*(points[1] - points[0])))


def quality(data: Path) -> dict[str, object]:
    """Error-versus-reject curves of the quality and of each figure alone, on the people of REPORTED."""
    detector = MtcnnDetector(threads=torch.get_num_threads())
    embedder = OnnxEmbedder(data / "weights/face_0095.onnx", threads=torch.get_num_threads())
    rng = np.random.default_rng(SEED)
    clean = clean_probes(data, detector)
    probes = [*clean, *(worse for probe in clean for worse in spoiled(probe, SPOILED_EACH, rng))]
    found = [(p, f) for p in probes for f in [find(detector, p)] if f is not None]
    second = second_scores(detector, [f for _, f in found])
    found = [pair for pair, score in zip(found, second, strict=True) if score]
    second = [score for score in second if score]
    crops = [aligned_face(f.image, f.face.landmarks, embedder.template, embedder.crop_size) for _, f in found]
    vectors = embedder.embed(crops)
    qualities = [
        face_quality(crop, f.face.landmarks, (f.image.shape[0], f.image.shape[1]), f.face.score, score)
        for crop, (_, f), score in zip(crops, found, second, strict=True)
    ]
    similarity, threshold = genuine_similarities([p for p, _ in found], vectors, data)
    figures = {"quality": np.array([q.value for q in qualities])}
    figures |= {f"{name} alone": np.array([q.parts[name] for q in qualities]) for name in qualities[0].parts}
    figures["raw size alone"] = np.array([eyes_apart(f) for _, f in found])
    figures["detector score alone"] = np.array([f.face.score for _, f in found])
    print(f"\nquality: {len(probes)} faces, {len(found)} found; threshold {threshold:.3f} at FMR {FALSE_MATCH_RATE:g}")
    result: dict[str, object] = {"threshold": threshold, "found": len(found), "of": len(probes)}
    people = np.array([p.person for p, _ in found])
    shares = np.linspace(0, KEPT_TO, 51)
    for name, group in (("fit", FIT), ("reported", REPORTED)):
        own = np.isin(people, group)
        wrong = similarity[own] < threshold
        best = area(curve(wrong.astype(float) * -1, wrong, shares), shares)
        print(f"{name} half ({', '.join(group)}): {own.sum()} faces, FNMR {wrong.mean():.3f}; perfect area {best:.4f}")
        rows = {}
        for figure, values in figures.items():
            missed = curve(values[own], wrong, shares)
            rows[figure] = {"area": area(missed, shares), "fnmr": missed.tolist()}
            print(f"  {figure:24} area {area(missed, shares):.4f}; FNMR with 10, 20, 30 % left out: "
                  + ", ".join(f"{missed[k]:.3f}" for k in (10, 20, 30)))  # fmt: skip
        result[name] = {"fnmr": float(wrong.mean()), "perfect": best, "figures": rows, "shares": shares.tolist()}
    draw(result["reported"], IMAGES / "face-quality.png")
    return result


def genuine_similarities(probes: Sequence[Probe], vectors: np.ndarray, data: Path) -> tuple[np.ndarray, float]:
    """Cosine of each face to the mean of the person's clean faces of other films (else other frames), and a threshold.

    The threshold lets one of a thousand impostors pass: faces of the development set of the data against the means of
    all other people there, who have nothing to do with the spoiled faces.
    """
    whole = [not probe.spoiled for probe in probes]
    similarity = np.zeros(len(probes))
    for place, probe in enumerate(probes):
        own = [i for i, other in enumerate(probes) if whole[i] and other.person == probe.person]
        elsewhere = [i for i in own if probes[i].clip != probe.clip]
        others = elsewhere or [i for i in own if probes[i].frame != probe.frame]
        mean = vectors[others].mean(axis=0)
        similarity[place] = vectors[place] @ mean / np.linalg.norm(mean)
    known = np.load(data / "embeddings/faces_dev.npz")
    rows, labels = known["embeddings"], known["labels"]
    means = np.stack([rows[labels == label].mean(axis=0) for label in np.unique(labels)])
    table = rows @ (means / np.linalg.norm(means, axis=1, keepdims=True)).T
    impostors = table[labels[:, None] != np.unique(labels)[None]]
    return similarity, float(np.quantile(impostors, 1 - FALSE_MATCH_RATE))


def curve(values: np.ndarray, wrong: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """False non-match rate of what is left when this share with the lowest values is rejected; ties count as mixed."""
    order = np.argsort(values, kind="stable")
    smooth = wrong.astype(float)
    for value in np.unique(values):
        smooth[values == value] = wrong[values == value].mean()
    left = smooth[order]
    return np.array([left[round(share * len(left)) :].mean() for share in shares])


def area(missed: np.ndarray, shares: np.ndarray) -> float:
    return float(np.trapezoid(missed, shares))


def draw(rows: object, file: Path) -> None:
    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - the backend is chosen first

    assert isinstance(rows, dict)
    figure, axes = plt.subplots(figsize=(7, 4.5), dpi=110)
    for name, row in rows["figures"].items():
        axes.plot(
            np.array(rows["shares"]) * 100,
            row["fnmr"],
            lw=2.6 if name == "quality" else 1.1,
            label=f"{name} ({row['area']:.3f})",
        )
    axes.set_xlabel("faces left out, the worst first, %")
    axes.set_ylabel(f"false non-match rate at FMR {FALSE_MATCH_RATE:g}")
    axes.set_title("What the quality of a face predicts (area under the curve)")
    axes.set_ylim(0)
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=["speed", "false", "quality"], default=["speed", "false", "quality"])
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    place = os.environ.get("RUSHES_TEST_DATA")
    if place is None:
        parser.error("set RUSHES_TEST_DATA to the folder of the evaluation data")
    cv2.setNumThreads(arguments.threads)
    torch.set_num_threads(arguments.threads)
    print(describe("torch", "facenet-pytorch", "opencv-python-headless", "onnxruntime", "numpy"))
    parts = {"speed": speed, "false": false_finds, "quality": quality}
    file = IMAGES / "face-quality.json"
    results = json.loads(file.read_text()) if file.is_file() else {}
    for what in arguments.what:
        results[what] = parts[what](Path(place))
        file.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
