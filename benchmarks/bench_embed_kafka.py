"""The embed stage through a real Kafka: photos an event each and shots of 16 frames, beside the engine's own ceiling.

    python benchmarks/bench_embed_kafka.py [--scene FAMILY:WEIGHTS | vit-s] [--photos 96] [--shots 8] [--rounds 3]
                                           [--threads 2] [--json]

It starts a broker of its own on this machine (Java and Maven, or Docker). The ceiling is the same stage and runner with
an embedder that does nothing on pictures of 32 pixels: what is left is Kafka, Faust, JSON and the library's log. Each
row is read anew from the same topic by a new consumer group, and beside it the stage works on the same events without
Kafka. `of direct`: the share of that rate, median of the rounds' own; the rounds interleave all rows. `limits at`: the
pictures per second of a model from which the engine would be the limit. Latency: from publishing one photo to its
delivered entry, worker idle.
"""

import argparse
import asyncio
import json
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import structlog
import torch
from bench_embed import Figures, NoCache
from environment import describe
from keyframe_shots import incoming, jpegs, random_vit, shots

from rushes.infra.blobs.local import LocalBlobStore
from rushes.infra.kafka.admin import create_topics
from rushes.infra.kafka.engine import FaustEngine
from rushes.infra.kafka.port import Message
from rushes.infra.kafka.publish import Publication, publish
from rushes.infra.library_log.kafka import KafkaLibraryLog
from rushes.infra.local_stack.errors import EngineMissing
from rushes.infra.local_stack.kafka_container import local_kafka
from rushes.infra.settings import KafkaSettings, Settings
from rushes.processors.embedding.families import open_model
from rushes.processors.embedding.options import BackendOptions
from rushes.processors.embedding.protocol import Embedder, Facts, Image, Prepared, Reduction, Vectors
from rushes.schemas.channels import Channel
from rushes.schemas.envelope import Record, encode
from rushes.schemas.ids import ModelId
from rushes.schemas.shots import ShotSplit
from rushes.streams.composition import embed_role
from rushes.streams.runner.worker import Worker, system_surroundings
from rushes.streams.stages.embed import EmbedStage


class NoModel:
    """An embedder that costs nothing: the same vector for all."""

    model_id = ModelId("none/none/1")
    dim, weak, batch = 384, False, 16
    facts = Facts(device="cpu", batch=16)

    def load(self) -> None:
        """Nothing to load."""

    def unload(self) -> None:
        """Nothing to give back."""

    def embed(self, images: Sequence[Image]) -> Vectors:
        return np.full((len(images), self.dim), self.dim**-0.5, np.float32)

    def prepare(self, image: Image) -> Prepared:
        return image[0, 0]

    def forward(self, prepared: Sequence[Prepared]) -> Vectors:
        return np.full((len(prepared), self.dim), self.dim**-0.5, np.float32)

    def reduction(self, height: int, width: int) -> Reduction:
        return 1 if min(height, width) < 8 else 8


class KeptStage(EmbedStage):
    """Outlives the worker, so that the next round finds the model loaded; notes when its first batch began."""

    begun = 0.0

    def process(self, batch):  # noqa: ANN001, ANN201 - as the stage's
        self.begun = self.begun or time.perf_counter()
        return super().process(batch)

    def close(self) -> None:
        """Closed with the process."""


class Watch:
    """Notes when records were settled."""

    def __init__(self) -> None:
        self.settled_at: list[float] = []

    def settled(self, stage: str, record: Record, result: object) -> None:  # noqa: ARG002 - the observer's
        self.settled_at.append(time.perf_counter())

    def delivered(self, outputs: object) -> None:
        """Counted when settled."""


class Row:
    """A stage, its events, and the topic that holds them."""

    def __init__(self, name: str, stage: KeptStage, events: Sequence[ShotSplit], kafka: KafkaSettings) -> None:
        self.name, self.stage, self.events = name, stage, events
        self.kafka = kafka.model_copy(update={"topic_prefix": f"{name.replace(' ', '-').replace(',', '')}."})
        self.pictures = sum(len(event.frames) for event in events)
        create_topics(self.kafka)
        publish(self.kafka, [self._publication(event) for event in events])

    def _publication(self, event: ShotSplit) -> Publication:
        return Publication(self.kafka.topic_prefix + Channel.FRAMES.value, event.key, encode(event))

    def direct(self) -> float:
        """Pictures per second without Kafka."""
        batch = [incoming(event) for event in self.events]
        begun = time.perf_counter()
        list(self.stage.process(batch))
        return self.pictures / (time.perf_counter() - begun)

    async def through(self, group: str, latencies: int = 0) -> tuple[float, float]:
        """Pictures per second from the first batch to the last settled event; median latency in ms of single photos
        after that."""
        settings = Settings(kafka=self.kafka.model_copy(update={"group_prefix": group}))
        watch, engine = Watch(), FaustEngine(settings.kafka, 5.0)
        worker = Worker(
            settings, [embed_role(settings, self.stage)], engine=engine,
            library_log=KafkaLibraryLog(settings.kafka, source="bench"), surroundings=system_surroundings(watch),
        )  # fmt: skip
        self.stage.begun = 0.0
        await worker.start()
        try:
            rate = self.pictures / (await _count(watch, len(self.events)) - self.stage.begun)
            found = [await self._one(engine, watch, self.events[0]) for _ in range(latencies)]
        finally:
            await worker.stop()
        return rate, statistics.median(found) if found else 0.0

    async def _one(self, engine: FaustEngine, watch: Watch, event: ShotSplit) -> float:
        await asyncio.sleep(0.3)
        before, begun = len(watch.settled_at), time.perf_counter()
        topic = self.kafka.topic_prefix + Channel.FRAMES.value
        await engine.send([Message(topic, event.key.encode(), encode(event))])
        return 1000 * (await _count(watch, before + 1) - begun)


