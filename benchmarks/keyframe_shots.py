"""Keyframes for the benchmarks of the embed stage: photographs as JPEG in a folder, shots of them, and models for them.

The photographs are those that scikit-image ships, in many parts and sizes; every second one shows a person.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

from rushes.infra.blobs.port import BlobStore
from rushes.processors.embedding.families import open_embedder
from rushes.processors.embedding.options import BackendOptions
from rushes.processors.embedding.protocol import Embedder
from rushes.schemas import ids
from rushes.schemas.envelope import Envelope, Record
from rushes.schemas.ids import EventId, LibraryId, MediaId
from rushes.schemas.media import MediaFacts, Rational
from rushes.schemas.shots import FrameQuality, Keyframe, ShotSplit
from rushes.streams.stage import Incoming

LIBRARY = "bench"

VITS = {"vit-s": (384, 12, 6), "vit-b": (768, 12, 12), "tiny": (32, 2, 2)}
"""Width, layers and heads of DINOv2's sizes, and of one that costs nothing."""


def jpegs(count: int, sizes: Sequence[tuple[int, int]] = ((1080, 1920),)) -> Iterator[tuple[bytes, int, int]]:
    """JPEG of quality 90 with grain, its height and width; all different."""
    photographs = [
        skimage.data.astronaut(), skimage.data.coffee(), skimage.data.astronaut()[:, ::-1], skimage.data.rocket(),
    ]  # fmt: skip
    rng = np.random.default_rng(0)
    grain = rng.integers(-3, 4, (2400, 3900, 3), dtype=np.int16)
    for index in range(count):
        photograph = photographs[index % len(photographs)]
        top, left = int(rng.integers(0, 60)), int(rng.integers(0, 60))
        height, width = sizes[index % len(sizes)]
        picture: NDArray[np.uint8] = np.ascontiguousarray(photograph[top:, left:, ::-1], np.uint8)
        large = cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.int16)
        noisy = np.clip(large + grain[:height, :width], 0, 255).astype(np.uint8)
        yield cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes(), height, width


def shots(
    blobs: BlobStore, pictures: Sequence[tuple[bytes, int, int]], per_shot: int = 1, name: str = "m"
) -> list[ShotSplit]:
    """Shots of `per_shot` frames each, of a media each; 1: photos."""
    return [
        _shot(blobs, MediaId(f"{name}{start}"), pictures[start : start + per_shot])
        for start in range(0, len(pictures), per_shot)
    ]


def incoming(event: ShotSplit) -> Incoming[ShotSplit]:
    """As the runner hands it over."""
    return Incoming(
        Record("frames", 0, 0, event.key.encode(), b""), event, Envelope(EventId(ids.derive("bench", event.key)))
    )


def random_vit(folder: Path, size: str, options: BackendOptions, side: int = 224) -> Embedder:
    """A DINOv2 with random weights, saved in its own format and opened as anybody's: the speed is that of real ones."""
    from transformers import Dinov2Config, Dinov2Model  # noqa: PLC0415 - seconds to import

    width, layers, heads = VITS[size]
    config = Dinov2Config(
        hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, image_size=518, patch_size=14
    )
    Dinov2Model(config).save_pretrained(folder)
    recipe = {
        "size": {"shortest_edge": round(side * 256 / 224)}, "crop_size": {"height": side, "width": side},
        "resample": 3, "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225],
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(recipe))
    return open_embedder("dinov2", folder, options=options)


def _shot(blobs: BlobStore, media_id: MediaId, pictures: Sequence[tuple[bytes, int, int]]) -> ShotSplit:
    library = LibraryId(LIBRARY)
    frames = []
    for index, (data, height, width) in enumerate(pictures):
        frame = ids.frame_id(library, media_id, 0, index * 1_000_000)
        uri = blobs.put(f"{ids.media_folder(library, media_id)}/1/{frame}.jpg", data)
        frames.append(
            Keyframe(
                frame_id=frame,
                time_us=index * 1_000_000,
                why="start",
                image_uri=uri,
                thumbnail_uri=uri,
                sha256=hashlib.sha256(data).hexdigest(),
                width=width,
                height=height,
                perceptual_hash="0123456789abcdef",
                quality=FrameQuality(sharpness=0.9, exposure=0.9, contrast=0.9),
            )
        )
    media = MediaFacts(media_kind="video", container="mp4", codec="h264", width=1920, height=1080, frame_rate=Rational(
        numerator=25, denominator=1))  # fmt: skip
    return ShotSplit(
        library_id=LIBRARY, media_id=media_id, version=1, source_uri="file:///bench", media=media,
        shot_id=ids.shot_id(library, media_id, 1, 0), start_us=0, end_us=len(frames) * 1_000_000, frames=tuple(frames),
    )  # fmt: skip
