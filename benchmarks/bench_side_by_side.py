"""Films split side by side, beside one alone: python benchmarks/bench_side_by_side.py [--files 2] [--rounds 5]

Needs RUSHES_TEST_DATA. The montage and the long take of `bench_split_speed`, each split (exact and selective, with
keyframes as JPEG) three ways in every round: one film on one core, one on all cores (the decoder's own threads), and
`--files` at once on all cores, each in a process of its own. What is compared is frames per second over all films, by
the clock, and processor time a frame, which must not grow with the films at once. On a machine that others use, too,
the clock tells less than was there: `cores` is processor time over the clock, what the films got of the machine.
"""

import argparse
import os
import statistics
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench_split_speed import MATERIALS, Measured, encode, measured
from environment import describe

from rushes.infra.media.decoder import MediaDecoder
from rushes.infra.media.messages import FilmEnded
from rushes.infra.settings import DecodeLimits


class SideBySide:
    """So many copies of a film at once, each decoded by a process of its own, on these cores."""

    def __init__(self, scan: str, files: int, cores: Sequence[int]) -> None:
        self._files = files
        self._cores = cores
        self._decoder = MediaDecoder(DecodeLimits.model_validate({"scan": scan, "processes": files}))
        self._threads = ThreadPoolExecutor(files)

    def __call__(self, film: Path) -> int:
        everywhere = os.sched_getaffinity(0)
        os.sched_setaffinity(0, self._cores)  # the children and their threads inherit it when they start
        try:
            return sum(self._threads.map(self._frames, [film] * self._files))
        finally:
            os.sched_setaffinity(0, everywhere)

    def _frames(self, film: Path) -> int:
        os.sched_setaffinity(0, self._cores)
        return sum(part.frames for part in self._decoder.film(film) if isinstance(part, FilmEnded))

    def close(self) -> None:
        self._threads.shutdown()
        self._decoder.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=500, help="of each film")
    parser.add_argument("--only", default="", help="films whose names contain this")
    parser.add_argument("--material", type=Path, help="folder in which the films stay for the next time")
    arguments = parser.parse_args()
    data = os.environ.get("RUSHES_TEST_DATA")
    if not data:
        parser.error("set RUSHES_TEST_DATA to the folder of the evaluation data")
    print(describe("av", "numpy"))
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.material or Path(scratch)
        folder.mkdir(exist_ok=True)
        for material in MATERIALS:
            if arguments.only in material.name:
                film = encode(material, Path(data), arguments.frames, folder)
                for scan in ("exact", "auto"):
                    report(f"{material.name}, {scan}", film, scan, cores, arguments)


def report(name: str, film: Path, scan: str, cores: Sequence[int], arguments: argparse.Namespace) -> None:
    """Measure and print one film read one way."""
    ways = {
        "one film, one core": SideBySide(scan, 1, cores[:1]),
        f"one film, {len(cores)} cores": SideBySide(scan, 1, cores),
        f"{arguments.files} films, {len(cores)} cores": SideBySide(scan, arguments.files, cores),
    }
    runs: dict[str, list[Measured]] = {way: [] for way in ways}
    for number in range(arguments.rounds + 1):
        for way, work in ways.items():
            one = measured(work, film)
            if number:  # the first starts the processes
                runs[way].append(one)
    for work in ways.values():
        work.close()
    print(f"\n{name}: load {os.getloadavg()[0]:.1f}, medians of {arguments.rounds} rounds (spread)")
    print(f"{'':22} {'frames/s':>9} {'of the first':>13} {'(spread)':>14} {'CPU ms/frame':>13} {'cores':>6}")
    alone = next(iter(runs.values()))
    for way, found in runs.items():
        rates = [one.frames / one.wall_s for one in found]
        ratios = [rate * base.wall_s / base.frames for rate, base in zip(rates, alone, strict=True)]
        cpu_ms = statistics.median(1000 * one.cpu_s / one.frames for one in found)
        got = statistics.median(one.cpu_s / one.wall_s for one in found)
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        print(
            f"{way:22} {statistics.median(rates):9.0f} {statistics.median(ratios):13.2f} {spread:>14} {cpu_ms:13.2f} "
            f"{got:6.2f}"
        )


if __name__ == "__main__":
    main()
