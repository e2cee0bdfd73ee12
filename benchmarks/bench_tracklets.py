"""Tracklets on the evaluation data: how many, how pure, how broken: python benchmarks/bench_tracklets.py

Films of `RUSHES_TEST_DATA` are looked at twice a second, and their faces linked: with `weights/face_0095.onnx`, whose
vectors tell persons apart, and with the weightless descriptor, whose vectors don't. Told for each: the share of faces
in tracklets, tracklets a shot and person, and wrong links. The truth of those is where the data has it:

- the montage, once cut as it is and once as if no cut had been found: a tracklet over a cut is wrong;
- every signer's take followed by every other signer's, as if it were one shot: same room, same framing, other person;
- takes of one signer: what is linked there is right, and a second tracklet a break (or the skull on A's sweater).
"""

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import av
import numpy as np
from environment import describe

from rushes.infra.models import VisionModels, vision_models
from rushes.infra.settings import ModelSettings
from rushes.processors.faces.alignment import aligned_face
from rushes.processors.faces.tracklets import SightedFrame, Sighting, link_sightings
from rushes.processors.shots.pictures import perceptual_hash

PERIOD_US: Final = 500_000


@dataclass(frozen=True, slots=True)
class Looked:
    """A frame of a film: its index, and its faces with vectors."""

    index: int
    frame: SightedFrame

    def untold(self) -> "Looked":
        """The frame as a descriptor without weights sees it."""
        return replace(self, frame=replace(self.frame, sightings=[Sighting(s.box) for s in self.frame.sightings]))


def look(film: Path, models: VisionModels) -> list[Looked]:
    """Frames of a film half a second apart."""
    assert models.detector is not None
    assert models.face is not None
    found: list[Looked] = []
    with av.open(str(film)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            time_us = round((frame.time or 0) * 1e6)
            if time_us < len(found) * PERIOD_US:
                continue
            image = frame.to_ndarray(format="rgb24")
            (detections,) = models.detector.detect([image])
            crops = [
                aligned_face(image, face.landmarks, models.face.template, models.face.crop_size)
                for face in detections.found
            ]
            rows = models.face.embed(crops) if crops else np.zeros((0, 1), np.float32)
            sightings = [
                Sighting(face.box, row.astype(np.float64) / np.linalg.norm(row))
                for face, row in zip(detections.found, rows, strict=True)
            ]
            looks = perceptual_hash(frame.to_ndarray(format="gray"))
            found.append(Looked(index, SightedFrame(time_us, sightings, looks)))
    return found


def linked(shot: Sequence[Looked]) -> list[list[int]]:
    """Frame indices of each tracklet, those of one face among them."""
    members: dict[int, list[int]] = {}
    for looked, numbers in zip(shot, link_sightings([looked.frame for looked in shot]), strict=True):
        for number in numbers:
            members.setdefault(number, []).append(looked.index)
    return list(members.values())


def told(name: str, shots: Sequence[Sequence[Looked]]) -> str:
    """A line on the shots of a film."""
    tracklets = [found for shot in shots for found in linked(shot)]
    faces = sum(len(found) for found in tracklets)
    within = sum(len(found) for found in tracklets if len(found) > 1)
    count = sum(len(found) > 1 for found in tracklets)
    share = f"{within / faces:.2f}" if faces else "-"
    return f"  {name:46} {len(shots):3} shots {faces:4} faces, {share:>4} of them in {count:3} tracklets"


def joined(first: Sequence[Looked], second: Sequence[Looked]) -> list[Looked]:
    """Two takes as one shot."""
    shift_us = first[-1].frame.time_us + PERIOD_US
    shift = first[-1].index + 1
    return [
        *first,
        *(
            Looked(later.index + shift, replace(later.frame, time_us=later.frame.time_us + shift_us))
            for later in second
        ),
    ]


def crossings(shot: Sequence[Looked], cuts: Sequence[int]) -> int:
    """Tracklets that go over a cut."""
    return sum(any(found[0] < cut <= found[-1] for cut in cuts) for found in linked(shot))


def cut_up(film: Sequence[Looked], cuts: Sequence[int]) -> Iterator[list[Looked]]:
    for start, end in zip([0, *cuts], [*cuts, 1 << 62], strict=True):
        yield [looked for looked in film if start <= looked.index < end]


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    data = Path(os.environ["RUSHES_TEST_DATA"])
    videos = data / "videos"
    models = vision_models(ModelSettings(threads=1, scene="opencv", face=f"onnx:{data / 'weights/face_0095.onnx'}"))
    print(describe("facenet-pytorch", "onnxruntime", "scipy"))
    signers = json.loads((videos / "asl/signers.json").read_text())
    takes = {clip: look(videos / f"asl/{clip}.mkv", models) for clips in signers.values() for clip in clips}
    montage = look(videos / "montage_people.mp4", models)
    cuts = json.loads((videos / "montage_people.json").read_text())["hard_cuts"]
    others = {path.stem: look(path, models) for path in sorted((videos / "intel_previews").glob("*.mp4"))}
    for name, telling in (("with face_0095.onnx", True), ("with the weightless descriptor", False)):

        def seen(film: Sequence[Looked], telling: bool = telling) -> list[Looked]:
            return list(film) if telling else [looked.untold() for looked in film]

        print(name)
        print(told("asl, a take of one signer each", [seen(take) for take in takes.values()]))
        print(told("montage_people", list(cut_up(seen(montage), cuts))))
        for title, film in others.items():
            print(told(title, [seen(film)]))
        print(
            f"  montage as if no cut had been found: {crossings(seen(montage), cuts)} tracklets over {len(cuts)} cuts"
        )
        of = {clip: signer for signer, clips in signers.items() for clip in clips}
        pairs = [(one, two) for one in takes for two in takes if of[one] != of[two]]
        wrong = sum(
            crossings(seen(joined(takes[one], takes[two])), [takes[one][-1].index + 1]) > 0 for one, two in pairs
        )
        print(f"  takes of two signers as if they were one shot: {wrong} of {len(pairs)} linked across")


if __name__ == "__main__":
    main()
