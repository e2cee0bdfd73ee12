"""How long slices of background work take, and what consolidation costs an item, by the size of a library:

    python benchmarks/bench_consolidation.py [--grown 2500 10000 100000] [--built 10000 100000 1000000] [--window 2000]
        [--half 10000 100000 1000000]

`grown`: every item arrives through the clusterer, with a slice of background work behind each, as the fold does it.
The last tenth is measured, and everything is counted in the slices. `built`: identities are put together as they are,
for a million arrivals take an hour; then a whole recalibration is measured, which comes once in growing by half, and a
window of arrivals. `half`: put together likewise and all of it looked at, then grown by 55 % through the clusterer, in
which one recalibration comes; all that this costs is counted, and nothing is estimated.

Items are of identities of 1 to 500 pictures, Pareto distributed, in 300 families of look-alikes (512 dimensions; items
.74 to their centre, .55 to each other; identities .1 +- .1, and .2 in a family).

All in processor time, the machine may be shared. `wait`: an arrival with the slice before it. `again`: processor time
of a recalibration and of all that it has looked at again, for each item that came since the one before. `idle`: of the
work that is left for an idle library, for each item of the window. F1: B-cubed, of
the items measured, after all background work.
"""

import argparse
import time
from dataclasses import dataclass, field

import numpy as np
import psutil
from environment import describe
from numpy.typing import NDArray

from rushes.infra.long_lived import LongLived
from rushes.processors.evaluation.metrics import bcubed
from rushes.processors.gallery.stopping import WINDOW
from rushes.processors.identity.arrival import NEAREST
from rushes.processors.identity.clusterer import Clusterer
from rushes.processors.identity.grid import to_grid
from rushes.processors.identity.items import Observation

DIM = 512
FAMILIES = 300
LARGEST = 500
SLICE = 10_000_000
CHUNK = 10_000
NOISE = 0.9
TOGETHER = 256
LIKELY = 0.3
"""Where the threshold of this material lies, roughly."""

Rows = NDArray[np.float32]


class Crowd:
    """Pictures of identities, in random order."""

    def __init__(self, items: int, seed: int = 0) -> None:
        self._rng = rng = np.random.default_rng(seed)
        sizes = np.minimum(1 + (rng.pareto(1.0, items) * 2).astype(np.int64), LARGEST)
        sizes = sizes[: int(np.searchsorted(np.cumsum(sizes), items)) + 1]
        self.labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))[:items]
        spectrum = np.arange(1, DIM + 1, dtype=np.float32) ** -0.35
        families = _units(rng.standard_normal((FAMILIES, DIM), dtype=np.float32) * spectrum)
        common = _units(spectrum[None])
        self._centres = np.empty((len(sizes), DIM), np.float16)
        for start in range(0, len(sizes), CHUNK):
            count = min(CHUNK, len(sizes) - start)
            own = _units(rng.standard_normal((count, DIM), dtype=np.float32) * spectrum)
            family = families[rng.integers(FAMILIES, size=count)]
            self._centres[start : start + count] = _units(own + 0.4 * family + 0.2 * common)

    def pictures(self, start: int, stop: int) -> NDArray[np.float16]:
        """(n, d), of the items from `start` to `stop`."""
        noise = _units(self._rng.standard_normal((stop - start, DIM), dtype=np.float32))
        return (self._centres[self.labels[start:stop]].astype(np.float32) + NOISE * noise).astype(np.float16)


def _units(rows: Rows) -> Rows:
    normalised: Rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return normalised


@dataclass
class Times:
    """Processor seconds."""

    slices: list[float] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def slice(self, clusterer: Clusterer) -> float:
        """One slice, where one is due."""
        if not clusterer.due():
            return 0.0
        started = time.process_time()
        clusterer.work(SLICE)
        self.slices.append(time.process_time() - started)
        return self.slices[-1]


