"""Keyframes from the blob store to pictures ready for the models: in threads of their own, ahead of the models.

A chunk is what goes through the models together: whole batches of the scene model, filled across shots and media. While
the models work on one, the next is fetched, checked, decoded and resized. Where only the scene is looked at, a JPEG is
decoded no larger than the scene model needs, and of its pixels only the model's own numbers are kept.
"""

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

import cv2
import numpy as np

from rushes.infra.blobs.port import BlobStore
from rushes.processors.embedding.protocol import Image, Reduction
from rushes.schemas.errors import PermanentError, TransientError
from rushes.schemas.shots import Keyframe
from rushes.streams.stages.shot_clips import ShotClip
from rushes.streams.stages.vision import Picture, Vision, is_sample

CHUNK_PIXELS: Final = 16 * 1920 * 1088
"""Of the pictures that are kept whole for a chunk: 16 of 1080p, 100 MB decoded. Three chunks are in memory at most."""

CHUNK_FRAMES: Final = 32
"""About: rounded to whole batches of the scene model, at least one."""

READ_AHEAD: Final = 2
"""Chunks: the one that the caller asks for and the next, which is read meanwhile."""

FLAGS: Final[dict[Reduction, int]] = {
    1: cv2.IMREAD_COLOR_RGB,
    2: cv2.IMREAD_REDUCED_COLOR_2 - cv2.IMREAD_COLOR_BGR + cv2.IMREAD_COLOR_RGB,
    4: cv2.IMREAD_REDUCED_COLOR_4 - cv2.IMREAD_COLOR_BGR + cv2.IMREAD_COLOR_RGB,
    8: cv2.IMREAD_REDUCED_COLOR_8 - cv2.IMREAD_COLOR_BGR + cv2.IMREAD_COLOR_RGB,
}
"""OpenCV names no reduced flag for RGB; the bits are the same, and the two orders of colours exclude each other."""


class Wanted(Protocol):
    """Something that stands for a keyframe to read."""

    @property
    def keyframe(self) -> Keyframe: ...
    @property
    def clip(self) -> ShotClip | None:
        """What its scene is of, where that is not the keyframe alone."""
        ...


T = TypeVar("T", bound=Wanted)


@dataclass(frozen=True, slots=True)
class Read:
    """A keyframe ready for the models, or None where the bytes are no picture; `genuine`: the very bytes that split
    described."""

    picture: Picture | None
    genuine: bool


Answer = Read | PermanentError | TransientError
"""An error is a value here: it concerns one shot."""


@dataclass(frozen=True, slots=True)
class Chunk(Generic[T]):
    """What goes through the models together."""

    tasks: Sequence[T]
    answers: Sequence[Answer]


class KeyframeReader:
    """Reads for one stage. `frames`: pictures of a chunk; None: see CHUNK_FRAMES."""

    def __init__(self, blobs: BlobStore, vision: Vision, *, threads: int, frames: int | None = None) -> None:
        self._blobs = blobs
        self._vision = vision
        self._frames = frames
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")

    def ahead(self, tasks: Sequence[T]) -> Iterator[Chunk[T]]:
        """All of them in chunks, in order; the next chunk is being read while the caller works on this one."""
        waiting: deque[tuple[Sequence[T], list[Future[Answer]]]] = deque()
        for chunk in self._chunks(tasks):
            waiting.append((chunk, [self._pool.submit(self._read, task) for task in chunk]))
            if len(waiting) == READ_AHEAD:
                yield _finished(*waiting.popleft())
        while waiting:
            yield _finished(*waiting.popleft())

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _chunks(self, tasks: Sequence[T]) -> list[list[T]]:
        """Runs of keyframes within CHUNK_PIXELS and the frames of a chunk; a larger picture goes alone.

        Of clips, one batch: each takes the model as long as many pictures.
        """
        batch = max(self._vision.scene.batch, 1)  # of its device, once the model is loaded
        frames = self._frames or max(1, CHUNK_FRAMES // batch) * batch
        chunks: list[list[T]] = []
        pixels = 0
        clips: set[int] = set()
        for task in tasks:
            keyframe = task.keyframe
            fits = task.clip is None or id(task.clip) in clips or len(clips) < batch
            kept = keyframe.width * keyframe.height if self._vision.needs_whole(keyframe.boxes) else 0
            if not chunks or pixels + kept > CHUNK_PIXELS or len(chunks[-1]) == frames or not fits:
                chunks.append([])
                pixels = 0
                clips.clear()
            chunks[-1].append(task)
            pixels += kept
            if task.clip is not None:
                clips.add(id(task.clip))
        return chunks

    def _read(self, task: Wanted) -> Answer:
        """Fetch, check, decode and prepare one keyframe, in a thread of the pool."""
        keyframe, clip = task.keyframe, task.clip
        try:
            data = self._blobs.get(keyframe.image_uri)
        except (PermanentError, TransientError) as error:
            return error
        genuine = hashlib.sha256(data).hexdigest() == keyframe.sha256
        image: Image | None = None
        if genuine:
            image = self._reduced(data, keyframe)
        if image is None:
            image = decoded(data)
        if image is None:
            return Read(None, genuine)
        if clip is None:
            whole = not is_sample(keyframe)
            return Read(self._vision.picture(image, keyframe.boxes, whole=whole, faces=keyframe.faces), genuine)
        try:
            return Read(self._vision.picture_of_shot(image, keyframe.boxes, clip), genuine)
        except TransientError as error:
            return error

    def _reduced(self, data: bytes, keyframe: Keyframe) -> Image | None:
        """The picture as small as the models allow; None where it is not of the size that the event says."""
        factor = self._vision.reduction(keyframe.height, keyframe.width, keyframe.boxes)
        image = decoded(data, factor)
        expected = (keyframe.height // factor, keyframe.width // factor)
        return image if image is not None and (factor == 1 or image.shape[:2] == expected) else None


def decoded(data: bytes, factor: Reduction = 1) -> Image | None:
    """RGB pixels of a JPEG, smaller by `factor`; None where OpenCV finds no picture in the bytes."""
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), FLAGS[factor]) if data else None
    except cv2.error:  # over OpenCV's own limit of pixels, which split never writes
        return None
    return None if image is None else np.asarray(image, np.uint8)


def _finished(tasks: Sequence[T], futures: Sequence[Future[Answer]]) -> Chunk[T]:
    return Chunk(tasks, [future.result() for future in futures])
