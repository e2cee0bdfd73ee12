"""Throughput of the embed stage per backend, beside what its two halves take alone, in the same rounds.

    python benchmarks/bench_embed.py [--backend FAMILY:WEIGHTS ...] [--pictures 32] [--rounds 7] [--threads 2]
                                     [--device auto] [--only NAME] [--memory 10000] [--json]

Without arguments: the weightless descriptor, a DINOv2 ViT-S/14 at 224 with random weights and, where RUSHES_TEST_DATA
names the evaluation data, its MobileNet. Pictures are 1080p JPEG of quality 90 with grain, a photo an event, nothing in
the cache. The rounds interleave all rows. Each row uses all threads:

- decode 1:1: OpenCV's JPEG decoder at full size; decode: no larger than the model needs, as the stage does it.
- read: what the stage's reading threads do, from bytes of the store to the model's own numbers.
- forward: the model on numbers that are ready. stage: all of it, to the entries of the library's log.

Shares are medians of each round's own. On a CPU both halves burn the same cores, so that the limit is the sum of their
work, 1 / (t_decode + t_forward), however they overlap; `of max` is the share of 1 / max(t_read, t_forward), which is
the limit where the model runs elsewhere. `of CPU`: the part of the stage's processor time that is decode and forward;
it holds on a busy machine too. Latency: one photo at an idle stage. Again: the same pictures once more, all in the
cache: Redis where redis-server is installed (started here), else in this process (`cache redis` 0).
With CUDA a ViT-B/14 at batch 256 is fed with 720p, beside its bare forward pass in bfloat16. --memory: resident memory
over so many pictures of mixed sizes through a tiny ViT, nothing else.
"""

import argparse
import json
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import psutil
import structlog
import torch
from environment import describe
from keyframe_shots import incoming, jpegs, random_vit, shots

from rushes.infra.blobs.local import LocalBlobStore
from rushes.infra.cache.counts import CacheCounts
from rushes.infra.cache.memory import MemoryCache
from rushes.infra.cache.redis import RedisCache, open_redis
from rushes.infra.local_stack.errors import EngineMissing
from rushes.infra.local_stack.redis_server import RedisServer
from rushes.infra.settings import RedisSettings
from rushes.processors.embedding.families import open_model
from rushes.processors.embedding.options import BackendOptions
from rushes.processors.embedding.protocol import Embedder, Preparing
from rushes.schemas.shots import Keyframe, ShotSplit
from rushes.streams.stage import Incoming
from rushes.streams.stages.embed import EmbedStage
from rushes.streams.stages.embed_reading import KeyframeReader, decoded
from rushes.streams.stages.vision import Vision

MIXED = ((1080, 1920), (720, 1280), (1920, 1080), (360, 640), (2160, 3840), (480, 854), (601, 803), (100, 100))

Figures = dict[str, float]


class NoCache:
    """An embedding cache that forgets."""

    state = "off"
    counts = CacheCounts()

    def get(self, keys: Sequence[str]) -> list[bytes | None]:
        return [None] * len(keys)

    def put(self, items: Mapping[str, bytes]) -> None:
        pass

    def delete(self, keys: Sequence[str]) -> bool:
        return not keys or self.state == "off"

    def close(self) -> None:
        pass


