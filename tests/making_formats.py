"""Films and pictures in the formats of cameras and post production, made by the tests: deep colour, HDR, interlaced."""

from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np
from av.codec.context import Flags
from numpy.typing import NDArray

Codes = NDArray[np.uint16]
"""(height, width, 3) R'G'B', 0..65535."""

H265_QUIET = "log-level=none:lossless=1"


def patches(height: int = 96, width: int = 160) -> NDArray[np.uint8]:
    """Eight colours that every error of matrix, range or channel order moves, in two rows of four."""
    colours = np.array(
        [[[200, 30, 30], [30, 180, 40], [40, 50, 200], [235, 235, 235]],
         [[20, 20, 20], [120, 120, 120], [210, 180, 40], [150, 60, 160]]],
        np.uint8,
    )  # fmt: skip
    return colours.repeat(height // 2, axis=0).repeat(width // 4, axis=1)


def patch_error(found: NDArray[np.integer], want: NDArray[np.integer]) -> float:
    """Greatest difference of a colour at the middle of its patch, in levels of 255."""
    height, width = want.shape[:2]
    rows, columns = [height // 4, 3 * height // 4], [width * (2 * i + 1) // 8 for i in range(4)]
    area = np.ix_(rows, columns)
    return float(np.abs(found[area].astype(float) - want[area].astype(float)).max())


def write_deep_film(
    path: Path,
    pictures: Iterable[Codes],
    *,
    codec: str,
    pix_fmt: str,
    matrix: int = 1,
    full_range: bool = False,
    transfer: int = 2,
    primaries: int = 2,
    options: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
    interlaced: bool = False,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Encode 16-bit R'G'B' with the given colour tags (numbers of ISO/IEC 23091-2)."""
    with av.open(str(path), "w", options=container_options or {}) as container:
        container.metadata.update(metadata or {})
        stream = None
        for codes in pictures:
            if stream is None:
                stream = container.add_stream(codec, rate=25)
                stream.height, stream.width = codes.shape[:2]
                stream.pix_fmt = pix_fmt
                context = stream.codec_context
                context.options = options or {}
                context.color_range, context.colorspace = 2 if full_range else 1, matrix
                context.color_trc, context.color_primaries = transfer, primaries
                if interlaced:
                    context.flags |= Flags.interlaced_dct | Flags.interlaced_me
            rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(codes), format="rgb48le")
            frame = rgb.reformat(format=pix_fmt, dst_colorspace=matrix or None, dst_color_range=2 if full_range else 1)
            frame.colorspace, frame.color_range = matrix, 2 if full_range else 1
            frame.color_trc, frame.color_primaries = transfer, primaries
            container.mux(stream.encode(frame))
        assert stream is not None
        container.mux(stream.encode(None))
    return path
