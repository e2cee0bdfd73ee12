"""Cuts and transitions found, beside PySceneDetect on the same files: python benchmarks/bench_shots_accuracy.py

Films: those of `RUSHES_TEST_DATA`, where set, and made-up ones (`shot_material`, hold-out seeds). A cut is right within
one frame. A gradual transition is found where the span named overlaps at least half of the shorter of both; cuts within
one are counted apart, for they are neither right nor made up: two and more are a burst. PySceneDetect names no spans;
it does not decode what its OpenCV can't convert (interlaced), finds by default no two cuts within 15 frames,
and counts frames that can't be shown (headless).

Published, and not measured here: TransNetV2 (Souček and Lokoč, 2020) reaches F1 .962 on BBC Planet Earth and .779 on
ClipShots, both with its own training and tolerance.
"""

import argparse
import json
import os
import sys
import tempfile
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import av
import scenedetect
from environment import describe
from shot_material import films, truth_of, write

from rushes.infra.media.decoder import MediaDecoder
from rushes.infra.media.messages import ShotFound
from rushes.infra.settings import DecodeLimits

TOLERANCE: Final = 1
EDGE: Final = 2
"""Frames around a gradual transition whose cuts count as cuts within it."""

SINGLE_SHOTS: Final = ("asl/*.mkv", "intel_previews/*.mp4")


@dataclass(frozen=True, slots=True)
class Film:
    group: str
    path: Path
    cuts: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """First frames after hard cuts; gradual transitions."""

    cuts: Sequence[int]
    spans: Sequence[tuple[int, int]] = ()


@dataclass(slots=True)
class Tally:
    """Counts over films."""

    right: int = 0
    missed: int = 0
    wrong: int = 0
    gradual_found: int = 0
    gradual_missed: int = 0
    gradual_wrong: int = 0
    bursts: int = 0
    faults: list[str] = field(default_factory=list)

    def count(self, film: Film, found: Found) -> None:
        left = list(found.cuts)
        missed = []
        for cut in film.cuts:
            near = [at for at in left if abs(at - cut) <= TOLERANCE]
            if near:
                left.remove(min(near, key=lambda at: abs(at - cut)))
            else:
                missed.append(cut)
        within = [[at for at in left if start - EDGE <= at <= end + EDGE] for start, end in film.spans]
        wrong = [at for at in left if not any(at in inside for inside in within)]
        lost = [span for span in film.spans if not any(_overlap(span, other) for other in found.spans)]
        extra = [span for span in found.spans if not any(_overlap(span, other) for other in film.spans)]
        self.right += len(film.cuts) - len(missed)
        self.missed += len(missed)
        self.wrong += len(wrong)
        self.gradual_found += len(film.spans) - len(lost)
        self.gradual_missed += len(lost)
        self.gradual_wrong += len(extra)
        self.bursts += sum(len(inside) >= 2 for inside in within)
        if missed or wrong or lost or extra:
            self.faults.append(f"{film.path.name}: missed {missed} wrong {wrong} gradual missed {lost} wrong {extra}")

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed) if self.right + self.missed else 1.0

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def _overlap(a: tuple[int, int], b: tuple[int, int]) -> bool:
    shared = min(a[1], b[1]) - max(a[0], b[0])
    return shared >= 0.5 * max(1, min(a[1] - a[0], b[1] - b[0]))


def real_films(data: Path) -> Iterator[Film]:
    """The evaluation clips: those with known cuts, and the single shots."""
    videos = data / "videos"
    for name, facts in json.loads((videos / "shots.json").read_text())["videos"].items():
        spans = tuple((start, end) for start, end, _ in facts["gradual"])
        yield Film(name, videos / name, tuple(facts["hard_cuts"]), spans)
    for pattern in SINGLE_SHOTS:
        for path in sorted(videos.glob(pattern)):
            yield Film(pattern, path, (), ())


def made_films(seeds: range, to: Path) -> Iterator[Film]:
    """Made-up films, one file at a time."""
    for name, clip, how in films(seeds):
        path = write(to / name, clip.frames, how)
        truth = truth_of(clip, how)
        spans = tuple((start, end) for start, end, _ in truth["gradual"])
        yield Film(f"made: {name.rpartition('-')[0]}", path, tuple(truth["hard_cuts"]), spans)
        path.unlink()