async def _count(watch: Watch, wanted: int) -> float:
    """When so many were settled."""
    async with asyncio.timeout(600):
        while len(watch.settled_at) < wanted:  # noqa: ASYNC110 - the observer is called, not awaited
            await asyncio.sleep(0.002)
    return watch.settled_at[wanted - 1]


def rows(arguments: argparse.Namespace, folder: Path, kafka: KafkaSettings) -> list[Row]:
    options = BackendOptions(device=arguments.device, threads=arguments.threads)
    model = (
        random_vit(folder / "vit", "vit-s", options)
        if arguments.scene == "vit-s"
        else open_model(arguments.scene, options=options)
    )
    blobs = LocalBlobStore(folder / "blobs", fsync=False)

    def stage(scene: Embedder) -> KeptStage:
        made = KeptStage(
            blobs=blobs, cache=NoCache(), scene=scene, detector=None, face=None, decode_threads=arguments.threads
        )
        made.load()
        return made

    tiny, large = ((32, 32),), ((1080, 1920),)
    photos, in_shots = arguments.photos, arguments.shots * 16
    real, nothing = stage(model), stage(NoModel())
    return [
        Row("engine, photos", nothing, shots(blobs, list(jpegs(10 * photos, tiny)), name="t"), kafka),
        Row("engine, shots", nothing, shots(blobs, list(jpegs(10 * in_shots, tiny)), 16, "u"), kafka),
        Row("model, photos", real, shots(blobs, list(jpegs(photos, large)), name="p"), kafka),
        Row("model, shots", real, shots(blobs, list(jpegs(in_shots, large)), 16, "s"), kafka),
    ]


def measured(all_rows: Sequence[Row], rounds: int) -> dict[str, Figures]:
    """Medians by row."""
    direct: dict[str, list[float]] = {row.name: [] for row in all_rows}
    through: dict[str, list[float]] = {row.name: [] for row in all_rows}
    latency: dict[str, float] = {}
    for number in range(rounds):
        for row in all_rows:
            direct[row.name].append(row.direct())
            last = number == rounds - 1 and row.name.endswith("photos")
            rate, latency[row.name] = asyncio.run(row.through(f"g{number}", 9 if last else 0))
            through[row.name].append(rate)
    results: dict[str, Figures] = {}
    for row in all_rows:
        shares = [a / b for a, b in zip(through[row.name], direct[row.name], strict=True)]
        results[row.name] = {
            "direct /s": statistics.median(direct[row.name]),
            "through Kafka /s": statistics.median(through[row.name]),
            "of direct": statistics.median(shares),
        }
        if latency[row.name]:
            results[row.name]["latency ms"] = latency[row.name]
    for kind in ("photos", "shots"):
        ceiling = statistics.median(through[f"engine, {kind}"])
        results[f"model, {kind}"]["engine limits at /s"] = ceiling
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scene", default="vit-s")
    parser.add_argument("--photos", type=int, default=96)
    parser.add_argument("--shots", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    logging.disable(logging.WARNING)
    torch.set_num_threads(arguments.threads)
    cache = Path(os.environ.get("RUSHES_CACHE", ".cache"))
    try:
        engine = local_kafka(Path(tempfile.mkdtemp(prefix="rushes-bench-")), cache=cache)
    except EngineMissing as missing:
        print(f"not measured: {missing}")
        return
    with tempfile.TemporaryDirectory() as place, engine as broker:
        kafka = KafkaSettings(bootstrap=broker.bootstrap, partitions=4, replication=1, min_insync_replicas=1)
        results = measured(rows(arguments, Path(place), kafka), arguments.rounds)
    head = describe("faust-streaming", "aiokafka", "onnxruntime", "torch", "numpy")
    if arguments.json:
        print(json.dumps({"machine": head, "results": results}, indent=1))
        return
    print(f"{head}\n{arguments.scene}, {arguments.threads} threads, medians of {arguments.rounds} rounds")
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    for name, figures in results.items():
        print(f"{name:18}" + "".join(f"{figure}{value:10,.2f}   " for figure, value in figures.items()))


if __name__ == "__main__":
    main()
