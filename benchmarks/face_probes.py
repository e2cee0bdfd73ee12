"""Faces of known people, spoiled in known ways: what `bench_faces.py` measures with."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av
import cv2
import numpy as np

from rushes.processors.embedding.protocol import Image
from rushes.processors.faces.detector import DetectedFace
from rushes.processors.faces.mtcnn import MtcnnDetector

MARGIN = 1.0
"""Of the picture around a face, in widths of the face: a detector needs surroundings."""

CLEAR = 0.9
"""Score from which a find in a clean frame is its person: above that of the skull, below those of the people."""

FIT, REPORTED = ("asl_A", "asl_C", "asl_E", "hp_M", "fd_3"), ("asl_B", "asl_D", "hp_F", "fd_2")
"""Every second person of each source: the first half may be looked at while the quality is made."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A picture of a person's face, whose middle is at `middle` (0..1) and whose width is `width` pixels."""

    person: str
    clip: str
    frame: int
    picture: Image
    middle: tuple[float, float]
    width: float
    spoiled: tuple[str, ...] = ()


def frames(film: Path, wanted: set[int]) -> list[tuple[int, Image]]:
    with av.open(str(film)) as container:
        pictures = (f.to_ndarray(format="rgb24") for f in container.decode(video=0))
        return [(index, picture) for index, picture in enumerate(pictures) if index in wanted]


def clean_probes(data: Path, detector: MtcnnDetector) -> list[Probe]:
    """Of five signers, and of the people of three previews: who is who by where they stand, from left to right."""
    films: list[tuple[Path, set[int], list[str]]] = []
    signers = json.loads((data / "videos/asl/signers.json").read_text())
    for signer, clips in signers.items():
        films += [(data / f"videos/asl/{clip}.mkv", {8, 28, 48}, [f"asl_{signer}"]) for clip in clips]
    previews = data / "videos/intel_previews"
    films += [
        (previews / "head-pose-face-detection-female.mp4", {5, 25, 45}, ["hp_F"]),
        (previews / "head-pose-face-detection-male.mp4", {5, 25, 45}, ["hp_M"]),
        (previews / "head-pose-face-detection-female-and-male.mp4", {0, 15, 30, 45}, ["hp_F", "hp_M"]),
        (previews / "face-demographics-walking-and-pause.mp4", {0, 15, 30, 40, 50, 60}, ["hp_F", "fd_2", "fd_3"]),
    ]
    probes = []
    for film, wanted, people in films:
        for index, picture in frames(film, wanted):
            found = [face for face in detector.detect([picture])[0].found if face.score > CLEAR]
            if len(people) == 1:  # the skull on a sweater is below its wearer
                found = sorted(found, key=lambda face: face.box[1])[:1]
            if len(found) == len(people):
                ordered = sorted(found, key=lambda face: face.box[0])
                probes += [_around(p, film.stem, index, picture, f) for p, f in zip(people, ordered, strict=True)]
    return probes


def _around(person: str, clip: str, index: int, picture: Image, face: DetectedFace) -> Probe:
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = (value * side for value, side in zip(face.box, (width, height, width, height), strict=True))
    side = max(x1 - x0, y1 - y0)
    cx, cy, reach = (x0 + x1) / 2, (y0 + y1) / 2, side * (0.5 + MARGIN)
    left, top = int(max(cx - reach, 0)), int(max(cy - reach, 0))
    right, bottom = int(min(cx + reach, width)), int(min(cy + reach, height))
    part = np.ascontiguousarray(picture[top:bottom, left:right])
    return Probe(person, clip, index, part, ((cx - left) / (right - left), (cy - top) / (bottom - top)), side)


def spoiled(probe: Probe, count: int, rng: np.random.Generator) -> Iterator[Probe]:
    """The probe spoiled `count` times, each by one or two of WAYS at random strength."""
    names = list(WAYS)
    for _ in range(count):
        worse = probe
        for way in rng.choice(len(names), size=rng.choice([1, 1, 2]), replace=False):
            worse = WAYS[names[way]](worse, rng)
            worse = replace(worse, picture=np.ascontiguousarray(worse.picture), spoiled=(*worse.spoiled, names[way]))
        yield worse


