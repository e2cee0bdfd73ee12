"""From a decoded frame to the detector's features, without scaling where the planes can be read as they are."""

from typing import Final

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


class FeatureReader:
    """Features of a film's frames; sizes and formats may change within it."""

    def __init__(self) -> None:
        self._samplers: dict[tuple[int, int, int, int], PlaneSampler] = {}

    def __call__(self, frame: av.VideoFrame) -> FrameFeatures:
        bits = frame.format.components[0].bits
        name = frame.format.name
        if not name.startswith(_PLANAR) or bits > 16 or name.endswith(("be", "msble", "f32le", "f16le")):
            frame, bits = frame.reformat(*_PROXY, format="yuv420p"), 8
        luma = self._sampled(frame, 0, bits, LUMA_ROWS, LUMA_COLUMNS)
        if len(frame.planes) < 3:
            return features_of(luma, None, None)
        u, v = (self._sampled(frame, plane, bits, CHROMA_ROWS, CHROMA_COLUMNS) for plane in (1, 2))
        return features_of(luma, u, v)

    def _sampled(self, frame: av.VideoFrame, index: int, bits: int, rows: int, columns: int) -> NDArray[np.uint8]:
        plane = frame.planes[index]
        key = (plane.height, plane.width, rows, columns)
        sampler = self._samplers.get(key)
        if sampler is None:
            sampler = self._samplers[key] = PlaneSampler(*key)
        if bits == 8:
            values = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
            return sampler(values[: plane.height, : plane.width])
        wide = np.frombuffer(memoryview(plane), np.uint16).reshape(-1, plane.line_size // 2)
        return (sampler(wide[: plane.height, : plane.width]) >> (bits - 8)).astype(np.uint8)
