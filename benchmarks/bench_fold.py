"""Items decided a second, memory an item, and entries replayed a second:

    python benchmarks/bench_fold.py [--frames 20000] [--people 200] [--places 400] [--step 5000] [--batch 128]
        [--policy fixed]

Each entry is a shot of one frame with a scene and two faces (512 dimensions). People and places come back with the
noise of a real embedder (cosines of .94 to a centre), so that clusters grow. Entries come in batches, as to a worker,
and the items of one are compared together. `p99` and `worst`: how long an entry waits
for itself and its slice of background work. F1: B-cubed, of all items so far. All is processor time: the fold is one
thread. Beside it stands the least that any online clustering by centroids does: one float32 product of the item with
all clusters.
"""

import argparse
import time
from collections.abc import Iterator, Mapping
from itertools import islice

import numpy as np
import psutil
from environment import describe
from numpy.typing import NDArray

from rushes.infra.library_log.codec import decode_record, encode_entry
from rushes.infra.library_log.port import LogPosition
from rushes.infra.long_lived import LongLived
from rushes.processors.clustering.fold import apply
from rushes.processors.clustering.foresight import expect
from rushes.processors.clustering.library import Library
from rushes.processors.clustering.policy import Policy
from rushes.processors.evaluation.metrics import bcubed
from rushes.schemas.event import ItemKind
from rushes.schemas.ids import Box, Generation, ItemId, LibraryId, MediaId, ModelId, derive, frame_id, item_id
from rushes.schemas.log import CandidateItem, EmbeddedFrame, ItemsEmbedded, KindItems
from rushes.schemas.vectors import encode_vector

DIM = 512
LIBRARY = LibraryId("bench")
MEDIA = MediaId("film")
FACES: tuple[Box, Box] = ((0.1, 0.1, 0.3, 0.4), (0.6, 0.1, 0.8, 0.4))
NOISE = 0.36
"""Length of the noise beside a centre of length 1: a cosine of .94 to it, .88 between two items of it."""


class Footage:
    """Entries of a long film in which people and places come back."""

    def __init__(self, people: int, places: int) -> None:
        self._rng = np.random.default_rng(0)
        self._people = self._centres(people)
        self._places = self._centres(places)
        self.shown: dict[ItemId, tuple[ItemKind, int]] = {}
        """Who or what an item shows."""

    def entries(self, count: int) -> Iterator[ItemsEmbedded]:
        for number in range(count):
            yield self._entry(number)

    def _centres(self, count: int) -> NDArray[np.float64]:
        centres = self._rng.standard_normal((count, DIM))
        return centres / np.linalg.norm(centres, axis=1, keepdims=True)

    def _near(self, centre: NDArray[np.float64]) -> NDArray[np.float64]:
        return centre + NOISE * self._rng.standard_normal(DIM) / np.sqrt(DIM)

    def _entry(self, number: int) -> ItemsEmbedded:
        time_us = number * 1_000_000
        frame = frame_id(LIBRARY, MEDIA, 0, time_us)

        def group(kind: ItemKind, found: list[tuple[Box | None, int, NDArray[np.float64]]]) -> KindItems:
            items = []
            for box, shown, vector in found:
                item = item_id(LIBRARY, frame, kind, box)
                self.shown[item] = kind, shown
                items.append(CandidateItem(item_id=item, box=box, quality=0.9, vector=encode_vector(vector)))
            return KindItems(kind=kind, model_id=ModelId("m"), items=tuple(items))

        place = int(self._rng.integers(len(self._places)))
        pair = self._rng.choice(len(self._people), 2, replace=False).tolist()
        faces = [(box, who, self._near(self._people[who])) for box, who in zip(FACES, pair, strict=True)]
        embedded = EmbeddedFrame(
            frame_id=frame,
            time_us=time_us,
            image_uri=f"s3://bucket/bench/frames/{number}.jpg",
            thumbnail_uri=f"s3://bucket/bench/thumbs/{number}.jpg",
            perceptual_hash="0" * 16,
            kinds=(group("scene", [(None, place, self._near(self._places[place]))]), group("face", list(faces))),
        )
        return ItemsEmbedded(
            library_id=LIBRARY,
            entry_id=derive("entry", LIBRARY, number),
            media_id=MEDIA,
            version=1,
            shot_id=derive("shot", LIBRARY, number),
            frame_duration_us=40_000,
            kinds_expected=("scene", "face"),
            frames=(embedded,),
        )