class Library:
    """A clusterer, and what it cost."""

    def __init__(self, items: int, window: int) -> None:
        self.before = psutil.Process().memory_info().rss
        self.crowd = Crowd(items + window)
        self.clusterer = Clusterer(DIM)
        self._memory = LongLived()
        self.size = 0

    def arrive(self, count: int, times: Times, together: int = 0) -> None:
        """So many more, each with a slice behind it. `together`: how many are compared at once, as those of a batch of
        the log are; 0: each by itself.
        """
        for start in range(0, count, CHUNK):
            part = min(CHUNK, count - start)
            pictures = self.crowd.pictures(self.size, self.size + part)
            for number, picture in enumerate(pictures):
                before = self.slice_s if times.arrivals else 0.0
                seen = [Observation(picture, frame=self.size)]
                started = time.process_time()
                if together and number % together == 0:
                    self.clusterer.expect(pictures[number : number + together])
                self.clusterer.observe(seen)
                self._memory.grew()
                times.arrivals.append(time.process_time() - started)
                times.waits.append(times.arrivals[-1] + before)
                self.slice_s = times.slice(self.clusterer)
                self.size += 1

    def build(self, count: int) -> None:
        """So many, each with its own."""
        partition = self.clusterer.partition
        labels = self.crowd.labels
        shown = np.bincount(labels[:count])
        cluster: dict[int, int] = {}
        for start in range(0, count, CHUNK):
            part = min(CHUNK, count - start)
            for picture in self.crowd.pictures(self.size, self.size + part):
                label = int(labels[self.size])
                item = partition.add(Observation(picture, frame=self.size))
                if shown[label] > 1:
                    if label not in cluster:
                        cluster[label] = partition.new_cluster(founder=item)
                    partition.put(item, cluster[label])
                self.size += 1
        self._memory.stays()
        for _ in range(WINDOW // TOGETHER):  # the galleries learn how far to look, as they do from arrivals
            probes = np.stack([to_grid(each) for each in self.crowd.pictures(0, TOGETHER)]).astype(np.float64)
            for gallery in (partition.clusters, partition.noise):
                found = gallery.scores_many(probes, [1.0] * TOGETHER, LIKELY, NEAREST, arriving=True)
                for number in range(TOGETHER):
                    found.of(number)

    def finish(self, times: Times) -> None:
        """All background work, in slices."""
        self.clusterer.consolidator.request()
        while self.clusterer.due():
            times.slice(self.clusterer)
            self._memory.grew()

    def f1(self, since: int) -> float:
        """Of the items that arrived since."""
        found = [self.clusterer.partition.cluster_of(item) for item in range(self.size)]
        assigned = np.array([-1 - item if at is None else at for item, at in enumerate(found)])
        return bcubed(self.crowd.labels[since : self.size], assigned[since:]).f1


def measure_half(items: int) -> str:
    """A line of the table of growths by half."""
    first = round(items / 1.55)
    library = Library(items, 0)
    library.build(first)
    library.arrive(32, Times())
    library.finish(Times())
    consolidator, before = library.clusterer.consolidator, library.clusterer.calibration.join
    revised, since = consolidator.revised, library.size
    times = Times()
    library.arrive(items - since, times, TOGETHER)
    streamed = len(times.slices)
    library.finish(times)
    count = items - since
    meanwhile, idle = (sum(part) / count * 1e3 for part in (times.slices[:streamed], times.slices[streamed:]))
    partition = library.clusterer.partition
    return (
        f"half  {items:>9,} {len(partition.clusters):>8,} {len(partition.noise):>8,} "
        f"{before:>5.2f} {library.clusterer.calibration.join:>5.2f} {ms(times.slices, 50, 99, 100)} "
        f"{ms(times.waits, 99, 100)} {meanwhile:>8.2f} {idle:>6.2f} "
        f"{sum(times.arrivals) / count * 1e3:>7.2f} {(consolidator.revised - revised) / count:>7.2f} "
        f"{library.f1(since):>6.3f}"
    )


def ms(seconds: list[float], *percentiles: float) -> str:
    found = np.percentile(seconds or [0.0], percentiles) * 1e3
    return " ".join(f"{each:>6.1f}" for each in found)


def measure(kind: str, items: int, window: int) -> str:
    """A line of the table."""
    window = min(window, items // 4)
    library = Library(items, window)
    times = Times()
    again = 0.0
    if kind == "grown":
        library.arrive(items - window, times)
    else:
        library.build(items)
        library.arrive(32, times)
        library.finish(times)
        again = sum(times.slices) / (items / 2) * 1e3
    since, slices, arrivals = library.size, len(times.slices), len(times.arrivals)
    library.arrive(window - (library.size - items if kind == "built" else 0), times)
    streamed = len(times.slices)
    library.finish(times)
    count = library.size - since
    partition = library.clusterer.partition
    kb = (psutil.Process().memory_info().rss - library.before) / library.size / 1e3
    return (
        f"{kind} {items:>9,} {len(partition.clusters):>8,} {len(partition.noise):>8,} "
        f"{library.clusterer.calibration.join:>5.2f} {ms(times.slices, 50, 99, 100)} {ms(times.waits, 99, 100)} "
        f"{sum(times.slices[slices:streamed]) / count * 1e3:>8.2f} {again:>6.2f} "
        f"{sum(times.slices[streamed:]) / count * 1e3:>6.2f} "
        f"{sum(times.arrivals[arrivals:]) / count * 1e3:>7.2f} {kb:>7.1f} {library.f1(since):>6.3f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grown", type=int, nargs="*", default=[2_500, 10_000, 100_000])
    parser.add_argument("--built", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--half", type=int, nargs="*", default=[], help="sizes that a growth by half ends at")
    parser.add_argument("--window", type=int, default=2_000, help="arrivals that are measured")
    options = parser.parse_args()
    print(describe("numpy", "scipy"))
    print(
        f"{'':5} {'items':>9} {'clusters':>8} {'waiting':>8} {'join':>5} {'slice ms: p50, p99, max':>20} "
        f"{'wait: p99, max':>13} {'ms/item':>8} {'again':>6} {'idle':>6} {'arrival':>7} {'KB/item':>7} {'F1':>6}"
    )
    for kind, sizes in (("grown", options.grown), ("built", options.built)):
        for items in sizes:
            print(measure(kind, items, options.window), flush=True)
    if options.half:
        print(
            f"{'':5} {'items':>9} {'clusters':>8} {'waiting':>8} {'join':>11} {'slice ms: p50, p99, max':>20} "
            f"{'wait: p99, max':>13} {'ms/item':>8} {'idle':>6} {'arrival':>7} {'revised':>7} {'F1':>6}"
        )
    for items in options.half:
        print(measure_half(items), flush=True)


if __name__ == "__main__":
    main()
