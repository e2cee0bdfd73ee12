"""Rows per second of the item stores: python benchmarks/bench_store.py [--rows 5000] [--dim 512] [--only lite server]

With --grow: milliseconds of one batch, one search and one delete beside --rows rows, and beside ten times as many.

Beside them stands the least that such a store could do: the same bytes written to one file and fsynced, read back.
"""

import argparse
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np
from environment import describe

from rushes.infra.local_stack.milvus_server import MilvusServer
from rushes.infra.settings import MilvusSettings
from rushes.infra.store.memory import MemoryStore
from rushes.infra.store.milvus import MilvusStore
from rushes.infra.store.port import ItemRow, ItemStore, Space
from rushes.infra.store.rows import stored_items
from rushes.infra.store.verify import verify_and_repair
from rushes.schemas.decisions import Cause, ClusterAssigned, Neighbour
from rushes.schemas.ids import Generation, LibraryId, ModelId, derive
from rushes.schemas.revision import Revision

LIBRARY = LibraryId("bench")


GROWTH_CALLS = 15


def make_rows(space: Space, count: int, revision: int) -> list[ItemRow]:
    """Rows as the clusterer writes them, records of about 1,600 bytes."""
    vectors = np.random.default_rng(revision).standard_normal((count, space.dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    nearest = tuple(
        Neighbour(cluster_id=derive("c", LIBRARY, n), similarity=0.5, exemplar_item_id=derive("e", LIBRARY, n))
        for n in range(5)
    )
    return [
        ItemRow(
            space,
            ClusterAssigned(
                library_id=LIBRARY,
                item_id=derive("item", LIBRARY, number),
                kind=space.kind,
                cluster_id=derive("c", LIBRARY, number % 50),
                decision="joined",
                similarity=0.9,
                nearest=nearest,
                policy="fixed",
                model_id=space.model_id,
                generation=space.generation,
                revision=Revision(n=revision, k=number),
                cause=Cause(entry_id=derive("entry", LIBRARY, number)),
                media_id=f"film-{number // 100}.mov",
                media_version=1,
                shot_id=derive("shot", LIBRARY, number // 3),
                frame_id=derive("frame", LIBRARY, number),
                time_us=number * 40_000,
                image_uri=f"file:///footage/blobs/{number}.jpg",
                thumbnail_uri=f"file:///footage/blobs/{number}-small.jpg",
            ),
            vectors[number],
        )
        for number in range(count)
    ]


def measure(store: ItemStore, rows: int, batch: int, space: Space) -> dict[str, float]:
    """Rows (for searches: probes) per second of each operation, once over."""
    first, second = make_rows(space, rows, 1), make_rows(space, rows, 2)
    found: dict[str, float] = {}

    def timed(name: str, count: int, work: Callable[[], object]) -> None:
        started = time.perf_counter()
        work()
        found[name] = count / (time.perf_counter() - started)

    def write(items: list[ItemRow]) -> None:
        for start in range(0, len(items), batch):
            store.upsert(items[start : start + batch], [])

    store.upsert(first[:1], [])  # makes the collection
    timed("upsert new rows", rows, lambda: write(first))
    timed("upsert them unchanged", rows, lambda: write(first))
    timed("upsert them changed", rows, lambda: write(second))
    timed("read all", rows, lambda: list(store.items(LIBRARY, space)))
    expected = {row.record.item_id: row for row in second}
    timed("verify all", rows, lambda: verify_and_repair(store, LIBRARY, space.generation, expected, {}))
    probes = np.stack([row.vector for row in second[:256]])
    timed(
        "search, 1 probe a call", 16, lambda: [store.search(LIBRARY, space, probe[None], 10) for probe in probes[:16]]
    )
    timed("search, 256 probes a call", 256, lambda: store.search(LIBRARY, space, probes, 10))
    return found


def measure_growth(store: ItemStore, sizes: tuple[int, ...], batch: int, space: Space) -> list[dict[str, list[float]]]:
    """Milliseconds of single calls beside so many rows, for each size."""
    results: list[dict[str, list[float]]] = []
    there = 0
    for size in sizes:
        rows = make_rows(space, size, 1)
        for start in range(there, size, 2_048):
            store.upsert(rows[start : start + 2_048], [])
        there = size
        changed = make_rows(space, size, 2 + len(results))[-GROWTH_CALLS * batch :]
        found: dict[str, list[float]] = {f"upsert of {batch} changed": [], "search, 1 probe": [], "delete of 10": []}
        for call in range(GROWTH_CALLS):
            part = changed[call * batch : (call + 1) * batch]
            found[f"upsert of {batch} changed"].append(_ms(lambda part=part: store.upsert(part, [])))
            probe = part[0].vector[None]
            found["search, 1 probe"].append(_ms(lambda probe=probe: store.search(LIBRARY, space, probe, 10)))
            gone = [row.record.item_id for row in part[:10]]
            found["delete of 10"].append(_ms(lambda gone=gone: store.delete(LIBRARY, space, gone, [])))
        results.append(found)
    return results


def _ms(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1e3


def report_growth(name: str, sizes: tuple[int, ...], results: list[dict[str, list[float]]]) -> None:
    print(f"\n{name}: ms of a call, median (worst)")
    for operation in results[0]:
        told = [f"{statistics.median(found[operation]):8.1f} ({max(found[operation]):.1f})" for found in results]
        beside = "   ".join(f"beside {size:,}: {text}" for size, text in zip(sizes, told, strict=True))
        print(f"  {operation:24} {beside}")


def measure_file(rows: int, batch: int, space: Space, folder: Path) -> dict[str, float]:
    """The limit: the same bytes appended to a file, fsynced per batch."""
    payloads = [row.record.encode() + row.vector.tobytes() for row in stored_items(make_rows(space, rows, 1))]
    started = time.perf_counter()
    with (folder / "rows").open("wb") as file:
        for start in range(0, rows, batch):
            file.write(b"".join(payloads[start : start + batch]))
            file.flush()
            os.fsync(file.fileno())
    written = time.perf_counter()
    (folder / "rows").read_bytes()
    return {"upsert new rows": rows / (written - started), "read all": rows / (time.perf_counter() - written)}


def report(name: str, runs: list[dict[str, float]]) -> None:
    print(f"\n{name}")
    for operation in runs[0]:
        values = [run[operation] for run in runs]
        print(f"  {operation:28} {statistics.median(values):12,.0f} /s   ({min(values):,.0f} to {max(values):,.0f})")


def grow(folder: Path, arguments: argparse.Namespace, space: Space) -> None:
    """Latency beside --rows rows and ten times as many, on Lite and on the server."""
    sizes = (arguments.rows, 10 * arguments.rows)

    def measured(store: ItemStore, name: str) -> None:
        try:
            report_growth(name, sizes, measure_growth(store, sizes, arguments.batch, space))
        finally:
            store.close()

    if "lite" in arguments.only:
        measured(MilvusStore(MilvusSettings(uri=str(folder / "grow.db"))), "Milvus Lite")
    if "server" in arguments.only:
        server = MilvusServer(folder / "server", cache=arguments.cache.resolve())
        server.start()
        try:
            measured(MilvusStore(MilvusSettings(uri=server.uri, prefix="grow")), "Milvus server")
        finally:
            server.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--batch", type=int, default=256, help="rows of one upsert by the caller")
    parser.add_argument("--grow", action="store_true", help="latency beside --rows rows and beside ten times as many")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=["file", "memory", "lite", "server"])
    parser.add_argument("--cache", type=Path, default=Path(".cache"), help="where the Milvus server is unpacked")
    arguments = parser.parse_args()
    space = Space("scene", ModelId("bench"), Generation("g1"), arguments.dim)
    print(describe("pymilvus", "milvus-lite", "milvus", "numpy"))
    print(
        f"{arguments.rows} rows of {arguments.dim}, {arguments.batch} an upsert; median of {arguments.repeats}, range"
    )

    def run(store: ItemStore) -> dict[str, float]:
        try:
            return measure(store, arguments.rows, arguments.batch, space)
        finally:
            store.close()

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        repeats = range(arguments.repeats)
        if arguments.grow:
            grow(folder, arguments, space)
            return
        if "file" in arguments.only:
            limit = [measure_file(arguments.rows, arguments.batch, space, folder) for _ in repeats]
            report("one file, fsynced (the limit)", limit)
        if "memory" in arguments.only:
            report("memory", [run(MemoryStore()) for _ in repeats])
        if "lite" in arguments.only:
            settings = [MilvusSettings(uri=str(folder / f"{n}.db")) for n in repeats]
            report("Milvus Lite", [run(MilvusStore(one)) for one in settings])
        if "server" in arguments.only:
            server = MilvusServer(folder / "server", cache=arguments.cache.resolve())
            server.start()
            try:
                prefixes = [f"b{uuid.uuid4().hex[:8]}" for _ in repeats]
                stores = [MilvusStore(MilvusSettings(uri=server.uri, prefix=prefix)) for prefix in prefixes]
                report("Milvus server", [run(store) for store in stores])
            finally:
                server.kill()


if __name__ == "__main__":
    main()
