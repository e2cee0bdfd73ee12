"""Milliseconds an item, recall and memory of arrivals at a clusterer of many clusters:

    python benchmarks/bench_gallery.py [--rows 10000 100000 1000000] [--materials groups isotropic] [--batches 20]
        [--threads 2]

Arrivals come in batches of 256 at 512 dimensions. Of each batch, four fifths are items of a cluster that is there (a
cosine of .7 to it) and one fifth of none; each is observed, and joins its cluster or waits. `alone`: where each item is
looked at by itself. `groups`: clusters in 300 groups of look-alikes, cosines between clusters .03 +- .1 as of a good
face embedder; `isotropic`: clusters in all directions alike, where no index can tell where the best of a founder is.
Beside it, in the same run, one float32 BLAS product of the same batches with the same rows, which is the least that a
search of everything costs. All but `wall` is processor time; background work is not in it.

The gallery learns how far to look from 8,192 probes first, as it does while it grows; they are not in the figures.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
from environment import describe
from numpy.typing import NDArray

from rushes.processors.gallery import threads
from rushes.processors.gallery.shortlist import FLAT_ROWS
from rushes.processors.identity.calibration import COLD
from rushes.processors.identity.clusterer import Clusterer
from rushes.processors.identity.grid import STEPS, to_grids
from rushes.processors.identity.items import Observation

DIM = 512
BATCH = 256
COSINE = 0.7
FOUNDERS = 0.2
CHUNK = 65_536
JOIN = 0.6
GOALS = ((100_000, 1.0), (1_000_000, 2.0))
"""Clusters, and milliseconds an item in batches."""
IMAGES = Path(__file__).resolve().parent.parent / "docs/images"
ALONE = 2
"""Batches of which each item is looked at by itself."""

Rows = NDArray[np.float32]


def units(rows: Rows) -> Rows:
    normalised: Rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return normalised


def material(name: str, rng: np.random.Generator) -> Callable[[int], Rows]:
    """Draws unit vectors of clusters, (n,) -> (n, DIM) float32."""
    if name == "isotropic":
        return lambda count: units(rng.standard_normal((count, DIM), dtype=np.float32))
    spectrum = np.arange(1, DIM + 1, dtype=np.float32) ** -0.35
    groups = units(rng.standard_normal((300, DIM), dtype=np.float32) * spectrum)
    common = units(spectrum[None])

    def drawn(count: int) -> Rows:
        own = units(rng.standard_normal((count, DIM), dtype=np.float32) * spectrum)
        return units(own + 0.4 * groups[rng.integers(len(groups), size=count)] + 0.2 * common)

    return drawn


@dataclass(frozen=True)
class Took:
    """Milliseconds an item."""

    wall_ms: float
    cpu_ms: float


@dataclass(frozen=True)
class Missed:
    """Items that are not told their best, those whose best is one to join, and seconds of one product of all."""

    missed: NDArray[np.bool_]
    decides: NDArray[np.bool_]
    product_s: float


class Arrivals:
    """A clusterer of many clusters, and items that come to it."""

    def __init__(self, name: str, rows: int) -> None:
        self._rng = np.random.default_rng(0)
        self._drawn = material(name, self._rng)
        self.clusterer = Clusterer(DIM)
        self.clusterer.consolidator.fix(replace(COLD, join=JOIN))
        self.gallery = self.clusterer.partition.clusters
        self.rows = rows
        self._means = np.zeros((rows, DIM), np.int16)
        """As the gallery should have them, rounded to grid steps."""
        self._frames = 0
        started = time.process_time()
        for start in range(0, rows, CHUNK):
            part = self._drawn(min(CHUNK, rows - start)).astype(np.float16)
            self._means[start : start + len(part)] = to_grids(part)
            for row in part:
                self._found(row)
        self.build_s = time.process_time() - started

    def _found(self, row: NDArray[np.float16]) -> None:
        """A cluster of one item, as if it had been promoted."""
        partition = self.clusterer.partition
        item = partition.add(Observation(row, self._frames))
        self._frames += 1
        partition.put(item, partition.new_cluster(founder=item))

    def batch(self) -> NDArray[np.float16]:
        """Items, (BATCH, DIM)."""
        centres = units(self._means[self._rng.integers(self.rows, size=BATCH)].astype(np.float32))
        noise = units(self._rng.standard_normal((BATCH, DIM), dtype=np.float32))
        items = units(centres + noise * np.sqrt(1 / COSINE**2 - 1))
        new = self._rng.random(BATCH) < FOUNDERS
        items[new] = self._drawn(int(new.sum()))
        return items.astype(np.float16)

    def arrive(self, items: NDArray[np.float16], together: int = BATCH) -> Took:
        """Observe all, each in a frame of its own, expecting so many at a time."""
        started, busy = time.perf_counter(), time.process_time()
        changed = []
        for number, item in enumerate(items):
            if number % together == 0:
                self.clusterer.expect(items[number : number + together])
            verdicts = self.clusterer.observe([Observation(item, self._frames)])
            self._frames += 1
            changed += [verdict.cluster for verdict in verdicts if verdict.cluster is not None]
        took = Took((time.perf_counter() - started) / BATCH * 1e3, (time.process_time() - busy) / BATCH * 1e3)
        self.clusterer.expect(items[:0])
        for key in changed:
            if key < self.rows:
                self._means[key] = np.rint(self.gallery.total(key) / self.gallery.weight(key))
        return took

    def missed(self, items: NDArray[np.float16]) -> Missed:
        """What is not told its best cluster, or one as good, where nothing is placed meanwhile and nothing learnt."""
        grids = to_grids(items)
        looked = self.gallery.scores_many(grids.astype(np.float64), [1.0] * len(items), JOIN, 3)
        reached = np.array([looked.of(number)[0][1] for number in range(len(items))])
        probes = grids.astype(np.float32) / STEPS
        best = np.full(len(items), -np.inf, np.float32)
        took_s = 0.0
        for start in range(0, self.rows, CHUNK):
            rows = self._means[start : start + CHUNK].astype(np.float32) / STEPS
            started = time.process_time()
            products = probes @ rows.T
            took_s += time.process_time() - started
            best = np.maximum(best, products.max(axis=1))
        return Missed(reached < best - 5e-4, best >= JOIN, took_s)


@dataclass(frozen=True)
class Line:
    """Figures of one material and number of clusters; milliseconds an item."""

    material: str
    rows: int
    cpu: float
    least: float
    most: float
    wall: float
    alone: float
    blas: float
    recall: float
    recall_of_any: float
    kb_a_row: float
    us_a_row: float

    def __str__(self) -> str:
        return (
            f"{self.material:10} {self.rows:>9,} {self.cpu:>7.2f} {self.least:>6.2f}-{self.most:<6.2f} "
            f"{self.wall:>7.2f} {self.alone:>7.2f} {self.blas:>7.2f} {self.cpu / self.blas:>6.2f} "
            f"{self.recall:>8.4f} {self.recall_of_any:>8.4f} {self.kb_a_row:>6.2f} {self.us_a_row:>8.0f}"
        )


def measure(name: str, rows: int, batches: int) -> Line:
    arrivals = Arrivals(name, rows)
    while rows > FLAT_ROWS and not arrivals.gallery.learnt:
        arrivals.arrive(arrivals.batch())
    took, blas = [], []
    missed = decisive = missed_decisive = 0
    for _ in range(batches):
        items = arrivals.batch()
        lost = arrivals.missed(items)
        missed += int(lost.missed.sum())
        decisive += int(lost.decides.sum())
        missed_decisive += int((lost.missed & lost.decides).sum())
        blas.append(lost.product_s / BATCH * 1e3)
        took.append(arrivals.arrive(items))
    alone = [arrivals.arrive(arrivals.batch(), 1).cpu_ms for _ in range(ALONE)]
    cpu = [one.cpu_ms for one in took]
    return Line(
        name, rows, statistics.mean(cpu), min(cpu), max(cpu), statistics.mean(one.wall_ms for one in took),
        statistics.mean(alone), statistics.mean(blas), 1 - missed_decisive / max(decisive, 1),
        1 - missed / (batches * BATCH), arrivals.gallery.bytes / rows / 1e3, arrivals.build_s / rows * 1e6,
    )  # fmt: skip


def draw(lines: Sequence[Line], file: Path) -> None:
    """Milliseconds an item over the number of clusters, both logarithmic, beside the goals."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - the backend is chosen first

    figure, axes = plt.subplots(figsize=(7, 4.5), dpi=110)
    rows = [line.rows for line in lines]
    axes.plot(
        rows, [line.blas for line in lines], "o--", color="0.5", label="one float32 product with everything (BLAS)"
    )
    axes.plot(rows, [line.alone for line in lines], "o-", color="C1", label="an arrival by itself")
    axes.plot(rows, [line.cpu for line in lines], "o-", color="C0", label="an arrival in a batch of 256")
    axes.scatter(*zip(*GOALS, strict=True), marker="_", s=300, color="C3", label="goal")
    axes.set(xscale="log", yscale="log", xlabel="clusters", ylabel="processor ms an item")
    axes.set_title(f"Arrivals, {DIM} dimensions, clusters in {lines[0].material}")
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(file)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--materials", nargs="+", default=["groups", "isotropic"])
    parser.add_argument("--batches", type=int, default=20)
    parser.add_argument("--plot", action="store_true", help="draw the first material into docs/images")
    parser.add_argument("--threads", type=int, default=1, help="of searches; start with OMP_NUM_THREADS=1")
    options = parser.parse_args()
    threads.use(options.threads)
    print(describe("numpy"))
    print(
        f"OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS')}, {options.threads} of searches, "
        f"load {os.getloadavg()[0]:.1f}"
    )
    print("ms an item, mean of batches of 256; recall: told the best cluster, where it is one to join, and anyway")
    print(
        f"{'':10} {'clusters':>9} {'CPU ms':>7} {'range':^13} {'wall':>7} {'alone':>7} {'BLAS':>7} {'ratio':>6} "
        f"{'recall':>8} {'(any)':>8} "
        f"{'KB/row':>6} {'us/row':>8}"
    )
    for name in options.materials:
        lines = []
        for rows in options.rows:
            lines.append(measure(name, rows, options.batches))
            print(lines[-1], flush=True)
        if options.plot and name == options.materials[0]:
            draw(lines, IMAGES / "scale-arrivals.png")


if __name__ == "__main__":
    main()
