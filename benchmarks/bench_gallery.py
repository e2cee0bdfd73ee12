"""Milliseconds an item, recall and memory of a gallery of clusters:

    python benchmarks/bench_gallery.py [--rows 10000 100000 1000000] [--materials groups isotropic] [--batches 20]

Arrivals come in batches of 256 at 512 dimensions. Of each batch, four fifths are items of a cluster that is there (a
cosine of .7 to it) and one fifth of none; each is scored, then added to its cluster, or founds one. `groups`: clusters
in 300 groups of look-alikes, cosines between clusters .03 +- .1 as of a good face embedder; `isotropic`: clusters in
all directions alike, where no index can tell where the best of a founder is. Beside it, in the same run, one float32
BLAS product of the same batches with the same rows, which is the least that a search of everything costs.

The gallery learns how far to look from 8,192 probes first, as it does while it grows; they are not in the figures.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable

import numpy as np
from environment import describe
from numpy.typing import NDArray

from rushes.processors.gallery.stopping import WINDOW
from rushes.processors.identity.gallery import Gallery
from rushes.processors.identity.grid import STEPS, to_grid

DIM = 512
BATCH = 256
COSINE = 0.7
FOUNDERS = 0.2
CHUNK = 65_536
JOIN = 0.6
ROOM = 30_000
"""Clusters founded beyond the first ones."""

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


class Arrivals:
    """A gallery of many clusters, and items that come to it."""

    def __init__(self, name: str, rows: int) -> None:
        self._rng = np.random.default_rng(0)
        self._drawn = material(name, self._rng)
        self.gallery = Gallery(DIM)
        self.rows = rows
        self._means = np.zeros((rows + ROOM, DIM), np.int16)
        """As the gallery should have them, rounded to grid steps."""
        self.build_s = 0.0
        for start in range(0, rows, CHUNK):
            part = np.rint(self._drawn(min(CHUNK, rows - start)) * STEPS).astype(np.int16)
            self._means[start : start + len(part)] = part
            started = time.perf_counter()
            for number, row in enumerate(part):
                self.gallery.add(start + number, row, 1.0)
            self.build_s += time.perf_counter() - started
        self._next = rows

    def batch(self) -> NDArray[np.int16]:
        """Items, (BATCH, DIM) in grid steps."""
        centres = units(self._means[self._rng.integers(self.rows, size=BATCH)].astype(np.float32))
        noise = units(self._rng.standard_normal((BATCH, DIM), dtype=np.float32))
        items = centres + noise * np.sqrt(1 / COSINE**2 - 1)
        new = self._rng.random(BATCH) < FOUNDERS
        items[new] = self._drawn(int(new.sum()))
        return np.stack([to_grid(item) for item in items])

    def arrive(self, items: NDArray[np.int16]) -> tuple[float, float]:
        """Score and place all; wall and processor milliseconds an item."""
        started, busy = time.perf_counter(), time.process_time()
        wide = items.astype(np.float64)
        scores = self.gallery.scores_many(wide, [1.0] * len(items), JOIN, 3, arriving=True)
        changed = []
        for number, item in enumerate(items):
            near = scores.of(number)
            if near and near[0][1] >= JOIN:
                key = near[0][0]
            else:
                key, self._next = self._next, self._next + 1
            self.gallery.add(key, item, 1.0)
            changed.append(key)
        wall, cpu = time.perf_counter() - started, time.process_time() - busy
        for key in changed:
            self._means[key] = np.rint(self.gallery.total(key) / self.gallery.weight(key))
        return wall / BATCH * 1e3, cpu / BATCH * 1e3

    def missed(self, items: NDArray[np.int16]) -> tuple[NDArray[np.bool_], NDArray[np.bool_], float]:
        """Which are not told their best cluster, or one as good, where nothing is placed meanwhile and nothing learnt;
        for which the best decides (it is one to join); and the seconds of one float32 product of all.
        """
        looked = self.gallery.scores_many(items.astype(np.float64), [1.0] * len(items), JOIN, 3)
        reached = np.array([looked.of(number)[0][1] for number in range(len(items))])
        probes = items.astype(np.float32) / STEPS
        best = np.full(len(items), -np.inf, np.float32)
        took = 0.0
        for start in range(0, self._next, CHUNK):
            rows = self._means[start : min(start + CHUNK, self._next)].astype(np.float32) / STEPS
            started = time.perf_counter()
            products = probes @ rows.T
            took += time.perf_counter() - started
            best = np.maximum(best, products.max(axis=1))
        return reached < best - 5e-4, best >= JOIN, took


def measure(name: str, rows: int, batches: int) -> str:
    arrivals = Arrivals(name, rows)
    while rows > 8_192 and arrivals.gallery.audits < WINDOW:
        arrivals.arrive(arrivals.batch())
    wall, cpu, blas = [], [], []
    missed = decisive = missed_decisive = 0
    for _ in range(batches):
        items = arrivals.batch()
        lost, decides, took = arrivals.missed(items)
        missed += int(lost.sum())
        decisive += int(decides.sum())
        missed_decisive += int((lost & decides).sum())
        blas.append(took / BATCH * 1e3)
        item_ms, busy_ms = arrivals.arrive(items)
        wall.append(item_ms)
        cpu.append(busy_ms)
    ratio = statistics.median(wall) / statistics.median(blas)
    return (
        f"{name:10} {rows:>9,} {statistics.median(wall):>8.2f} {min(wall):>6.2f}-{max(wall):<6.2f} "
        f"{statistics.median(cpu):>7.2f} {statistics.median(blas):>8.2f} {ratio:>6.2f} "
        f"{1 - missed_decisive / max(decisive, 1):>8.4f} {1 - missed / (batches * BATCH):>8.4f} "
        f"{arrivals.gallery.bytes / rows / 1e3:>6.2f} {arrivals.build_s / rows * 1e6:>8.0f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--materials", nargs="+", default=["groups", "isotropic"])
    parser.add_argument("--batches", type=int, default=20)
    options = parser.parse_args()
    print(describe("numpy"))
    print(f"OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS')}, load {os.getloadavg()[0]:.1f}")
    print("ms an item, median of batches of 256; recall: told the best cluster, where it is one to join, and anyway")
    print(
        f"{'':10} {'clusters':>9} {'ms/item':>8} {'range':^13} {'CPU ms':>7} {'BLAS ms':>8} {'ratio':>6} "
        f"{'recall':>8} {'(any)':>8} "
        f"{'KB/row':>6} {'us/row':>8}"
    )
    for name in options.materials:
        for rows in options.rows:
            print(measure(name, rows, options.batches), flush=True)


if __name__ == "__main__":
    main()