def in_batches(
    entries: Iterator[ItemsEmbedded], size: int
) -> Iterator[tuple[ItemsEmbedded, tuple[ItemsEmbedded, ...]]]:
    """Each entry, and the batch that it is the first of, if any."""
    while batch := tuple(islice(entries, size)):
        yield batch[0], batch
        yield from ((entry, ()) for entry in batch[1:])


def f1(library: Library, shown: Mapping[ItemId, tuple[ItemKind, int]]) -> float:
    """B-cubed, of all items there are."""
    cluster = {item: number for number, one in enumerate(library.clusters.values()) for item in one.members}
    items = [item for item in shown if item in library.items]
    numbers = {what: number for number, what in enumerate(dict.fromkeys(shown.values()))}
    found = [cluster.get(item, -1 - place) for place, item in enumerate(items)]
    return bcubed(np.array(found), np.array([numbers[shown[item]] for item in items])).f1


def rss_bytes() -> int:
    size: int = psutil.Process().memory_info().rss
    return size


def product_s(clusters: int) -> float:
    """Seconds of one float32 product of an item with all clusters."""
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((max(1, clusters), DIM)).astype(np.float32)
    probe = rng.standard_normal(DIM).astype(np.float32)
    started = time.perf_counter()
    for _ in range(200):
        rows @ probe
    return (time.perf_counter() - started) / 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--places", type=int, default=400)
    parser.add_argument("--step", type=int, default=5_000, help="frames between two lines of the table")
    parser.add_argument("--batch", type=int, default=128, help="entries that are there at once; 1: each by itself")
    parser.add_argument("--policy", choices=("calibrated", "fixed"), default="calibrated")
    options = parser.parse_args()
    print(describe("numpy", "pydantic", "scipy"))
    footage = Footage(options.people, options.places)
    library = Library(LIBRARY, Generation("g1"), Policy(options.policy))
    memory = LongLived()
    waits_s: list[float] = []
    lines: list[bytes] = []
    apply_s = 0.0
    before = rss_bytes()
    text_bytes = 0
    print(
        f"{'items':>8} {'clusters':>8} {'noise':>7} {'items/s':>9} {'us/item':>8} {'KB/item':>8} {'p99 ms':>7} "
        f"{'worst':>6} {'F1':>6}"
    )
    for done, (entry, batch) in enumerate(in_batches(footage.entries(options.frames), options.batch), 1):
        line = encode_entry(entry)
        if len(lines) < options.step:
            lines.append(line)
            text_bytes += len(line)
        started = time.process_time()
        if batch:
            expect(library, batch)
        apply(library, entry)
        memory.grew()
        waits_s.append(time.process_time() - started)
        apply_s += waits_s[-1]
        if done % options.step == 0 or done == options.frames:
            steps = options.step if done % options.step == 0 else done % options.step
            items = 3 * steps
            clusters = sum(bool(cluster.members) for cluster in library.clusters.values())
            noise = len(library.in_noise)
            kb = (rss_bytes() - before - text_bytes) / len(library.items) / 1e3
            print(
                f"{len(library.items):>8} {clusters:>8} {noise:>7} {items / apply_s:>9,.0f} "
                f"{apply_s / items * 1e6:>8.0f} {kb:>8.1f} {np.percentile(waits_s, 99) * 1e3:>7.1f} "
                f"{max(waits_s) * 1e3:>6.0f} {f1(library, footage.shown):>6.4f}",
                flush=True,
            )
            apply_s = 0.0
            waits_s.clear()
    clusters = sum(bool(cluster.members) for cluster in library.clusters.values())
    print(f"peer: one float32 product of an item with {clusters} clusters takes {product_s(clusters) * 1e6:.0f} us")
    replay = Library(LIBRARY, Generation("g1"), Policy(options.policy))
    started = time.process_time()
    for offset, line in enumerate(lines):
        record = decode_record("memory", LogPosition(0, offset), line)
        if record.entry is not None:
            apply(replay, record.entry)
    took = time.process_time() - started
    print(f"replay from bytes: {len(lines) / took:,.0f} entries/s ({3 * len(lines) / took:,.0f} items/s)")


if __name__ == "__main__":
    main()
