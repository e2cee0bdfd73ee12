"""Frames per second of splitting beside decoding alone, memory, and cuts found: python benchmarks/bench_shots.py [FILM]

Without FILM the evaluation montage is scaled up to 1920 x 1080 (`RUSHES_TEST_DATA` names the data). The ways run one
after the other in each round, so that a busy machine is unfair to all of them alike; medians of five rounds.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
from environment import describe

from rushes.infra.media.decoder import MediaDecoder, Picture
from rushes.infra.media.film_planes import FeatureReader
from rushes.infra.media.messages import ShotFound
from rushes.infra.settings import DecodeLimits
from rushes.processors.shots.detector import ShotDetector

ROUNDS = 5


def scaled_up(film: Path, to: Path) -> Path:
    """The film at 1920 x 1080, H.264 as cameras and editors write it."""
    with av.open(str(film)) as source, av.open(str(to), "w") as target:
        stream = target.add_stream("libx264", rate=source.streams.video[0].average_rate)
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        stream.codec_context.options = {"preset": "medium", "crf": "20"}
        for frame in source.decode(video=0):
            larger = frame.reformat(1920, 1080)
            larger.pict_type = 0
            target.mux(stream.encode(larger))
        target.mux(stream.encode(None))
    return to


def decode_only(film: Path) -> int:
    """Frames of the film, decoded and dropped."""
    with av.open(str(film)) as container:
        container.streams.video[0].thread_type = "AUTO"
        return sum(1 for _ in container.decode(video=0))


def decode_and_detect(film: Path) -> int:
    """Frames of the film, with their features and the detector, in this process."""
    features, detector = FeatureReader(), ShotDetector()
    with av.open(str(film)) as container:
        container.streams.video[0].thread_type = "AUTO"
        frames = 0
        for _, seen in features.in_batches(container.decode(video=0), lambda frame: frame):
            detector.push(seen, frames * 40_000)
            frames += 1
    return frames


def scores(decoder: MediaDecoder, data: Path) -> str:
    """Precision and recall of hard cuts over the clips with known ones."""
    truth = json.loads((data / "videos/shots.json").read_text())["videos"]
    found = missed = wrong = 0
    for name, facts in truth.items():
        shots = [part for part in decoder.film(data / "videos" / name) if isinstance(part, ShotFound)]
        cuts = {shot.begin.start_frame for shot in shots if shot.begin.transition_in == "cut"}
        expected = set(facts["hard_cuts"])
        found, missed, wrong = found + len(cuts & expected), missed + len(expected - cuts), wrong + len(cuts - expected)
    precision, recall = found / max(found + wrong, 1), found / max(found + missed, 1)
    return f"hard cuts: {found} found, {missed} missed, {wrong} wrong; precision {precision:.3f}, recall {recall:.3f}"


def peak_memory_mb(pid: int) -> float:
    """Peak resident memory of a process (Linux)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("film", nargs="?", type=Path)
    film = parser.parse_args().film
    place = os.environ.get("RUSHES_TEST_DATA")
    data = Path(place) if place else None
    print(describe("av", "numpy", "pillow"))
    with tempfile.TemporaryDirectory() as scratch:
        if film is None:
            if data is None:
                parser.error("name a film, or set RUSHES_TEST_DATA to the folder of the evaluation data")
            film = scaled_up(data / "videos/montage_people.mp4", Path(scratch) / "montage.mp4")
        decoder = MediaDecoder(DecodeLimits())
        pictures = 0

        def split(path: Path) -> int:
            nonlocal pictures
            parts = list(decoder.film(path))
            pictures = sum(isinstance(part, Picture) for part in parts)
            return max(part.end_frame for part in parts if isinstance(part, ShotFound))

        ways: dict[str, Callable[[Path], int]] = {
            "decode only": decode_only,
            "decode, detect shots": decode_and_detect,
            "split (child process, keyframes as JPEG)": split,
        }
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, way in ways.items():
                started = time.perf_counter()
                frames = way(film)
                rates[name].append(frames / (time.perf_counter() - started))
        print(f"{film.name}: {frames} frames, {pictures} keyframes")
        base = statistics.median(rates["decode only"])
        for name, values in rates.items():
            median = statistics.median(values)
            print(f"{name:42} {median:7.0f} frames/s  {median / base:5.2f}  ({min(values):.0f} to {max(values):.0f})")
        (pid,) = decoder._pool.pids  # noqa: SLF001  the measurement's subject
        print(f"peak memory of the decoding process: {peak_memory_mb(pid):.0f} MB")
        if data is not None:
            print(scores(decoder, data))
        decoder.close()


if __name__ == "__main__":
    main()
