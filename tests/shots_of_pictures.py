"""Shots made of pictures for tests of the embed stage, with a blob store and a cache of dictionaries."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import cv2
import numpy as np

from rushes.schemas import ids
from rushes.schemas.envelope import Envelope, Record
from rushes.schemas.errors import MediaNotFound
from rushes.schemas.event import Event
from rushes.schemas.ids import EventId, LibraryId, MediaId
from rushes.schemas.media import MediaFacts, ProducerBox, Rational
from rushes.schemas.shots import FrameQuality, Keyframe, ShotSplit
from rushes.streams.stage import Incoming, Outcome


class DictBlobs:
    """BlobStore over a dictionary; `fail` maps a path to the error that reading it raises."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.fail: dict[str, Exception] = {}
        self.reads: list[str] = []

    def put(self, path: str, data: bytes) -> str:
        self.files[path] = data
        return self.uri(path)

    def get(self, path_or_uri: str) -> bytes:
        path = path_or_uri.removeprefix("mem://")
        self.reads.append(path)
        if path in self.fail:
            raise self.fail[path]
        if path not in self.files:
            raise MediaNotFound(f"expected a blob at {path}, found none")
        return self.files[path]

    def exists(self, path: str) -> bool:
        return path in self.files

    def delete(self, path: str) -> None:
        self.files.pop(path, None)

    def delete_folder(self, path: str) -> None:
        for name in list(self.list(path)):
            del self.files[name]

    def list(self, path: str) -> Iterator[str]:
        return iter(sorted(name for name in self.files if name.startswith(f"{path}/")))

    def uri(self, path: str) -> str:
        return f"mem://{path}"


class DictCache:
    """EmbeddingCache over a dictionary."""

    state = "ok"

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    def get(self, keys: Sequence[str]) -> list[bytes | None]:
        return [self.values.get(key) for key in keys]

    def put(self, items: Mapping[str, bytes]) -> None:
        self.values.update(items)

    def delete(self, keys: Sequence[str]) -> bool:
        for key in keys:
            self.values.pop(key, None)
        return True

    def close(self) -> None:
        pass


def jpeg(image: np.ndarray, quality: int = 90) -> bytes:
    ok, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert ok
    return data.tobytes()


def shot_of(
    blobs: DictBlobs,
    images: Sequence[np.ndarray | bytes],
    *,
    library: str = "lib",
    media: str = "film",
    version: int = 1,
    start_us: int = 0,
    part: int = 0,
    final: bool = True,
    boxes: tuple[ProducerBox, ...] = (),
    flags: tuple = (),
) -> ShotSplit:
    """A shot whose keyframes are these pictures (or raw bytes), stored as JPEG, a second apart."""
    library_id, media_id = LibraryId(library), MediaId(media)
    frames = []
    for index, image in enumerate(images):
        time_us = start_us + index * 1_000_000
        frame = ids.frame_id(library_id, media_id, 0, time_us)
        data = image if isinstance(image, bytes) else jpeg(image)
        height, width = (10, 10) if isinstance(image, bytes) else image.shape[:2]
        path = f"{ids.media_folder(library_id, media_id)}/{version}/{frame}.jpg"
        frames.append(
            Keyframe(
                frame_id=frame,
                time_us=time_us,
                why="start",
                image_uri=blobs.put(path, data),
                thumbnail_uri=blobs.uri(path),
                sha256=hashlib.sha256(data).hexdigest(),
                width=width,
                height=height,
                perceptual_hash="0123456789abcdef",
                quality=FrameQuality(sharpness=0.9, exposure=0.9, contrast=0.9),
                flags=flags,
                boxes=boxes,
            )
        )
    return ShotSplit(
        library_id=library,
        media_id=media,
        version=version,
        source_uri="file:///film.mp4",
        media=MediaFacts(
            media_kind="video", container="mp4", codec="h264", width=640, height=360,
            frame_rate=Rational(numerator=25, denominator=1),
        ),
        shot_id=ids.shot_id(library_id, media_id, version, start_us),
        part=part,
        final=final,
        start_us=start_us,
        end_us=start_us + len(images) * 1_000_000,
        frames=tuple(frames),
    )  # fmt: skip


def incoming(event: Event) -> Incoming:
    record = Record("frames", 0, 0, event.key.encode(), event.model_dump_json().encode())
    return Incoming(record, event, Envelope(EventId(f"test-{event.key}")))


def finals(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The last outcome of each event."""
    return [outcome for outcome in outcomes if outcome.done]


def entries(outcomes: Sequence[Outcome]) -> list:
    """All entries that were sent."""
    return [output.event for outcome in outcomes for output in outcome.outputs]
