"""Entries per second of the library's log: python benchmarks/bench_library_log.py [--entries 5000] [--rounds 3]

An entry is a shot of one frame with a scene and two faces (512 dimensions, about 6 KB of JSON). Beside the logs stand
the least that each could do: the same lines written to a file and fsynced batch by batch, and decoding alone.
"""

import argparse
import collections
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
from environment import describe

from rushes.infra.kafka.admin import create_topics
from rushes.infra.library_log.codec import encode_entry
from rushes.infra.library_log.journal import JournalLibraryLog
from rushes.infra.library_log.kafka import KafkaLibraryLog
from rushes.infra.library_log.kafka_reader import KafkaReader
from rushes.infra.library_log.memory import MemoryLibraryLog
from rushes.infra.library_log.port import LibraryLog
from rushes.infra.local_stack.kafka_broker import KafkaBroker
from rushes.infra.settings import KafkaSettings
from rushes.schemas.event import ItemKind
from rushes.schemas.ids import LibraryId, derive
from rushes.schemas.log import LOG_ENTRY, CandidateItem, EmbeddedFrame, ItemsEmbedded, KindItems
from rushes.schemas.vectors import encode_vector

LIBRARY = LibraryId("bench")
BATCH = 32
"""Entries of one append, as the runner's default batch has events."""


def make_entry(number: int, rng: np.random.Generator) -> ItemsEmbedded:
    """A shot as the embed stage writes it."""

    def items(kind: ItemKind, count: int) -> KindItems:
        found = tuple(
            CandidateItem(
                item_id=derive("item", LIBRARY, number, kind, n),
                box=None if kind == "scene" else (0.1, 0.1 + 0.3 * n, 0.3, 0.3 + 0.3 * n),
                landmarks=None if kind == "scene" else ((0.15, 0.2),) * 5,
                quality=0.9,
                vector=encode_vector(rng.standard_normal(512)),
            )
            for n in range(count)
        )
        return KindItems(kind=kind, model_id="m", items=found)

    frame = EmbeddedFrame(
        frame_id=derive("frame", LIBRARY, number),
        time_us=number * 1_000_000,
        image_uri=f"s3://bucket/bench/frames/{number}.jpg",
        thumbnail_uri=f"s3://bucket/bench/thumbs/{number}.jpg",
        perceptual_hash="0" * 16,
        kinds=(items("scene", 1), items("face", 2)),
    )
    return ItemsEmbedded(
        library_id=LIBRARY,
        entry_id=derive("entry", LIBRARY, number),
        media_id="film",
        version=1,
        shot_id=derive("shot", LIBRARY, number),
        kinds_expected=("scene", "face"),
        frames=(frame,),
    )


def batches(entries: list[ItemsEmbedded]) -> Iterator[list[ItemsEmbedded]]:
    for first in range(0, len(entries), BATCH):
        yield entries[first : first + BATCH]


def append_all(log: LibraryLog, entries: list[ItemsEmbedded]) -> None:
    for batch in batches(entries):
        log.append(batch)


def read_all(log: LibraryLog, start: int, count: int) -> None:
    found = sum(record.entry is not None for record in log.read(log.partition_of(LIBRARY), start))
    if found != count:
        raise RuntimeError(f"expected {count} entries, found {found}")


def write_plain(path: Path, entries: list[ItemsEmbedded]) -> None:
    with path.open("ab", buffering=0) as file:
        for batch in batches(entries):
            file.write(b"".join(encode_entry(entry) + b"\n" for entry in batch))
            os.fsync(file.fileno())


def drain(items: Iterable[object]) -> None:
    """Runs through all, keeps none."""
    collections.deque(items, maxlen=0)


def show(name: str, count: int, rounds: int, run: Callable[[int], None]) -> None:
    rates = []
    for number in range(rounds):
        began = time.perf_counter()
        run(number)
        rates.append(count / (time.perf_counter() - began))
    print(f"{name:<32}{statistics.median(rates):>10,.0f} /s   ({min(rates):,.0f} to {max(rates):,.0f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cache", type=Path, default=Path(".cache"))
    asked = parser.parse_args()
    count, rounds = asked.entries, asked.rounds
    rng = np.random.default_rng(7)
    entries = [make_entry(number, rng) for number in range(count)]
    values = [encode_entry(entry) for entry in entries]
    print(describe("confluent-kafka", "pydantic"))
    print(f"{count} entries of {len(values[0]):,} bytes, {BATCH} an append, {rounds} rounds\n")
    # One at a time, as a reader does: holding all of them would measure the garbage collector.
    show("encode alone", count, rounds, lambda _: drain(map(encode_entry, entries)))
    show("decode alone", count, rounds, lambda _: drain(map(LOG_ENTRY.validate_json, values)))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        show("plain file, append with fsync", count, rounds, lambda _: write_plain(place / "plain", entries))
        with closing(JournalLibraryLog(place / "journal")) as journal, closing(MemoryLibraryLog()) as memory:
            measure("memory", memory, entries, rounds)
            measure("journal", journal, entries, rounds)
        with KafkaBroker(place / "kafka", cache=asked.cache) as broker:
            kafka = KafkaSettings(bootstrap=broker.bootstrap, partitions=3, replication=1, min_insync_replicas=1)
            create_topics(kafka)
            with closing(KafkaLibraryLog(kafka)) as log:
                measure("kafka", log, entries, rounds)
                reader, partition = KafkaReader(kafka), log.partition_of(LIBRARY)

                def read_bytes(number: int) -> None:
                    drain(reader.read("embeddings", partition, number * count, (number + 1) * count))

                show("kafka, read without decoding", count, rounds, read_bytes)


def measure(name: str, log: LibraryLog, entries: list[ItemsEmbedded], rounds: int) -> None:
    """Appends the entries once a round; then reads the log from each round's end backwards to one round's worth."""
    count = len(entries)
    log.partition_of(LIBRARY)
    show(f"{name}, append", count, rounds, lambda _: append_all(log, entries))
    show(f"{name}, read", count, rounds, lambda _: read_all(log, (rounds - 1) * count, count))


if __name__ == "__main__":
    main()
