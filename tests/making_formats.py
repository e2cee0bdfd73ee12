"""Films and pictures in the formats of cameras and post production, made by the tests: deep colour, HDR, interlaced."""

import struct
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import tifffile
from av.codec.context import Flags
from numpy.typing import NDArray

Codes = NDArray[np.uint16]
"""(height, width, 3) R'G'B', 0..65535."""

H265_QUIET = "log-level=none:lossless=1:bframes=0"
"""Without B-frames: a film of fewer frames than they delay gets times that no container takes, now and then."""


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
        for number, codes in enumerate(pictures):
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
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        assert stream is not None
        container.mux(stream.encode(None))
    return path


def _encoded(codec: str, frame: av.VideoFrame) -> bytes:
    """One picture as its encoder writes it: for these formats a whole file."""
    context = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt = frame.width, frame.height, frame.format.name
    context.time_base = Fraction(1, 25)
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


def _frame(codes: Codes, pix_fmt: str) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(codes), format="rgb48le").reformat(format=pix_fmt)


def write_deep_png(path: Path, codes: Codes) -> Path:
    path.write_bytes(_encoded("png", _frame(codes, "rgb48be")))
    return path


def write_dpx(path: Path, codes: Codes, *, transfer: int, aspect: tuple[int, int] | None = None) -> Path:
    """A DPX of 10 bits R'G'B' whose header names a transfer characteristic (SMPTE ST 268-1, table 5A)."""
    data = bytearray(_encoded("dpx", _frame(codes, "gbrp10le")))
    data[160:260] = b"a film scanner".ljust(100, b"\x00")
    data[801] = transfer
    if aspect is not None:
        struct.pack_into("<2I" if data[:4] == b"XPDS" else ">2I", data, 1628, *aspect)
    path.write_bytes(data)
    return path


def write_exr(path: Path, light: NDArray[np.float32], *, attributes: bytes = b"") -> Path:
    """An OpenEXR of half floats; `attributes` are put in front of its own."""
    data = _encoded("exr", av.VideoFrame.from_ndarray(np.ascontiguousarray(light), format="gbrpf32le"))
    path.write_bytes(_moved_down(data, attributes, light.shape[0]))
    return path


def _moved_down(data: bytes, attributes: bytes, lines: int) -> bytes:
    """An EXR with more in its header: the table of offsets behind the header counts from the file's start."""
    if not attributes:
        return data
    at = 8
    while data[at]:
        type_at = data.index(b"\x00", at) + 1
        size_at = data.index(b"\x00", type_at) + 1
        at = size_at + 4 + struct.unpack_from("<I", data, size_at)[0]
    blocks = (struct.unpack_from("<Q", data, at + 1)[0] - at - 1) // 8
    assert 0 < blocks <= lines
    offsets = struct.unpack_from(f"<{blocks}Q", data, at + 1)
    moved = struct.pack(f"<{blocks}Q", *(offset + len(attributes) for offset in offsets))
    return data[:8] + attributes + data[8 : at + 1] + moved + data[at + 1 + 8 * blocks :]


def exr_attribute(name: str, kind: str, value: bytes) -> bytes:
    return name.encode() + b"\x00" + kind.encode() + b"\x00" + struct.pack("<I", len(value)) + value


def write_dng(path: Path, picture: NDArray[np.uint8], *, orientation: int = 1) -> Path:
    """A raw photo as simple as LibRaw takes it: a mosaic of 16 bits by a camera that sees as a screen does."""
    x = picture / 255
    light = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    mosaic = np.empty(picture.shape[:2])
    for row, column, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        mosaic[row::2, column::2] = light[row::2, column::2, channel]
    from_xyz = (3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.2040, 1.0570)
    tags = [
        (271, "s", 0, "Maker", True), (272, "s", 0, "Maker One", True), (274, "H", 1, orientation, True),
        (50706, "B", 4, (1, 4, 0, 0), True), (50707, "B", 4, (1, 1, 0, 0), True), (50708, "s", 0, "Maker One", True),
        (33421, "H", 2, (2, 2), True), (33422, "B", 4, (0, 1, 1, 2), True),
        (50714, "H", 1, 0, True), (50717, "H", 1, 65535, True),
        (50721, "2i", 9, tuple(n for v in from_xyz for n in (round(v * 10_000), 10_000)), True),
        (50728, "2I", 3, (1, 1) * 3, True), (50778, "H", 1, 21, True),
    ]  # fmt: skip
    tifffile.imwrite(path, np.rint(mosaic * 65_535).astype(np.uint16), photometric=32803, extratags=tags, metadata=None)
    return path


def icc_profile(name: str, to_xyz: NDArray[np.float64], gamma: float) -> bytes:
    """A display profile of three primaries (columns of `to_xyz`, relative to D50) and a gamma (ICC.1:2001-04)."""

    def xyz(x: float, y: float, z: float) -> bytes:
        return b"XYZ \x00\x00\x00\x00" + struct.pack(">3i", *(round(v * 65_536) for v in (x, y, z)))

    curve = b"curv\x00\x00\x00\x00" + struct.pack(">IH", 1, round(gamma * 256)) + b"\x00\x00"
    text = name.encode() + b"\x00"
    told = b"desc\x00\x00\x00\x00" + struct.pack(">I", len(text)) + text + bytes(78)
    parts = {b"desc": told + bytes(-len(told) % 4), b"wtpt": xyz(0.9642, 1.0, 0.8249)}
    parts |= {tag: xyz(*to_xyz[:, i]) for i, tag in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    parts |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    table, body = struct.pack(">I", len(parts)), b""
    for tag, value in parts.items():
        table += tag + struct.pack(">2I", 132 + 12 * len(parts) + len(body), len(value))
        body += value
    size = 128 + len(table) + len(body)
    head = struct.pack(">I4xI", size, 0x02100000) + b"mntrRGB XYZ " + bytes(12) + b"acsp"
    head += bytes(28) + struct.pack(">3i", 63_190, 65_536, 54_061)
    return head.ljust(128, b"\x00") + table + body