def measured(rows: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Wall and processor seconds of each row in each round; one round before goes uncounted."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in rows}
    for number in range(rounds + 1):
        for name, run in rows.items():
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            if number:
                found[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return found


def bench_backend(
    model: Embedder, folder: Path, arguments: argparse.Namespace, size: tuple[int, int] = (1080, 1920)
) -> Figures:
    """Rates (pictures/s), shares, latency (ms) and the cache's gain of one backend."""
    count, threads = arguments.pictures, arguments.threads
    model.load()
    blobs = LocalBlobStore(folder, fsync=False)
    pictures = list(jpegs(count, [size]))
    batch = [incoming(shot) for shot in shots(blobs, pictures)]
    datas = [data for data, _, _ in pictures]
    if not isinstance(model, Preparing):
        raise SystemExit(f"expected an embedder that prepares ahead, found {model.model_id}")
    factor = model.reduction(*size)
    pool = ThreadPoolExecutor(threads)
    ready = [model.prepare(decoded(data, factor)) for data in datas]
    stage = EmbedStage(blobs=blobs, cache=NoCache(), scene=model, detector=None, face=None, decode_threads=threads)
    reader = KeyframeReader(blobs, Vision(model, None, None), threads=threads)
    tasks = [_Task(one.event.frames[0]) for one in batch]
    found = measured(
        {
            "decode 1:1": lambda: list(pool.map(decoded, datas)),
            "decode": lambda: list(pool.map(lambda data: decoded(data, factor), datas)),
            "read": lambda: list(reader.ahead(tasks)),
            "forward": lambda: model.forward(ready),
            "stage": lambda: list(stage.process(batch)),
        },
        arguments.rounds,
    )
    whole, own, read, forward, done = (
        [wall for wall, _ in found[name]] for name in ("decode 1:1", "decode", "read", "forward", "stage")
    )
    rounds = range(arguments.rounds)
    cpu = {name: [seconds for _, seconds in rows] for name, rows in found.items()}
    figures: Figures = {f"{name} /s": count / statistics.median(w for w, _ in rows) for name, rows in found.items()}
    figures |= {f"{name} CPU ms": 1000 * statistics.median(cpu[name]) / count for name in found}
    figures["of 1:1 sum"] = statistics.median((whole[i] + forward[i]) / done[i] for i in rounds)
    figures["of sum"] = statistics.median((own[i] + forward[i]) / done[i] for i in rounds)
    figures["of read sum"] = statistics.median((read[i] + forward[i]) / done[i] for i in rounds)
    figures["of max"] = statistics.median(max(read[i], forward[i]) / done[i] for i in rounds)
    figures["of CPU"] = statistics.median((cpu["decode"][i] + cpu["forward"][i]) / cpu["stage"][i] for i in rounds)
    figures["of CPU read"] = statistics.median((cpu["read"][i] + cpu["forward"][i]) / cpu["stage"][i] for i in rounds)
    figures["reduction"] = factor
    alone = measured({"one": lambda: list(stage.process(batch[:1]))}, arguments.rounds)
    figures["latency ms"] = 1000 * statistics.median(wall for wall, _ in alone["one"])
    figures |= _again(model, blobs, batch, threads)
    reader.close()
    stage.close()
    pool.shutdown()
    return figures


@dataclass(frozen=True)
class _Task:
    """A keyframe to read, and nothing else."""

    keyframe: Keyframe
    clip: None = None


def _again(model: Embedder, blobs: LocalBlobStore, batch: Sequence[Incoming[ShotSplit]], threads: int) -> Figures:
    """The second time over the same pictures, from the cache."""
    with tempfile.TemporaryDirectory() as place:
        server = RedisServer(Path(place))
        try:
            server.start()
        except EngineMissing:
            return _twice(model, blobs, batch, threads, MemoryCache()) | {"cache redis": 0}
        try:
            return _twice(model, blobs, batch, threads, open_redis(RedisSettings(url=server.url))) | {"cache redis": 1}
        finally:
            server.kill()


def _twice(
    model: Embedder,
    blobs: LocalBlobStore,
    batch: Sequence[Incoming[ShotSplit]],
    threads: int,
    cache: MemoryCache | RedisCache,
) -> Figures:
    stage = EmbedStage(blobs=blobs, cache=cache, scene=model, detector=None, face=None, decode_threads=threads)
    walls = []
    for _ in range(2):
        begun = time.perf_counter()
        list(stage.process(batch))
        walls.append(time.perf_counter() - begun)
    counts = cache.counts
    return {
        "again /s": len(batch) / walls[1],
        "gain of again": walls[0] / walls[1],
        "hit rate again": counts.hits / len(batch),
        "cache bytes a picture": counts.bytes_written / len(batch),
    }


def bench_cuda(folder: Path, arguments: argparse.Namespace) -> Figures:
    """ViT-B/14 at batch 256 on 720p, and the bare forward pass on a batch that lies on the device."""
    model = random_vit(folder / "weights", "vit-b", BackendOptions(device="cuda", batch=256))
    arguments = argparse.Namespace(**{**vars(arguments), "pictures": 1024, "threads": os.cpu_count() or 1})
    figures = bench_backend(model, folder / "blobs", arguments, (720, 1280))
    net = model.ready().tower.model
    pixels = torch.randn(256, 3, 224, 224, device="cuda", dtype=torch.bfloat16)
    rates = []
    with torch.inference_mode():
        for _ in range(arguments.rounds + 2):
            torch.cuda.synchronize()
            begun = time.perf_counter()
            for _ in range(4):
                net(pixels)
            torch.cuda.synchronize()
            rates.append(4 * 256 / (time.perf_counter() - begun))
    figures["bare bf16 forward /s"] = statistics.median(rates[2:])
    figures["of bare forward"] = figures["stage /s"] / figures["bare bf16 forward /s"]
    return figures


def bench_memory(folder: Path, arguments: argparse.Namespace) -> Figures:
    """Resident MB of the process along so many pictures of mixed sizes."""
    model = random_vit(folder / "weights", "tiny", BackendOptions(device=arguments.device, threads=arguments.threads))
    blobs = LocalBlobStore(folder / "blobs", fsync=False)
    batch = [incoming(shot) for shot in shots(blobs, list(jpegs(64, MIXED)))]
    stage = EmbedStage(
        blobs=blobs, cache=NoCache(), scene=model, detector=None, face=None, decode_threads=arguments.threads
    )
    process, sizes = psutil.Process(), []
    for number in range(-8, -(-arguments.memory // len(batch))):
        list(stage.process(batch))
        if number >= 0:
            sizes.append(process.memory_info().rss / 1e6)
    stage.close()
    tenth = max(1, len(sizes) // 10)
    return {
        "pictures": float(len(sizes) * len(batch)),
        "MB first tenth": statistics.mean(sizes[:tenth]),
        "MB last tenth": statistics.mean(sizes[-tenth:]),
        "MB most": max(sizes),
    }


def backends(arguments: argparse.Namespace, folder: Path) -> dict[str, Callable[[], Embedder]]:
    """What opens each, by the name of its row."""
    options = BackendOptions(device=arguments.device, threads=arguments.threads)
    chosen: dict[str, Callable[[], Embedder]] = {
        name: lambda name=name: open_model(name, options=options) for name in arguments.backend
    }
    if not chosen:
        chosen["opencv"] = lambda: open_model("opencv", options=options)
        data = os.environ.get("RUSHES_TEST_DATA")
        if data:
            file = Path(data) / "weights/scene_mobilenet_v1.onnx"
            chosen["mobilenet (onnx)"] = lambda: open_model(f"onnx:{file}", options=options)
        chosen["vit-s/14 (random)"] = lambda: random_vit(folder / "vits", "vit-s", options)
    found = {name: opener for name, opener in chosen.items() if (arguments.only or "").lower() in name}
    if not found:
        raise SystemExit(f"--only {arguments.only}: expected a part of {', '.join(chosen)}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", action="append", default=[])
    parser.add_argument("--pictures", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--only", help="rows whose name contains this")
    parser.add_argument("--memory", type=int)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(1)
    np.random.seed(0)  # noqa: NPY002 - of libraries that draw weights
    torch.manual_seed(0)
    results: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if arguments.memory:
            results["memory"] = bench_memory(folder, arguments)
        else:
            for index, (name, opener) in enumerate(backends(arguments, folder).items()):
                results[name] = bench_backend(opener(), folder / str(index), arguments)
            if torch.cuda.is_available() and arguments.device in ("auto", "cuda"):
                results["vit-b/14 (cuda)"] = bench_cuda(folder / "cuda", arguments)
    head = describe("opencv-python-headless", "onnxruntime", "torch", "transformers", "numpy")
    if arguments.json:
        print(json.dumps({"machine": head, "results": results}, indent=1))
        return
    print(f"{head}\n{arguments.pictures} pictures, {arguments.threads} threads, medians of {arguments.rounds} rounds")
    if not torch.cuda.is_available():
        print("no CUDA device here: its rows are left out")
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    for name, figures in results.items():
        print(name)
        for figure, value in figures.items():
            print(f"  {figure:24}{value:12,.3f}" if value < 10 else f"  {figure:24}{value:12,.1f}")


if __name__ == "__main__":
    main()