def frame_times_s(path: Path) -> list[float]:
    """When each decoded frame is shown, from the first on."""
    with av.open(str(path)) as container:
        times = [frame.time for frame in container.decode(video=0) if not frame.is_corrupt and frame.time is not None]
    return [time - times[0] for time in times]


def rushes_with(decoder: MediaDecoder) -> Callable[[Path], Found]:
    """This project's splitting, as the pipeline runs it."""

    def detect(path: Path) -> Found:
        shots = [part for part in decoder.film(path) if isinstance(part, ShotFound)]
        cuts = [shot.begin.start_frame for shot in shots if shot.begin.transition_in == "cut"]
        return Found(cuts, [(t.start_frame, t.end_frame) for shot in shots for t in shot.transitions])

    return detect


def scenedetect_with(detector: Callable[[], scenedetect.SceneDetector]) -> Callable[[Path], Found]:
    """A detector of PySceneDetect with its defaults. Its times are brought to places among the decoded frames."""

    def detect(path: Path) -> Found:
        scenes = scenedetect.detect(str(path), detector())
        times_s = frame_times_s(path)
        return Found([bisect_left(times_s, start.seconds - times_s[1] / 2) for start, _ in scenes[1:]])

    return detect


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="100:102", help="of the made-up films, first and last but one")
    parser.add_argument("--json", action="store_true", help="counts per group and way, as JSON")
    parser.add_argument("--faults", action="store_true", help="say which films were judged wrongly, and where")
    chosen = parser.parse_args()
    av.logging.set_level(None)
    os.environ["OPENCV_FFMPEG_LOGLEVEL"] = "-8"  # OpenCV's own decoder says the same of every interlaced frame
    decoder, exact = MediaDecoder(DecodeLimits()), MediaDecoder(DecodeLimits(scan="exact"))
    ways = {
        "rushes": rushes_with(decoder),
        "--exact": rushes_with(exact),
        "content": scenedetect_with(scenedetect.ContentDetector),
        "adaptive": scenedetect_with(scenedetect.AdaptiveDetector),
    }
    place = os.environ.get("RUSHES_TEST_DATA")
    groups: dict[str, dict[str, Tally]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        seeds = range(*(int(n) for n in chosen.seeds.split(":")))
        for source in (real_films(Path(place)) if place else (), made_films(seeds, Path(scratch))):
            for film in source:
                tallies = groups.setdefault(film.group, {name: Tally() for name in ways})
                for name, detect in ways.items():
                    tallies[name].count(film, detect(film.path))
    decoder.close()
    exact.close()
    for title, chosen_groups in (
        ("ALL of RUSHES_TEST_DATA", [g for g in groups if not g.startswith("made: ")]),
        ("ALL made-up", [g for g in groups if g.startswith("made: ")]),
    ):
        if chosen_groups:
            groups[title] = {name: _sum([groups[group][name] for group in chosen_groups]) for name in ways}
    if chosen.json:
        _print_json(groups)
    else:
        _print_table(groups, faults=chosen.faults)


def _sum(tallies: list[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        for name, value in asdict(tally).items():
            setattr(total, name, getattr(total, name) + value)
    total.faults = []
    return total


def _print_json(groups: dict[str, dict[str, Tally]]) -> None:
    figures = {
        group: {
            name: asdict(tally) | {"precision": tally.precision, "recall": tally.recall, "f1": tally.f1}
            for name, tally in tallies.items()
        }
        for group, tallies in groups.items()
    }
    json.dump({"environment": describe("av", "numpy", "scenedetect"), "groups": figures}, sys.stdout, indent=1)


def _print_table(groups: dict[str, dict[str, Tally]], *, faults: bool) -> None:
    print(describe("av", "numpy", "scenedetect"))
    print(f"{'':34}{'cuts':9} right missed wrong     P     R    F1   gradual found missed wrong bursts")
    for group, tallies in groups.items():
        for name, t in tallies.items():
            print(
                f"{group if name == 'rushes' else '':34}{name:9}{t.right:6}{t.missed:7}{t.wrong:6}"
                f"{t.precision:7.3f}{t.recall:6.3f}{t.f1:6.3f}{t.gradual_found:16}{t.gradual_missed:7}"
                f"{t.gradual_wrong:6}{t.bursts:7}"
            )
        if faults:
            for fault in tallies["rushes"].faults:
                print("   ", fault)


if __name__ == "__main__":
    main()
