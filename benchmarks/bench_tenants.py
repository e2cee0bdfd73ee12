"""A thousand libraries on one worker beside one library of as many items: time and memory an item.

    python benchmarks/bench_tenants.py [--tenants 1000] [--items 1000] [--rounds 9] [--policy calibrated]

Tenants come in turn, each with a burst of entries, as of a film or a folder, that goes through the fold as a batch of
Kafka does. When the burst is over the library goes quiet, and the worker requests what is left of its background work.
Each entry is a shot of one frame with a scene and two faces (512 dimensions), of 20 people and 20 places a tenant.
After each round through all tenants a line says what it cost so far, so that a run that is cut short tells something.
`peak`: the most that the process held. Then a library is dropped and folded anew from its entries: what it costs to let
an idle one go.

Memory depends on the allocator: glibc keeps what large arrays of background work leave behind, unless told from which
size on they are given back (`MALLOC_MMAP_THRESHOLD_`).
"""

import argparse
import gc
import os
import resource
import time
from collections.abc import Sequence

from bench_fold import LIBRARY, Footage, rss_bytes
from environment import describe

from rushes.infra.library_log.codec import decode_record, encode_entry
from rushes.infra.library_log.port import LogPosition
from rushes.processors.clustering.fold import apply
from rushes.processors.clustering.foresight import expect
from rushes.processors.clustering.library import Library
from rushes.schemas.ids import Generation, LibraryId, derive
from rushes.schemas.log import ConsolidationRequested, ItemsEmbedded, PolicyChanged

PEOPLE = 20
PLACES = 20
PER_ENTRY = 3
"""Items of an entry."""


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


def burst(library: Library, lines: Sequence[bytes]) -> float:
    """A batch of entries, and the request that follows it: processor seconds of the fold."""
    entries = [entry_of(line, library.library_id) for line in lines]
    quiet = ConsolidationRequested(
        library_id=library.library_id, entry_id=derive("quiet", library.library_id, library.n), reason="idle"
    )
    started = time.process_time()
    expect(library, entries)
    for entry in entries:
        apply(library, entry)
    expect(library, ())
    apply(library, quiet)
    return time.process_time() - started


def rounds_of(lines: Sequence[bytes], rounds: int) -> list[Sequence[bytes]]:
    """The lines in so many bursts."""
    size = -(-len(lines) // rounds)
    return [lines[start : start + size] for start in range(0, len(lines), size)]


def fold(bursts: Sequence[Sequence[bytes]], tenants: int, policy: str) -> None:
    """Fold all tenants, telling after each round what it cost so far."""
    libraries = [new_library(LibraryId(f"t{number}"), policy) for number in range(tenants)]
    gc.collect()
    before, fold_s, items = rss_bytes(), 0.0, 0
    for lines in bursts:
        round_s = sum(burst(library, lines) for library in libraries)
        fold_s += round_s
        items += tenants * len(lines) * PER_ENTRY
        held = sum(len(library.items) for library in libraries)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(
            f"{tenants:>7} {items // tenants:>9,} {round_s / (tenants * len(lines) * PER_ENTRY) * 1e3:>9.2f} "
            f"{fold_s / items * 1e3:>9.2f} {(rss_bytes() - before) / held / 1e3:>8.1f} {peak / 1e9:>8.2f} "
            f"{fold_s / 60:>8.1f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tenants", type=int, default=1_000)
    parser.add_argument("--items", type=int, default=1_000, help="of each")
    parser.add_argument("--rounds", type=int, default=9, help="bursts in which they come")
    parser.add_argument("--policy", choices=["calibrated", "fixed"], default="calibrated")
    options = parser.parse_args()
    print(describe("numpy", "pydantic"))
    print(f"MALLOC_MMAP_THRESHOLD_={os.environ.get('MALLOC_MMAP_THRESHOLD_')}")
    lines = entries_of(options.items // PER_ENTRY)
    bursts = rounds_of(lines, options.rounds)
    print(f"policy {options.policy}; processor milliseconds and KB an item")
    print(
        f"{'tenants':>7} {'items':>9} {'ms/item':>9} {'so far':>9} {'KB/item':>8} {'peak GB':>8} {'CPU min':>8}  "
        "items of each; of this round; of all so far"
    )
    fold(bursts, 1, options.policy)
    fold(bursts, options.tenants, options.policy)
    library = new_library(LibraryId("t0"), options.policy)
    print(f"one comes back from its log in {sum(burst(library, part) for part in bursts):.2f} s of the processor")


if __name__ == "__main__":
    main()
