"""Speed of splitting at 1920 x 1080 beside decoding alone and PySceneDetect: python benchmarks/bench_split_speed.py

Needs RUSHES_TEST_DATA, the folder of the evaluation data, whose clips are scaled up: the montage (a cut every 2.8 s)
as H.264, and a long take (one signer's clip to and fro) as H.264 with a key frame every 2 s and as ProRes. The ways run
one after the other in each round, so that a busy machine is unfair to all of them alike. Given are medians of the
ratios to decoding alone in the same round, by the clock and by processor time; above 1 is faster than decoding alone.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, cycle, islice
from pathlib import Path

import av
import psutil
from environment import describe
from scenedetect import ContentDetector, SceneManager, open_video

from rushes.infra.media.child import NICENESS
from rushes.infra.media.decoder import MediaDecoder, Picture
from rushes.infra.media.messages import FilmEnded
from rushes.infra.settings import DecodeLimits

SIZE = (1920, 1080)
HD_HOURS = 100


@dataclass(frozen=True)
class Material:
    """What is measured on: a clip of the evaluation data, to and fro where it is too short, and how it is encoded."""

    name: str
    clip: str
    codec: str
    suffix: str
    pixels: str
    options: dict[str, str]
    gop: int = 250


MATERIALS = (
    Material("montage H.264", "montage_people.mp4", "libx264", "mp4", "yuv420p", {"preset": "medium", "crf": "20"}),
    Material(
        "long take H.264", "asl/book.mkv", "libx264", "mp4", "yuv420p", {"preset": "veryfast", "crf": "20"}, gop=50
    ),
    Material("long take ProRes", "asl/book.mkv", "prores", "mov", "yuv422p10le", {}),
)


@dataclass
class Measured:
    """Of one way in one round."""

    frames: int
    wall_s: float
    cpu_s: float


def encode(material: Material, data: Path, frames: int, to: Path) -> Path:
    """The clip at 1920 x 1080 and 25 frames/s; made once where `to` names a folder that stays."""
    path = to / f"{material.name.replace(' ', '-')}-{frames}.{material.suffix}"
    if path.exists():
        return path
    making = path.with_name(f"making-{path.name}")
    with av.open(str(data / "videos" / material.clip)) as source, av.open(str(making), "w") as target:
        stream = target.add_stream(material.codec, rate=25)
        stream.width, stream.height = SIZE
        stream.pix_fmt = material.pixels
        stream.codec_context.gop_size = material.gop
        stream.codec_context.options = material.options
        for number, frame in enumerate(islice(_to_and_fro(source.decode(video=0), frames), frames)):
            larger = frame.reformat(*SIZE, format=material.pixels)
            larger.pts, larger.time_base, larger.pict_type = number, Fraction(1, 25), 0
            target.mux(stream.encode(larger))
        target.mux(stream.encode(None))
    return making.rename(path)


def _to_and_fro(frames: Iterator[av.VideoFrame], wanted: int) -> Iterator[av.VideoFrame]:
    first = list(islice(frames, min(wanted, 200)))
    if len(first) < min(wanted, 200):
        return cycle(chain(first, first[-2:0:-1]))
    return chain(first, frames)


def decode_only(film: Path) -> int:
    with av.open(str(film)) as container:
        container.streams.video[0].thread_type = "AUTO"
        return sum(1 for _ in container.decode(video=0))


def pyscenedetect(film: Path) -> int:
    """Content detection as its users do it, at its own automatic downscaling."""
    video = open_video(str(film))
    manager = SceneManager()
    manager.add_detector(ContentDetector())
    return manager.detect_scenes(video)


class Splitting:
    """Our way: the real decoding process, with or without keyframes as JPEG."""

    def __init__(self, scan: str, *, pictures: bool) -> None:
        self._decoder = MediaDecoder(DecodeLimits.model_validate({"scan": scan}))
        self._with_pictures = pictures
        self.decoded_share = 1.0
        self.pictures = 0
        self.bytes = 0

    def __call__(self, film: Path) -> int:
        self.pictures = self.bytes = 0
        for part in self._decoder.film(film, pictures=self._with_pictures):
            if isinstance(part, Picture):
                self.pictures += 1
                self.bytes += len(part.image) + len(part.thumbnail)
            elif isinstance(part, FilmEnded):
                self.decoded_share = part.decoded_frames / part.frames
                return part.frames
        raise AssertionError

    @property
    def peak_mb(self) -> float:
        """Peak resident memory of the decoding process (Linux)."""
        (pid,) = self._decoder._pool.pids  # noqa: SLF001  the measurement's subject
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        return float("nan")

    def close(self) -> None:
        self._decoder.close()


def measured(way: Callable[[Path], int], film: Path) -> Measured:
    started_s, before_s = time.perf_counter(), _cpu_s()
    frames = way(film)
    return Measured(frames, time.perf_counter() - started_s, _cpu_s() - before_s)


def _cpu_s() -> float:
    """Processor time of this process and its children that live."""
    me = psutil.Process()
    return sum(process.cpu_times().user + process.cpu_times().system for process in (me, *me.children(recursive=True)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--frames", type=int, default=840, help="of each film")
    parser.add_argument("--material", type=Path, help="folder in which the films stay for the next time")
    parser.add_argument("--only", help="films whose names contain this")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    arguments = parser.parse_args()
    data = os.environ.get("RUSHES_TEST_DATA")
    if not data:
        parser.error("set RUSHES_TEST_DATA to the folder of the evaluation data")
    print(describe("av", "numpy", "scenedetect"))
    ours = {
        "exact, shots only": Splitting("exact", pictures=False),
        "exact, keyframes as JPEG": Splitting("exact", pictures=True),
        "selective, shots only": Splitting("auto", pictures=False),
        "selective, keyframes as JPEG": Splitting("auto", pictures=True),
    }
    ways: dict[str, Callable[[Path], int]] = {
        "decode only": decode_only,
        "PySceneDetect content": pyscenedetect,
        **ours,
    }
    results: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.material or Path(scratch)
        folder.mkdir(exist_ok=True)
        for material in MATERIALS:
            if arguments.only and arguments.only not in material.name:
                continue
            film = encode(material, Path(data), arguments.frames, folder)
            results[material.name] = report(material.name, film, ways, ours, arguments.rounds)
    for way in ours.values():
        way.close()
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))


def report(
    name: str, film: Path, ways: dict[str, Callable[[Path], int]], ours: dict[str, Splitting], rounds: int
) -> dict[str, object]:
    """Measure all ways on one film, print, and give the figures."""
    runs: dict[str, list[Measured]] = {way: [] for way in ways}
    for way in ours.values():
        way(film)  # starts the process
    os.setpriority(
        os.PRIO_PROCESS, 0, NICENESS
    )  # as the decoding processes: else a busy machine would favour the others
    for _ in range(rounds):
        for way, work in ways.items():
            runs[way].append(measured(work, film))
    frames = runs["decode only"][0].frames
    print(f"\n{name}: {frames} frames, {film.stat().st_size / 1e6:.0f} MB, {rounds} rounds")
    print(
        f"{'':30} {'frames/s':>9} {'by clock':>9} {'(spread)':>14} {'by cpu':>7} {'frames decoded':>15} {'peak MB':>8}"
    )
    figures: dict[str, object] = {}
    for way, list_of in runs.items():
        wall = [base.wall_s / one.wall_s for base, one in zip(runs["decode only"], list_of, strict=True)]
        cpu = statistics.median(base.cpu_s / one.cpu_s for base, one in zip(runs["decode only"], list_of, strict=True))
        rate = frames / statistics.median(one.wall_s for one in list_of)
        splitting = ours.get(way)
        share = f"{splitting.decoded_share:.0%}" if splitting else ""
        peak = f"{splitting.peak_mb:.0f}" if splitting else ""
        spread = f"{min(wall):.2f} to {max(wall):.2f}"
        print(f"{way:30} {rate:9.0f} {statistics.median(wall):9.2f} {spread:>14} {cpu:7.2f} {share:>15} {peak:>8}")
        figures[way] = {
            "frames_per_s": rate,
            "ratio_by_clock": statistics.median(wall),
            "ratios_by_clock": wall,
            "ratio_by_cpu": cpu,
            "decoded_share": splitting.decoded_share if splitting else None,
            "peak_mb": splitting.peak_mb if splitting else None,
        }
    full = ours["selective, keyframes as JPEG"]
    seconds = frames / 25
    hours = HD_HOURS * statistics.median(one.wall_s for one in runs["selective, keyframes as JPEG"]) / seconds
    gigabytes = HD_HOURS * 3600 / seconds * full.bytes / 1e9
    print(
        f"extrapolated from {seconds:.0f} s to {HD_HOURS} h of such film at 25 frames/s: {hours:.1f} h of this machine,"
        f" {gigabytes:.2f} GB of keyframes and thumbnails ({full.pictures} in the film)"
    )
    figures["per_100_h"] = {"hours": hours, "gigabytes": gigabytes, "keyframes_in_film": full.pictures}
    sys.stdout.flush()
    return figures


if __name__ == "__main__":
    main()
