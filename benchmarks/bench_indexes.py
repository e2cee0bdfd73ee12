"""Indexes of others as proposers of the nearest clusters, on the material of `bench_gallery.py`:

    python benchmarks/bench_indexes.py [--rows 100000 1000000] [--indexes flat ivf ivf-sq8 hnsw hnswlib] [--least 0.999]
        [--always]

Each index is built from all rows, then looks for the 11 nearest of batches of 256, four fifths of which have a cosine
of .7 to a row. How far it looks (lists of an IVF, `ef` of a graph) is doubled until the nearest row is found as often
as is asked for, where it is one to join, or (`--always`) anyway. `update`: a row that moved is replaced, 256 in a
call, as centroids do with every arrival. `same`: whether one thread and two, a batch and single probes give the same
rows and scores, bit by bit; vectors are in whole steps of 1/4000, such that float32 products are exact.

Processor time; `wall` with two threads is by the clock. hnswlib is measured where it is installed.
"""

import argparse
import importlib
import importlib.util
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import faiss
import numpy as np
from bench_gallery import BATCH, COSINE, DIM, FOUNDERS, JOIN, Rows, material, units
from environment import describe
from numpy.typing import NDArray

from rushes.processors.gallery.integers import SQUARE, STEPS

TOP = 11
BATCHES = 8
DEGREE = 16
"""Neighbours of a row in a graph (twice as many on the lowest level)."""
EFFORT = 100
"""Candidates considered for each row while a graph is built."""
SAMPLE = 64
"""Rows that k-means sees for each list."""
CHUNK = 65_536

Keys = NDArray[np.int64]


class Index(Protocol):
    """An index by inner product."""

    def look(self, probes: Rows, effort: int, threads: int) -> tuple[Keys, Rows]:
        """Keys and scores of the TOP nearest, (b, TOP) each."""
        ...

    def replace(self, keys: Keys, rows: Rows) -> None: ...

    def efforts(self) -> Iterator[int]:
        """How far to look, rising."""
        ...

    def size_bytes(self) -> int: ...


