"""Every benchmark, one after the other: python benchmarks/run_all.py [--full] [--only NAME] [--list]

Quick by default: fewer rounds, pictures and films, enough to see that each still measures what it says and about what
it gives. The figures in the README and docs come from `--full`, or from a benchmark's own command. What lacks the
evaluation data (RUSHES_TEST_DATA) is passed over, and said so; what lacks an engine (Kafka, Milvus, Redis) says so
itself. At the end: how long each took, by the clock and in processor time. Ends with 1 where one failed.
"""

import argparse
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Bench:
    """A benchmark's script, and its arguments where time is short."""

    name: str
    quick: tuple[str, ...] = ()
    full: tuple[str, ...] = ()
    needs_data: bool = False


BENCHES: Final = (
    Bench("bench_shots_accuracy", ("--seeds", "100:101")),
    Bench("bench_split_speed", ("--rounds", "1", "--frames", "150"), needs_data=True),
    Bench("bench_side_by_side", ("--rounds", "1", "--frames", "100"), needs_data=True),
    Bench("bench_shots", needs_data=True),
    Bench("bench_display", ()),
    Bench("bench_face_samples", needs_data=True),
    Bench("bench_sample_pictures", ("--frames", "250"), needs_data=True),
    Bench("bench_faces", ("speed",), needs_data=True),
    Bench("bench_tracklets", needs_data=True),
    Bench("bench_families", ("--rounds", "1", "--batch", "2")),
    Bench("bench_regions", ("--rounds", "1")),
    Bench("bench_model_memory", ("dinov2-s",)),
    Bench("bench_embed", ("--pictures", "16", "--rounds", "3")),
    Bench("bench_embed_kafka", ("--photos", "32", "--shots", "2", "--rounds", "1")),
    Bench("bench_library_log", ("--entries", "1000", "--rounds", "2")),
    Bench("bench_store", ("--rows", "1000", "--repeats", "1")),
    Bench("bench_fold", ("--frames", "4000", "--step", "2000")),
    Bench("bench_consolidation", ("--grown", "2500", "--built", "10000", "--window", "500")),
    Bench("bench_tenants", ("--tenants", "20", "--items", "99")),
    Bench("bench_gallery", ("--rows", "10000", "--batches", "2")),
    Bench("bench_indexes", ("--rows", "10000")),
    Bench("bench_identity", ("--orders", "3"), needs_data=True),
    Bench("bench_footage_hours", ("--frames", "400"), needs_data=True),
    Bench("bench_bodies", ("--seeds", "1"), needs_data=True),
    Bench("bench_identify", needs_data=True),
    Bench("bench_run_identity", needs_data=True),
)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a benchmark ended; `code` None: passed over."""

    name: str
    code: int | None
    wall_s: float = 0.0
    cpu_s: float = 0.0

    @property
    def outcome(self) -> str:
        return "no evaluation data" if self.code is None else "ok" if self.code == 0 else f"FAILED ({self.code})"


def run(bench: Bench, *, full: bool) -> Ended:
    arguments = bench.full if full else bench.quick
    print(f"\n== {bench.name} {' '.join(arguments)}".rstrip(), flush=True)
    if bench.needs_data and not os.environ.get("RUSHES_TEST_DATA"):
        print("passed over: set RUSHES_TEST_DATA to the folder of the evaluation data")
        return Ended(bench.name, None)
    began_s, before_s = time.perf_counter(), _children_s()
    code = subprocess.run([sys.executable, str(HERE / f"{bench.name}.py"), *arguments], check=False).returncode
    return Ended(bench.name, code, time.perf_counter() - began_s, _children_s() - before_s)


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="the default")
    size.add_argument("--full", action="store_true", help="as the published figures were measured: hours")
    parser.add_argument("--only", default="", help="those whose names contain this")
    parser.add_argument("--list", action="store_true", help="names and arguments, and nothing is run")
    asked = parser.parse_args()
    unlisted = {path.stem for path in HERE.glob("bench_*.py")} - {bench.name for bench in BENCHES}
    if unlisted:
        parser.error(f"add to BENCHES: {', '.join(sorted(unlisted))}")
    chosen = [bench for bench in BENCHES if asked.only in bench.name]
    if not chosen:
        parser.error(f"--only {asked.only}: expected a part of {', '.join(bench.name for bench in BENCHES)}")
    if asked.list:
        for bench in chosen:
            print(f"{bench.name:24} {' '.join(bench.full if asked.full else bench.quick)}")
        return
    ended = [run(bench, full=asked.full) for bench in chosen]
    print(f"\n{'':24} {'clock':>9} {'processor':>10}")
    for one in ended:
        print(f"{one.name:24} {one.wall_s:7.0f} s {one.cpu_s:8.0f} s  {one.outcome}")
    print(f"{'all':24} {sum(one.wall_s for one in ended):7.0f} s {sum(one.cpu_s for one in ended):8.0f} s")
    sys.exit(any(one.code for one in ended))


if __name__ == "__main__":
    main()
