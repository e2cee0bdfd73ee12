"""From a decoded frame to the detector's features, without scaling where the planes can be read as they are."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, TypeVar

import av
import numpy as np
from numpy.typing import NDArray

from rushes.processors.shots.features import (
    CHROMA_COLUMNS,
    CHROMA_ROWS,
    LUMA_COLUMNS,
    LUMA_ROWS,
    FrameFeatures,
    PlaneSampler,
    features_of,
)

_PLANAR: Final = ("yuv4", "yuvj4", "yuva4", "gray")
"""Formats whose first planes are luma and chroma, one value after the other."""

_PROXY: Final = (320, 180)
"""Size to which frames of other formats (RGB, packed) are scaled: two samples a sample, at the price of a scaler."""


HELD_FRAMES: Final = 8
HELD_BYTES: Final = 32 * 1024 * 1024
"""Frames of which features are read at once, and their memory. Called between two frames that are decoded, the same
work takes twice the time: what it needs has left the processor's caches meanwhile."""

F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class _Layout:
    """How the planes of frames of one size and format are read."""

    bits: int
    readable: bool
    samplers: tuple[PlaneSampler, ...]


class FeatureReader:
    """Features of a film's frames; sizes and formats may change within it."""

    def __init__(self) -> None:
        self._layouts: dict[tuple[str, int, int], _Layout] = {}

    def __call__(self, frames: Sequence[av.VideoFrame]) -> list[FrameFeatures]:
        """Features of frames, in their order."""
        features: list[FrameFeatures] = []
        for key, alike in groupby(frames, lambda frame: (frame.format.name, frame.width, frame.height)):
            features += self._of(key, list(alike))
        return features

    def in_batches(
        self, items: Iterable[F], frame_of: Callable[[F], av.VideoFrame]
    ) -> Iterator[tuple[F, FrameFeatures]]:
        """Each item with its frame's features, some frames later; all of them when there are no more."""
        held: list[F] = []
        for item in items:
            held.append(item)
            if len(held) >= _at_once(frame_of(item)):
                yield from zip(held, self([frame_of(one) for one in held]), strict=True)
                held = []
        yield from zip(held, self([frame_of(one) for one in held]), strict=True)

    def _of(self, key: tuple[str, int, int], frames: Sequence[av.VideoFrame]) -> list[FrameFeatures]:
        layout = self._layouts.get(key)
        if layout is None:
            layout = self._layouts[key] = _layout_of(frames[0])
        if not layout.readable:
            return self([frame.reformat(*_PROXY, format="yuv420p") for frame in frames])
        sampled = [_sampled(frames, plane, layout) for plane in range(len(layout.samplers))]
        return features_of(*sampled) if len(sampled) == 3 else features_of(sampled[0], None, None)


def _at_once(frame: av.VideoFrame) -> int:
    """How many frames as large as this one are held."""
    size_bytes = sum(plane.buffer_size for plane in frame.planes)
    return max(1, min(HELD_FRAMES, HELD_BYTES // max(size_bytes, 1)))


def _layout_of(frame: av.VideoFrame) -> _Layout:
    name, bits = frame.format.name, frame.format.components[0].bits
    readable = name.startswith(_PLANAR) and bits <= 16 and not name.endswith(("be", "msble", "f32le", "f16le"))
    if not readable:
        return _Layout(bits, readable, ())
    planes = frame.planes if len(frame.planes) >= 3 else frame.planes[:1]
    grids = ((LUMA_ROWS, LUMA_COLUMNS), (CHROMA_ROWS, CHROMA_COLUMNS), (CHROMA_ROWS, CHROMA_COLUMNS))
    samplers = tuple(PlaneSampler(p.height, p.width, *grid) for p, grid in zip(planes, grids, strict=False))
    return _Layout(bits, readable, samplers)


def _sampled(frames: Sequence[av.VideoFrame], index: int, layout: _Layout) -> NDArray[np.uint8]:
    """Samples of one plane of each frame, (n, rows, columns)."""
    sampler = layout.samplers[index]
    kind = np.dtype(np.uint8 if layout.bits == 8 else np.uint16)
    samples = np.empty((len(frames), *sampler.shape), dtype=kind)
    for frame, out in zip(frames, samples, strict=True):
        plane = frame.planes[index]
        sampler(np.frombuffer(memoryview(plane), kind).reshape(-1, plane.line_size // kind.itemsize), out)
    return samples if layout.bits == 8 else (samples >> (layout.bits - 8)).astype(np.uint8)
