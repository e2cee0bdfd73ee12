"""Interlaced film: pictures whose two fields were taken at different moments show combs where something moved."""

from typing import Final

import av
import av.filter
import numpy as np
from numpy.typing import NDArray

COMB_LEVELS: Final = 12
"""A line that differs by so many levels of 255, in the same direction, from the line above and the one below."""

COMBED_SHARE: Final = 0.002
"""Of the samples looked at: less is texture, or so small a motion that nobody sees it."""

_EVERY_COLUMN: Final = 3
"""A comb is wider than a pixel; reading every third column takes a third of the time (1 ms at 1080i)."""


def without_combing(frame: av.VideoFrame) -> av.VideoFrame:
    """The frame, or its first field (half as many lines) where it is flagged as interlaced and combs show.

    Film shot as whole pictures is often flagged as interlaced too; it keeps all its lines.
    """
    if not frame.interlaced_frame or frame.height < 4 or not is_combed(_luma(frame)):
        return frame
    graph = av.filter.Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
    field = graph.add("field", "top")
    sink = graph.add("buffersink")
    source.link_to(field)
    field.link_to(sink)
    graph.configure()
    graph.push(frame)
    one = graph.pull()
    assert isinstance(one, av.VideoFrame)
    one.colorspace, one.color_range = frame.colorspace, frame.color_range
    return one


def is_combed(luma: NDArray[np.uint8]) -> bool:
    """Whether `(h, w)` luma shows combs, as motion between two fields makes them."""
    lines = luma[:, ::_EVERY_COLUMN].astype(np.int16)
    middle, above, below = lines[1:-1], lines[:-2], lines[2:]
    up, down = middle - above, middle - below
    combs = ((up > COMB_LEVELS) & (down > COMB_LEVELS)) | ((up < -COMB_LEVELS) & (down < -COMB_LEVELS))
    return bool(combs.mean() > COMBED_SHARE)


def _luma(frame: av.VideoFrame) -> NDArray[np.uint8]:
    grey = frame.reformat(format="gray8").to_ndarray()
    return np.asarray(grey, dtype=np.uint8)
