"""How clear a kept frame is beside the others of its shot, read from its planes as they are. Runs in the child."""

from typing import Final

import av
import cv2
import numpy as np

WINDOW: Final = 640
"""Side of the middle of the picture that is looked at, pixels: about a millisecond."""

PACKED: Final = ("rgb", "bgr", "gbr", "argb", "abgr", "yuyv", "uyvy", "pal")
"""Formats whose first plane is not brightness alone."""


def clearness(frame: av.VideoFrame) -> float:
    """Energy of the edges in the middle of the picture, less what is clipped; 0 where the format hides it.

    Of frames of one shot the greater is the less blurred, by motion or focus, and the less flashed.
    """
    name, bits = frame.format.name, frame.format.components[0].bits
    if name.startswith(PACKED) or bits > 16 or name.endswith(("be", "f32le", "f16le")):
        return 0.0
    plane = frame.planes[0]
    kind = np.uint8 if bits == 8 else np.uint16
    values = np.frombuffer(memoryview(plane), kind).reshape(-1, plane.line_size // np.dtype(kind).itemsize)
    top, left = max(0, (plane.height - WINDOW) // 2), max(0, (plane.width - WINDOW) // 2)
    window = values[top : min(top + WINDOW, plane.height), left : min(left + WINDOW, plane.width)]
    levels = window.astype(np.float32) / np.float32(1 << (bits - 8))
    edges = float(np.square(cv2.Laplacian(levels, cv2.CV_32F)).mean())
    clipped = float(np.count_nonzero(levels >= 250) / levels.size)
    return edges * (1 - clipped)