class Faiss:
    """An index of faiss with removal by key, by its factory's name."""

    def __init__(self, name: str, rows: Rows) -> None:
        faiss.omp_set_num_threads(1)
        self._index: Any = faiss.index_factory(DIM, name, faiss.METRIC_INNER_PRODUCT)
        self._lists = self._index.nlist if hasattr(self._index, "nlist") else 0
        if self._lists:
            self._index.cp.max_points_per_centroid = SAMPLE
            self._index.train(rows[:: max(1, len(rows) // (SAMPLE * self._lists))])
            self._index.set_direct_map_type(faiss.DirectMap.Hashtable)
        if hasattr(self._index, "hnsw"):
            self._index.hnsw.efConstruction = EFFORT
        self._index.add(rows)

    def look(self, probes: Rows, effort: int, threads: int) -> tuple[Keys, Rows]:
        faiss.omp_set_num_threads(threads)
        if self._lists:
            self._index.nprobe = effort
        elif hasattr(self._index, "hnsw"):
            self._index.hnsw.efSearch = effort
        scores, keys = self._index.search(probes, TOP)
        return keys, scores

    def replace(self, keys: Keys, rows: Rows) -> None:
        if self._lists:
            self._index.remove_ids(faiss.IDSelectorArray(keys))
            self._index.add_with_ids(rows, keys)
        elif hasattr(self._index, "hnsw"):
            raise NotImplementedError("a row of this graph cannot be taken out")
        else:
            stored = faiss.rev_swig_ptr(self._index.get_xb(), self._index.ntotal * DIM).reshape(-1, DIM)
            stored[keys] = rows

    def efforts(self) -> Iterator[int]:
        if not self._lists and not hasattr(self._index, "hnsw"):
            yield 1
            return
        effort = 16
        while effort < (self._lists or 4096):
            yield effort
            effort *= 2
        yield self._lists or 4096

    def size_bytes(self) -> int:
        return int(faiss.serialize_index(self._index).nbytes)


class Hnswlib:
    """The graph of hnswlib, which can replace rows."""

    def __init__(self, rows: Rows) -> None:
        self._index: Any = importlib.import_module("hnswlib").Index(space="ip", dim=DIM)
        self._index.init_index(len(rows), M=DEGREE, ef_construction=EFFORT, random_seed=0)
        self._index.add_items(rows / STEPS, np.arange(len(rows)), num_threads=1)

    def look(self, probes: Rows, effort: int, threads: int) -> tuple[Keys, Rows]:
        self._index.set_ef(max(effort, TOP))
        keys, distances = self._index.knn_query(probes / STEPS, TOP, num_threads=threads)
        return keys.astype(np.int64), (1 - distances) * SQUARE

    def replace(self, keys: Keys, rows: Rows) -> None:
        self._index.add_items(rows / STEPS, keys, num_threads=1)

    def efforts(self) -> Iterator[int]:
        yield from (2**power for power in range(5, 13))

    def size_bytes(self) -> int:
        return int(self._index.index_file_size())


def built(name: str, rows: Rows) -> Index:
    lists = 1024 if len(rows) <= 100_000 else 4096
    match name:
        case "flat":
            return Faiss("Flat", rows)
        case "ivf":
            return Faiss(f"IVF{lists},Flat", rows)
        case "ivf-sq8":
            return Faiss(f"IVF{lists},SQ8", rows)
        case "hnsw":
            return Faiss(f"HNSW{DEGREE},Flat", rows)
        case "hnswlib":
            return Hnswlib(rows)
        case _:
            raise ValueError(f"expected an index that is known, found {name!r}")


@dataclass(frozen=True)
class Material:
    """Rows and probes in steps, and the nearest row of each probe."""

    rows: Rows
    probes: Rows
    best: Rows
    product_ms: float


def drawn(name: str, count: int) -> Material:
    rng = np.random.default_rng(0)
    draw = material(name, rng)
    rows = np.concatenate(
        [np.rint(draw(min(CHUNK, count - start)) * STEPS) for start in range(0, count, CHUNK)]
    )  # fmt: skip
    centres = units(rows[rng.integers(count, size=BATCHES * BATCH)])
    noise = units(rng.standard_normal(centres.shape, dtype=np.float32))
    probes = units(centres + noise * np.float32(np.sqrt(1 / COSINE**2 - 1)))
    new = rng.random(len(probes)) < FOUNDERS
    probes[new] = draw(int(new.sum()))
    probes = np.rint(probes * STEPS)
    best = np.full(len(probes), -np.inf, np.float32)
    took_s = 0.0
    for start in range(0, count, CHUNK):
        started = time.process_time()
        products = probes[:BATCH] @ rows[start : start + CHUNK].T
        took_s += time.process_time() - started
        best[:BATCH] = np.maximum(best[:BATCH], products.max(axis=1))
        best[BATCH:] = np.maximum(best[BATCH:], (probes[BATCH:] @ rows[start : start + CHUNK].T).max(axis=1))
    return Material(rows, probes, best, took_s / BATCH * 1e3)


@dataclass(frozen=True)
class Tried:
    """How often the nearest is found where it is one to join, and always; processor milliseconds a probe with one
    thread and two, and by the clock with two.
    """

    effort: int
    joins: float
    always: float
    one_ms: float
    two_ms: float
    wall_ms: float


def tried(index: Index, given: Material, effort: int) -> Tried:
    found = np.empty(len(given.probes), np.float32)
    spent = {1: 0.0, 2: 0.0}
    wall_s = 0.0
    for start in range(0, len(found), BATCH):
        part = given.probes[start : start + BATCH]
        for threads in (1, 2):
            clock, busy = time.perf_counter(), time.process_time()
            keys, _ = index.look(part, effort, threads)
            spent[threads] += time.process_time() - busy
            wall_s += time.perf_counter() - clock if threads == 2 else 0.0
        exact = np.einsum("bd,bkd->bk", part, given.rows[keys])
        found[start : start + BATCH] = np.where(keys >= 0, exact, -np.inf).max(axis=1)
    hit = found >= given.best
    joins = given.best >= JOIN * SQUARE
    each = 1e3 / len(found)
    return Tried(effort, hit[joins].mean(), hit.mean(), spent[1] * each, spent[2] * each, wall_s * each)


def same(index: Index, probes: Rows, effort: int) -> bool:
    """Whether threads and batches change nothing."""
    said = [index.look(probes, effort, 1), index.look(probes, effort, 2)]
    singly = [index.look(probe[None], effort, 1) for probe in probes]
    said.append((np.concatenate([one[0] for one in singly]), np.concatenate([one[1] for one in singly])))
    return all((keys == said[0][0]).all() and (scores == said[0][1]).all() for keys, scores in said)


def update_us(index: Index, given: Material) -> float | None:
    """Microseconds of the processor to replace a row by one nearby; None where that cannot be done."""
    rng = np.random.default_rng(1)
    keys = rng.choice(len(given.rows), BATCH, replace=False).astype(np.int64)
    moved = given.rows[keys] + 0.1 * STEPS * units(rng.standard_normal((BATCH, DIM), dtype=np.float32))
    started = time.process_time()
    try:
        index.replace(keys, np.rint(units(moved) * STEPS))
    except NotImplementedError:
        return None
    return (time.process_time() - started) / BATCH * 1e6


def measure(name: str, given: Material, least: float, *, always: bool) -> None:
    started = time.process_time()
    index = built(name, given.rows)
    build_s = time.process_time() - started
    size_kb = index.size_bytes() / len(given.rows) / 1e3
    for effort in index.efforts():
        got = tried(index, given, effort)
        print(
            f"{len(given.rows):>9,} {name:8} {effort:>6} {got.joins:>7.4f} {got.always:>7.4f} {got.one_ms:>7.2f} "
            f"{got.two_ms:>7.2f} {got.wall_ms:>7.2f}",
            flush=True,
        )
        if (got.always if always else got.joins) >= least:
            break
    unchanged = same(index, given.probes[:64], effort)
    replaced = update_us(index, given)
    told = "never" if replaced is None else f"{replaced:.0f} us"
    print(
        f"{'':10}{name}: built in {build_s:.0f} s, {size_kb:.2f} KB a row, update {told}, same {unchanged}", flush=True
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--material", default="groups")
    parser.add_argument("--indexes", nargs="+", default=["flat", "ivf", "ivf-sq8", "hnsw", "hnswlib"])
    parser.add_argument("--least", type=float, default=0.999, help="of probes whose nearest is to be found")
    parser.add_argument("--always", action="store_true", help="not only where the nearest is one to join")
    options = parser.parse_args()
    print(describe("numpy", "faiss-cpu"))
    print(f"{'rows':>9} {'index':8} {'effort':>6} {'joins':>7} {'always':>7} {'1 thr':>7} {'2 thr':>7} {'wall':>7}")
    for count in options.rows:
        given = drawn(options.material, count)
        print(f"one product with everything: {given.product_ms:.2f} ms a probe", flush=True)
        for name in options.indexes:
            if name == "hnswlib" and importlib.util.find_spec(name) is None:
                print(f"{'':10}{name}: not installed here, passed over", flush=True)
                continue
            measure(name, given, options.least, always=options.always)


if __name__ == "__main__":
    main()
