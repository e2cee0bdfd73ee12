"""A thousand libraries on one worker beside one library of as many items: time and memory an item.

    python benchmarks/bench_tenants.py [--tenants 1000] [--items 1000] [--policy calibrated]

Entries of all tenants come in turn, as they do in a partition that many share. Each is a shot of one frame with a
scene and two faces (512 dimensions), of 20 people and 20 places a tenant. Then a library is dropped and folded anew
from its entries: what it costs to let an idle one go.
"""

import argparse
import gc
import time
from collections.abc import Sequence

from bench_fold import LIBRARY, Footage, rss_bytes
from environment import describe

from rushes.infra.library_log.codec import decode_record, encode_entry
from rushes.infra.library_log.port import LogPosition
from rushes.processors.clustering.fold import apply
from rushes.processors.clustering.library import Library
from rushes.schemas.ids import Generation, LibraryId, derive
from rushes.schemas.log import ItemsEmbedded, PolicyChanged

PEOPLE = 20
PLACES = 20


def entries_of(frames: int) -> list[bytes]:
    """Entries of one tenant; those of the others are the same, under their own names."""
    return [encode_entry(entry) for entry in Footage(PEOPLE, PLACES).entries(frames)]


def entry_of(line: bytes, library: LibraryId) -> ItemsEmbedded:
    entry = decode_record("memory", LogPosition(0, 0), line.replace(f'"{LIBRARY}"'.encode(), f'"{library}"'.encode()))
    assert isinstance(entry.entry, ItemsEmbedded)
    return entry.entry


def new_library(library_id: LibraryId, policy: str) -> Library:
    library = Library(library_id, Generation("g1"))
    if policy == "fixed":
        said = PolicyChanged(
            library_id=library_id, entry_id=derive("policy", library_id), policy="fixed", parameters={}
        )
        apply(library, said)
    return library


def fold(lines: Sequence[bytes], tenants: int, policy: str) -> tuple[float, float, int]:
    """Processor seconds and bytes an item, and the items."""
    libraries = [new_library(LibraryId(f"t{number}"), policy) for number in range(tenants)]
    gc.collect()
    before, apply_s = rss_bytes(), 0.0
    for line in lines:
        for library in libraries:
            entry = entry_of(line, library.library_id)
            started = time.process_time()
            apply(library, entry)
            apply_s += time.process_time() - started
    gc.collect()
    items = sum(len(library.items) for library in libraries)
    return apply_s / items, (rss_bytes() - before) / items, items


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tenants", type=int, default=1_000)
    parser.add_argument("--items", type=int, default=1_000, help="of each")
    parser.add_argument("--policy", choices=["calibrated", "fixed"], default="calibrated")
    options = parser.parse_args()
    print(describe("numpy", "pydantic"))
    lines = entries_of(options.items // 3)
    print(f"policy {options.policy}; processor ms and KB an item")
    alone_s, alone_bytes, items = fold(lines, 1, options.policy)
    print(f"{1:>6} library of {items:,} items: {alone_s * 1e3:.2f} ms, {alone_bytes / 1e3:.1f} KB")
    many_s, many_bytes, items = fold(lines, options.tenants, options.policy)
    per = items // options.tenants
    print(f"{options.tenants:>6} libraries of {per:,} items: {many_s * 1e3:.2f} ms, {many_bytes / 1e3:.1f} KB")
    library = new_library(LibraryId("t0"), options.policy)
    started = time.process_time()
    for line in lines:
        apply(library, entry_of(line, library.library_id))
    print(f"one comes back from its log in {time.process_time() - started:.2f} s of the processor")


if __name__ == "__main__":
    main()
