"""Pictures per second of each family of embedders at the size of its usual weights, and what `torch.compile` gains.

    python benchmarks/bench_families.py [--rounds 3] [--threads 2] [--batch 4] [--all] [--compile] [--device auto]
        [--precision float32]

Weights are random: they change no time. From 1080p pictures to vectors, without decoding. The rounds interleave all
rows, so that a busy machine slows them alike; a row's share is the median of its own ratio to DINOv2 ViT-S/14, by the
clock and by processor time. The default rows are of small models; `--all` adds those of up to 400 million parameters.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from environment import describe
from facenet_pytorch import InceptionResnetV1
from transformers import (
    CLIPConfig,
    CLIPModel,
    Dinov2Config,
    Dinov2Model,
    DINOv3ViTConfig,
    DINOv3ViTModel,
    InternVLVisionConfig,
    InternVLVisionModel,
    SiglipConfig,
    SiglipModel,
    VJEPA2Config,
    VJEPA2Model,
)
from transformers.utils import logging

from rushes.processors.embedding.families import open_embedder
from rushes.processors.embedding.options import BackendOptions
from rushes.processors.embedding.protocol import Embedder

FIRST = "dinov2 ViT-S/14 at 224"


SMALL, BASE, LARGE = (384, 6, 12), (768, 12, 12), (1024, 16, 24)
"""Vision transformers: width, heads, layers."""


def dinov2(folder: Path, shape: tuple[int, int, int] = SMALL) -> Path:
    width, heads, layers = shape
    config = Dinov2Config(hidden_size=width, num_attention_heads=heads, num_hidden_layers=layers, image_size=518)
    Dinov2Model(config).save_pretrained(folder)
    return folder


def dinov3(folder: Path, shape: tuple[int, int, int] = SMALL) -> Path:
    width, heads, layers = shape
    config = DINOv3ViTConfig(
        hidden_size=width,
        intermediate_size=4 * width,
        num_attention_heads=heads,
        num_hidden_layers=layers,
        num_register_tokens=4,
    )
    DINOv3ViTModel(config).save_pretrained(folder)
    return folder


def clip(folder: Path) -> Path:
    CLIPModel(CLIPConfig()).save_pretrained(folder)
    return folder


def clip_large(folder: Path) -> Path:
    width, heads, layers = LARGE
    vision = {
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_attention_heads": heads,
        "num_hidden_layers": layers,
        "patch_size": 14,
    }
    CLIPModel(CLIPConfig(vision_config=vision, projection_dim=768)).save_pretrained(folder)
    return folder


def siglip(folder: Path) -> Path:
    SiglipModel(SiglipConfig()).save_pretrained(folder)
    return folder


def siglip_so400m(folder: Path) -> Path:
    """Its image tower; the text tower, which reads no picture, has one layer."""
    vision = {
        "hidden_size": 1152,
        "intermediate_size": 4304,
        "num_attention_heads": 16,
        "num_hidden_layers": 27,
        "patch_size": 14,
        "image_size": 384,
    }
    text = {"hidden_size": 1152, "intermediate_size": 4304, "num_attention_heads": 16, "num_hidden_layers": 1}
    SiglipModel(SiglipConfig(vision_config=vision, text_config=text)).save_pretrained(folder)
    return folder


def internvit(folder: Path) -> Path:
    InternVLVisionModel(InternVLVisionConfig()).save_pretrained(folder)
    return folder


def vjepa2(folder: Path) -> Path:
    VJEPA2Model(VJEPA2Config()).save_pretrained(folder)
    return folder


def inception(folder: Path) -> Path:
    folder.mkdir()
    torch.save(InceptionResnetV1(pretrained=None).state_dict(), folder / "weights.pt")
    return folder / "weights.pt"


ROWS: dict[str, tuple[str, Callable[[Path], Path], bool]] = {
    FIRST: ("dinov2", dinov2, False),
    "dinov3 ViT-S/16 at 224": ("dinov3", dinov3, False),
    "clip ViT-B/32 at 224": ("clip", clip, False),
    "siglip2 ViT-B/16 at 224": ("siglip2", siglip, False),
    "inception at 160": ("inception", inception, False),
    "dinov2 ViT-B/14 at 224": ("dinov2", partial(dinov2, shape=BASE), True),
    "dinov2 ViT-L/14 at 224": ("dinov2", partial(dinov2, shape=LARGE), True),
    "dinov3 ViT-B/16 at 224": ("dinov3", partial(dinov3, shape=BASE), True),
    "dinov3 ViT-L/16 at 224": ("dinov3", partial(dinov3, shape=LARGE), True),
    "clip ViT-L/14 at 224": ("clip", clip_large, True),
    "siglip2 So400m/14 at 384": ("siglip2", siglip_so400m, True),
    "internvit 300M at 448": ("internvit", internvit, True),
    "vjepa2 ViT-L at 256, stills": ("vjepa2", vjepa2, True),
}
"""By name: the family, what writes the weights, and whether it is large: only with `--all`, unloaded after a round."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--compile", action="store_true", help="a row more: the first one compiled")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="float32", choices=["auto", "float32", "bfloat16", "float16"])
    arguments = parser.parse_args()
    logging.disable_progress_bar()
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (1080, 1920, 3)).astype(np.uint8) for _ in range(arguments.batch)]
    torch.manual_seed(0)
    print(describe("torch", "transformers", "timm"))
    with tempfile.TemporaryDirectory() as root:
        embedders: dict[str, Embedder] = {}
        for name, (family, write, large) in ROWS.items():
            if large and not arguments.all:
                continue
            weights = write(Path(root) / name.replace("/", "-"))
            for compiled in (False, True) if arguments.compile and name == FIRST else (False,):
                options = BackendOptions(
                    device=arguments.device,
                    precision=arguments.precision,
                    threads=arguments.threads,
                    batch=arguments.batch,
                    compile=compiled,
                )
                embedder = open_embedder(family, weights, options=options)
                start = time.perf_counter()
                embedder.embed(pictures)
                label = f"{name}, compiled" if compiled else name
                print(f"{label}: ready in {time.perf_counter() - start:.1f} s; {embedder.facts}")
                embedders[label] = embedder
                if large:
                    embedder.unload()
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in embedders}
        for _ in range(arguments.rounds):
            for name, embedder in embedders.items():
                embedder.load()
                start, busy = time.perf_counter(), time.process_time()
                embedder.embed(pictures)
                times[name].append((time.perf_counter() - start, time.process_time() - busy))
                if ROWS.get(name, ROWS[FIRST])[2]:
                    embedder.unload()
    print(f"{'model':<36}{'pictures/s':>12}{'times the first':>18}{'by processor':>14}{'s of a core':>13}")
    for name, seconds in times.items():
        by_clock, by_processor = (
            statistics.median(first[how] / own[how] for first, own in zip(times[FIRST], seconds, strict=True))
            for how in (0, 1)
        )
        wall_s, core_s = (statistics.median(column) / arguments.batch for column in zip(*seconds, strict=True))
        print(f"{name:<36}{1 / wall_s:>12.1f}{by_clock:>18.2f}{by_processor:>14.2f}{core_s:>13.2f}")


if __name__ == "__main__":
    main()
