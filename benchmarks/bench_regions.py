"""Boxes of a picture from one pass over its feature map, against a pass for each crop: speed and agreement.

    python benchmarks/bench_regions.py [--rounds 5] [--threads 2] [--data FOLDER]

Speed: DINOv2 ViT-S/14 at 224 with random weights (22 million parameters; weights do not change the work), 1, 4 and 16
boxes in each of 4 pictures of 1080p; rounds interleave both ways, the ratio is the median over the rounds.

Agreement needs trained weights and footage: `weights/scene_mobilenet_v1.onnx` of the evaluation data and the frames of
its montage (RUSHES_TEST_DATA, or --data). Boxes are the cells of a grid of 2, 3 or 5 a side. Told are the cosine of a
box's two vectors, and how well each way tells the same cell of the same shot, frames apart, from cells of other scenes,
and from the other cells of that shot: the share of pairs in the right order (area under the ROC curve).
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np
import onnx
import onnxruntime
import torch
from environment import describe
from numpy.typing import NDArray
from transformers import Dinov2Config, Dinov2Model

from rushes.processors.embedding.families import open_model
from rushes.processors.embedding.options import BackendOptions
from rushes.processors.embedding.pixels import resized_to
from rushes.processors.embedding.pooled_regions import pooled_boxes
from rushes.processors.embedding.protocol import Image, unit_rows
from rushes.schemas.ids import Box

PICTURES = 4
SIDE = 224
GRIDS = (2, 3, 5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="0: no speed")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--data", type=Path, default=os.environ.get("RUSHES_TEST_DATA"))
    arguments = parser.parse_args()
    print(describe("torch", "torchvision", "transformers", "onnxruntime"))
    if arguments.rounds:
        speed(arguments.rounds, arguments.threads)
    if arguments.data is None:
        print("agreement: not measured, no evaluation data (--data)")
        return
    agreement(Path(arguments.data), arguments.threads)


def speed(rounds: int, threads: int) -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (1080, 1920, 3)).astype(np.uint8) for _ in range(PICTURES)]
    with tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(0)
        Dinov2Model(Dinov2Config(hidden_size=384, num_attention_heads=6, image_size=518)).save_pretrained(folder)
        embedder = open_model(f"dinov2:{folder}", options=BackendOptions(device="cpu", threads=threads))
        embedder.load()
    print(f"{'boxes':>6}{'crops, ms/picture':>20}{'pooled, ms/picture':>20}{'times as fast':>16}")
    for count in (1, 4, 16):
        boxes = [random_boxes(rng, count) for _ in pictures]

        def crops(boxes: Sequence[Sequence[Box]] = boxes) -> object:
            return embedder.embed([cut(p, box) for p, own in zip(pictures, boxes, strict=True) for box in own])

        def pooled(boxes: Sequence[Sequence[Box]] = boxes) -> object:
            return embedder.embed_regions(pictures, boxes)

        times = [(seconds(crops), seconds(pooled)) for _ in range(rounds)]
        first, second = (statistics.median(column) * 1000 / PICTURES for column in zip(*times, strict=True))
        ratios = sorted(a / b for a, b in times)
        print(
            f"{count:>6}{first:>20.0f}{second:>20.0f}{statistics.median(ratios):>16.2f}"
            f"  ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        )


def agreement(data: Path, threads: int) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    model = onnx.load(data / "weights/scene_mobilenet_v1.onnx")
    pool = next(node for node in model.graph.node if node.op_type in {"AveragePool", "GlobalAveragePool"})
    model.graph.output.append(onnx.helper.make_tensor_value_info(pool.input[0], onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    frames, shots, scenes = montage(data)
    print(f"{len(frames)} frames of the montage, MobileNet v1 at {SIDE}")
    print("                                  crops: ROC area           pooled: ROC area")
    print(" cells   cosine of the two      v scenes      v cells         v scenes      v cells")
    maps = run(session, frames, 1)
    for grid in GRIDS:
        boxes = [
            (x / grid, y / grid, (x + 1) / grid, (y + 1) / grid) for y in range(grid) for x in range(grid)
        ]  # fmt: skip
        pooled = np.stack(pooled_boxes(torch.from_numpy(maps), [boxes] * len(frames)))
        cropped = run(session, [cut(frame, box) for frame in frames for box in boxes], 0)
        ours = unit_rows(pooled.reshape(len(frames) * len(boxes), -1))
        theirs = unit_rows(cropped.reshape(len(frames) * len(boxes), -1))
        cosines = (ours * theirs).sum(axis=1)
        labels = [(shot, scene, cell) for shot, scene in zip(shots, scenes, strict=True) for cell in range(len(boxes))]
        line = f"{grid:>4} ²{np.median(cosines):>12.3f} (5 %: {np.percentile(cosines, 5):.3f})"
        for rows in (theirs, ours):
            scenes_apart, cells_apart = roc_areas(rows, labels)
            line += f"{scenes_apart:>18.3f}{cells_apart:>14.3f}"
        print(line)


def roc_areas(rows: NDArray[np.float32], labels: Sequence[tuple[int, str, int]]) -> tuple[float, float]:
    """Of "same cell of the same shot": against any cell of another scene; against the other cells of that shot."""
    shot, scene, cell = (np.array(column) for column in zip(*labels, strict=True))
    first, second = np.triu_indices(len(rows), 1)
    scores = (rows @ rows.T)[first, second]
    same = scores[(shot[first] == shot[second]) & (cell[first] == cell[second])]
    others = (scene[first] != scene[second], (shot[first] == shot[second]) & (cell[first] != cell[second]))
    areas = [float(np.searchsorted(np.sort(scores[other]), same).mean() / other.sum()) for other in others]
    return areas[0], areas[1]


def montage(data: Path) -> tuple[list[Image], list[int], list[str]]:
    """Frames at a fifth, the middle and four fifths of each shot, its number and its scene."""
    truth = json.loads((data / "videos/montage_people.json").read_text())
    wanted = {
        shot["start"] + (shot["end"] - shot["start"]) * fifth // 10: (shot["shot"], shot["scene"])
        for shot in truth["shots"]
        for fifth in (2, 5, 8)
    }
    with av.open(str(data / "videos/montage_people.mp4")) as film:
        found = [
            (frame.to_ndarray(format="rgb24"), *wanted[index])
            for index, frame in enumerate(film.decode(video=0))
            if index in wanted
        ]
    frames, shots, scenes = zip(*found, strict=True)
    return list(frames), list(shots), list(scenes)


def run(session: onnxruntime.InferenceSession, pictures: Sequence[Image], output: int) -> NDArray[np.float32]:
    rows = []
    for start in range(0, len(pictures), 16):
        stack = np.stack([resized_to(picture, (SIDE, SIDE), "bilinear") for picture in pictures[start : start + 16]])
        pixels = np.ascontiguousarray(stack.transpose(0, 3, 1, 2), np.float32) / 255
        rows.append(session.run(None, {session.get_inputs()[0].name: pixels})[output])
    return np.concatenate(rows)


def random_boxes(rng: np.random.Generator, count: int) -> list[Box]:
    """With sides of a tenth to a half of the picture."""
    boxes: list[Box] = []
    for _ in range(count):
        width, height = rng.uniform(0.1, 0.5, 2)
        x, y = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
        boxes.append((float(x), float(y), float(x + width), float(y + height)))
    return boxes


def cut(picture: Image, box: Box) -> Image:
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = box
    return picture[int(y0 * height) : int(np.ceil(y1 * height)), int(x0 * width) : int(np.ceil(x1 * width))]


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
