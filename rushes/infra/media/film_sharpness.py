"""How clear a kept frame is beside the others of its shot, read from its planes as they are. Runs in the child."""

from typing import Final, TypeVar

import av
import cv2
import numpy as np
from av.video.plane import VideoPlane
from numpy.typing import NDArray

Level = TypeVar("Level", np.uint8, np.uint16)

WINDOW: Final = 384
"""Side of the middle of the picture that is looked at, pixels: a tenth of a millisecond."""

PACKED: Final = ("rgb", "bgr", "gbr", "argb", "abgr", "yuyv", "uyvy", "pal")
"""Formats whose first plane is not brightness alone."""


def clearness(frame: av.VideoFrame) -> float:
    """Energy of the edges in the middle of the picture, less what is clipped; 0 where the format hides it.

    Of frames of one shot the greater is the less blurred, by motion or focus, and the less flashed.
    """
    name, bits = frame.format.name, frame.format.components[0].bits
    if name.startswith(PACKED) or bits > 16 or name.endswith(("be", "f32le", "f16le")):
        return 0.0
    levels = np.ascontiguousarray(_middle(frame.planes[0], np.uint8) if bits == 8 else _deep_middle(frame, bits))
    edges = cv2.norm(cv2.Laplacian(levels, cv2.CV_16S), cv2.NORM_L2SQR) / levels.size
    clipped = float(np.count_nonzero(levels >= 250) / levels.size)
    return edges * (1 - clipped)


def _deep_middle(frame: av.VideoFrame, bits: int) -> NDArray[np.uint8]:
    return (_middle(frame.planes[0], np.uint16) >> (bits - 8)).astype(np.uint8)


def _middle(plane: VideoPlane, kind: type[Level]) -> NDArray[Level]:
    """The window in the middle of a plane, as it lies in memory."""
    values = np.frombuffer(memoryview(plane), kind).reshape(-1, plane.line_size // np.dtype(kind).itemsize)
    top, left = max(0, (plane.height - WINDOW) // 2), max(0, (plane.width - WINDOW) // 2)
    return values[top : min(top + WINDOW, plane.height), left : min(left + WINDOW, plane.width)]