def _smaller(probe: Probe, rng: np.random.Generator) -> Probe:
    scale = float(np.exp(rng.uniform(np.log(10), np.log(60)))) / probe.width
    if scale >= 1:
        return probe
    picture = cv2.resize(probe.picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return replace(probe, picture=picture, width=probe.width * scale)


def _out_of_focus(probe: Probe, rng: np.random.Generator) -> Probe:
    return replace(probe, picture=cv2.GaussianBlur(probe.picture, (0, 0), probe.width * rng.uniform(0.01, 0.1)))


def _moving(probe: Probe, rng: np.random.Generator) -> Probe:
    length, angle = max(int(probe.width * rng.uniform(0.05, 0.4)), 2), rng.uniform(0, np.pi)
    kernel = np.zeros((length, length), np.float32)
    reach = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    begin, end = (tuple(int(v) for v in length / 2 + sign * reach) for sign in (-1, 1))
    cv2.line(kernel, begin, end, 1)
    return replace(probe, picture=cv2.filter2D(probe.picture, -1, kernel / max(float(kernel.sum()), 1e-6)))


def _compressed(probe: Probe, rng: np.random.Generator) -> Probe:
    data = cv2.imencode(".jpg", probe.picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.uniform(3, 40))])[1]
    return replace(probe, picture=cv2.imdecode(data, cv2.IMREAD_COLOR))


def _noisy(probe: Probe, rng: np.random.Generator) -> Probe:
    noise = rng.normal(0, rng.uniform(5, 60), probe.picture.shape)
    return replace(probe, picture=np.clip(probe.picture + noise, 0, 255).astype(np.uint8))


def _turned(probe: Probe, rng: np.random.Generator) -> Probe:
    height, width = probe.picture.shape[:2]
    turn = cv2.getRotationMatrix2D((probe.middle[0] * width, probe.middle[1] * height), rng.uniform(-50, 50), 1)
    return replace(probe, picture=cv2.warpAffine(probe.picture, turn, (width, height), borderMode=cv2.BORDER_REPLICATE))


def _covered(probe: Probe, rng: np.random.Generator) -> Probe:
    picture = probe.picture.copy()
    middle = np.array(probe.middle) * picture.shape[1::-1] + rng.uniform(-0.4, 0.4, 2) * probe.width
    half = rng.uniform(0.15, 0.5) * probe.width / 2
    (x0, y0), (x1, y1) = (np.maximum(middle + sign * half, 0).astype(int) for sign in (-1, 1))
    picture[y0:y1, x0:x1] = rng.integers(0, 256, 3)
    return replace(probe, picture=picture)


def _cut_off(probe: Probe, rng: np.random.Generator) -> Probe:
    """A part of the face beyond the left or the right edge of the picture."""
    width = probe.picture.shape[1]
    lost = rng.uniform(-0.1, 0.35) * probe.width
    if rng.random() < 0.5:
        left = max(int(probe.middle[0] * width - probe.width / 2 + lost), 0)
        middle = ((probe.middle[0] * width - left) / (width - left), probe.middle[1])
        return replace(probe, picture=probe.picture[:, left:], middle=middle)
    right = min(int(probe.middle[0] * width + probe.width / 2 - lost), width)
    return replace(probe, picture=probe.picture[:, :right], middle=(probe.middle[0] * width / right, probe.middle[1]))


def _dark(probe: Probe, rng: np.random.Generator) -> Probe:
    return replace(probe, picture=(probe.picture * rng.uniform(0.08, 0.5)).astype(np.uint8))


def _washed_out(probe: Probe, rng: np.random.Generator) -> Probe:
    return replace(probe, picture=np.clip(probe.picture * rng.uniform(1.5, 3.0), 0, 255).astype(np.uint8))


WAYS = {
    "smaller": _smaller, "out of focus": _out_of_focus, "moving": _moving, "compressed": _compressed,
    "noisy": _noisy, "turned": _turned, "covered": _covered, "cut off": _cut_off, "dark": _dark,
    "washed out": _washed_out,
}  # fmt: skip
