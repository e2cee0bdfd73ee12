"""Pictures per second of the embed stage and its models, each beside what its model alone takes.

    python benchmarks/bench_embed.py [--scene FILE.onnx] [--face FILE.onnx] [--threads 2] [--rounds 5] [--frames 16]

Pictures are 1080p keyframes made of photographs that scikit-image ships. The rounds interleave all rows, so that
a busy machine slows them alike; a row's share is the median over the rounds of its own ratio to its bare model.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import skimage.data
import torch
from environment import describe
from facenet_pytorch import MTCNN

from rushes.processors.embedding.face_descriptor import FaceDescriptor
from rushes.processors.embedding.onnx_embedder import OnnxEmbedder
from rushes.processors.embedding.protocol import Embedder, Image
from rushes.processors.embedding.scene_descriptor import SceneDescriptor
from rushes.processors.faces.mtcnn import MtcnnDetector
from rushes.streams.stages.vision import Picture, Vision


@dataclass(frozen=True)
class Row:
    """One measured thing; `bare` names the row that it is compared with."""

    name: str
    run: Callable[[], object]
    pictures: int
    bare: str | None = None


def keyframes(count: int) -> list[Image]:
    """1920 x 1080 pictures, every second one with a person."""
    photographs = [
        skimage.data.astronaut(),
        skimage.data.coffee(),
        skimage.data.astronaut()[:, ::-1],
        skimage.data.rocket(),
    ]
    rng = np.random.default_rng(0)
    pictures = []
    for index in range(count):
        photograph = np.ascontiguousarray(photographs[index % len(photographs)])
        picture = cv2.resize(photograph, (1920, 1080), interpolation=cv2.INTER_CUBIC)
        picture = picture.astype(np.int16) + rng.integers(-4, 5, picture.shape, dtype=np.int16)
        pictures.append(np.clip(picture, 0, 255).astype(np.uint8))
    return pictures


def onnx_rows(label: str, file: Path, pictures: Sequence[Image], threads: int) -> list[Row]:
    """The embedder, and onnxruntime alone on numbers that are ready."""
    embedder = OnnxEmbedder(file, threads=threads)
    size = embedder.crop_size
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: np.random.default_rng(0).random((len(pictures), 3, *size), np.float32)}
    bare = f"{label}: onnxruntime alone"
    return [
        Row(bare, lambda: session.run(None, feed), len(pictures)),
        Row(f"{label}: onnx embedder", lambda: embedder.embed(pictures), len(pictures), bare),
    ]


def mtcnn_rows(pictures: Sequence[Image], threads: int) -> list[Row]:
    """The detector adapter, and facenet-pytorch alone on a stacked batch of the size that it works at."""
    detector = MtcnnDetector(threads=threads)
    detector.load()
    nets = MTCNN(keep_all=True, select_largest=False, min_face_size=20)
    small = np.stack([cv2.resize(picture, (1024, 576), interpolation=cv2.INTER_AREA) for picture in pictures])

    def alone() -> None:
        for start in range(0, len(small), detector.batch):
            nets.detect(small[start : start + detector.batch], landmarks=True)

    bare = "faces: facenet-pytorch alone"
    return [
        Row(bare, alone, len(pictures)),
        Row("faces: MTCNN detector", lambda: detector.detect(pictures), len(pictures), bare),
    ]


class NoCacheVision:
    """All models over the pictures, as the stage calls them."""

    def __init__(self, scene: Embedder, face: FaceDescriptor | OnnxEmbedder, threads: int) -> None:
        self.vision = Vision(scene, MtcnnDetector(threads=threads), face)
        self.vision.load()

    def __call__(self, pictures: Sequence[Image]) -> None:
        self.vision.see([Picture(picture) for picture in pictures])


def all_rows(arguments: argparse.Namespace) -> Iterator[Row]:
    pictures = keyframes(arguments.frames)
    jpegs = [cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1] for picture in pictures]
    crops = [np.ascontiguousarray(cv2.resize(picture, (128, 128))) for picture in pictures]
    yield Row("JPEG decode", lambda: [cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) for data in jpegs], len(jpegs))
    shrink = "scene: shrink to 128 pixels alone"
    yield Row(
        shrink, lambda: [cv2.resize(p, (128, 128), interpolation=cv2.INTER_AREA) for p in pictures], len(pictures)
    )
    scenes, faces = SceneDescriptor(), FaceDescriptor()
    yield Row("scene: opencv descriptor", lambda: scenes.embed(pictures), len(pictures), shrink)
    yield Row("face crops: opencv descriptor", lambda: faces.embed(crops), len(crops))
    yield from mtcnn_rows(pictures, arguments.threads)
    if arguments.scene:
        yield from onnx_rows("scene", arguments.scene, pictures, arguments.threads)
    if arguments.face:
        yield from onnx_rows("face crops", arguments.face, crops, arguments.threads)
    scene = OnnxEmbedder(arguments.scene, threads=arguments.threads) if arguments.scene else scenes
    face = OnnxEmbedder(arguments.face, threads=arguments.threads) if arguments.face else faces
    vision = NoCacheVision(scene, face, arguments.threads)
    yield Row("all: scene, faces, crops", lambda: vision(pictures), len(pictures), "faces: facenet-pytorch alone")


def measure(rows: Sequence[Row], rounds: int) -> Mapping[str, list[float]]:
    """Pictures per second of each row in each round; one round before goes uncounted."""
    rates: dict[str, list[float]] = {row.name: [] for row in rows}
    for number in range(rounds + 1):
        for row in rows:
            start = time.perf_counter()
            row.run()
            if number:
                rates[row.name].append(row.pictures / (time.perf_counter() - start))
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scene", type=Path)
    parser.add_argument("--face", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=16)
    arguments = parser.parse_args()
    cv2.setNumThreads(arguments.threads)
    torch.set_num_threads(arguments.threads)
    print(describe("opencv-python-headless", "onnxruntime", "torch", "facenet-pytorch", "numpy"))
    print(f"{arguments.frames} pictures of 1920 x 1080, {arguments.threads} threads, median of {arguments.rounds}\n")
    rows = list(all_rows(arguments))
    rates = measure(rows, arguments.rounds)
    print(f"{'':36} {'pictures/s':>12} {'min - max':>18} {'of bare':>9}")
    for row in rows:
        own = rates[row.name]
        spread = f"{min(own):,.1f} - {max(own):,.1f}"
        share = statistics.median(a / b for a, b in zip(own, rates[row.bare], strict=True)) if row.bare else None
        print(f"{row.name:36} {statistics.median(own):12,.1f} {spread:>18} {'' if share is None else f'{share:9.2f}'}")


if __name__ == "__main__":
    main()
