"""DPX and OpenEXR: frames of film scans and visual effects, each a photo. Decoded by FFmpeg, in the child.

Headers are read here, for FFmpeg tells neither all of what they say nor a size before it decodes (SMPTE ST 268-1:2014;
"OpenEXR File Layout").
"""

import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import av.error
import numpy as np
from av.codec import CodecContext
from av.video.codeccontext import VideoCodecContext
from PIL import Image

from rushes.infra.media.animations import check_pixels
from rushes.infra.media.film_facts import displayed_size
from rushes.infra.media.film_pictures import KeptFrame
from rushes.infra.media.sniff import DPX_STARTS, EXR_START
from rushes.infra.settings import DecodeLimits
from rushes.processors.display.primaries import PRIMARIES
from rushes.processors.display.transform import DisplayTransform
from rushes.schemas.errors import DamagedMedia, UnsupportedMedia
from rushes.schemas.media import MediaFacts

_DPX_HEADER_BYTES: Final = 2048
_EXR_HEADER_BYTES: Final = 1024 * 1024
"""Most that is read of an EXR's attributes; they take some hundred bytes, with previews some hundred thousand."""

_EXR_TILED: Final = 0x200
_EXR_PARTS: Final = 0x1000
_EXR_BLOCK_LINES: Final = (1, 1, 1, 16, 32, 16, 32, 32, 32, 256)
"""Flags of the version, and lines in a block by the number of the compression (none, RLE, ZIPS, ZIP, PIZ ... DWAB)."""

_DENSITY, _LINEAR, _LOGARITHMIC = 1, 2, 3
"""DPX transfer characteristics (ST 268-1, table 5A) that a screen does not show as they are."""

_SAME_PRIMARIES: Final = 0.002
"""Greatest difference of a coordinate: files state them as floats of some digits."""


@dataclass(frozen=True, slots=True)
class _Header:
    codec: str
    width: int
    height: int
    aspect: Fraction
    transform: DisplayTransform | None
    blocks: tuple[int, int] | None = None
    """Where an EXR's table of blocks begins, and how many it has."""


def is_scan(start: bytes) -> bool:
    """Whether a file begins as a DPX or an EXR does."""
    return start.startswith((EXR_START, *DPX_STARTS))


def decode_scan(path: str, limits: DecodeLimits) -> tuple[MediaFacts, Image.Image]:
    """The picture as a screen shows it. Raises LimitExceeded by the header, UnsupportedMedia, DamagedMedia."""
    with Path(path).open("rb") as file:
        start = file.read(_EXR_HEADER_BYTES)
        header = _exr_header(start) if start.startswith(EXR_START) else _dpx_header(start)
        check_pixels(header.width, header.height, limits)
        file.seek(0)
        data = file.read()
    if header.blocks is not None and not _is_whole(data, *header.blocks):
        raise DamagedMedia("the EXR file ends before its picture does; copy it again")
    context = CodecContext.create(header.codec, "r")
    assert isinstance(context, VideoCodecContext)
    context.options = {"max_pixels": str(limits.pixels)}
    try:
        frames = [*context.decode(av.Packet(data)), *context.decode(None)]
    except av.error.PatchWelcomeError as error:
        raise UnsupportedMedia(f"found a variant of {header.codec.upper()} that is not decoded here; write it with ZIP"
                               " compression in one part") from error  # fmt: skip
    if not frames:
        raise DamagedMedia(f"the {header.codec.upper()} picture does not decode; copy the file again")
    transform = header.transform.name if header.transform is not None else None
    width, height = displayed_size(frames[0], header.aspect)
    facts = MediaFacts(
        media_kind="photo",
        container=header.codec,
        codec=header.codec,
        width=width,
        height=height,
        color_transfer=header.transform.curve if header.transform is not None else None,
        display_transform=transform,
    )
    return facts, KeptFrame.of(frames[0], header.aspect, limits.keyframe_lines, transform).to_image()


def _dpx_header(start: bytes) -> _Header:
    if len(start) < _DPX_HEADER_BYTES:
        raise DamagedMedia("the DPX file ends within its header; copy it again")
    order = ">" if start.startswith(b"SDPX") else "<"
    width, height = struct.unpack_from(f"{order}2I", start, 772)
    across, down = struct.unpack_from(f"{order}2I", start, 1628)
    square = not (0 < across < 2**31 and 0 < down < 2**31)  # unknown is all bits set
    return _Header("dpx", width, height, Fraction(1) if square else Fraction(across, down), _dpx_transform(start))


def _dpx_transform(start: bytes) -> DisplayTransform | None:
    transfer = start[801]
    if transfer in {_DENSITY, _LOGARITHMIC}:
        return DisplayTransform("cineon", "bt709")
    made_by_ffmpeg = start[160:164] == b"Lavc"  # which writes "linear" whatever it is given
    return DisplayTransform("linear", "bt709") if transfer == _LINEAR and not made_by_ffmpeg else None


def _exr_header(start: bytes) -> _Header:
    attributes, end = _exr_attributes(start)
    try:
        left, top, right, bottom = struct.unpack("<4i", attributes["displayWindow"])
        data_left, data_top, data_right, data_bottom = struct.unpack("<4i", attributes["dataWindow"])
        (ratio,) = struct.unpack("<f", attributes.get("pixelAspectRatio", struct.pack("<f", 1.0)))
    except (KeyError, struct.error) as error:
        raise DamagedMedia("the EXR file's header does not say how large the picture is; copy it again") from error
    width = max(right - left, data_right - data_left) + 1
    height = max(bottom - top, data_bottom - data_top) + 1
    if width < 1 or height < 1:
        raise DamagedMedia(f"the EXR file's header says {width} x {height} pixels; copy it again")
    aspect = Fraction(float(ratio)).limit_denominator(1000) if 0.1 < ratio < 10 else Fraction(1)
    primaries = _primaries(attributes.get("chromaticities", b""))
    blocks = _blocks(start, attributes.get("compression", b""), data_bottom - data_top + 1, end)
    return _Header("exr", width, height, aspect, DisplayTransform("linear", primaries), blocks)


def _blocks(start: bytes, compression: bytes, lines: int, at: int) -> tuple[int, int] | None:
    """Where the table of blocks begins and how many it has; None for tiles and several parts, which have others."""
    simple = not int.from_bytes(start[4:8], "little") & (_EXR_TILED | _EXR_PARTS)
    if not simple or len(compression) != 1 or compression[0] >= len(_EXR_BLOCK_LINES):
        return None
    return at, -(-lines // _EXR_BLOCK_LINES[compression[0]])


def _is_whole(data: bytes, at: int, count: int) -> bool:
    """Whether the blocks that the table names lie within the file: FFmpeg leaves black what it lacks."""
    table = data[at : at + 8 * count]
    return len(table) == 8 * count and all(0 < offset < len(data) - 8 for (offset,) in struct.iter_unpack("<Q", table))


def _exr_attributes(start: bytes) -> tuple[dict[str, bytes], int]:
    """Attributes of the first part (name, type, size, value, up to an empty name), and where they end."""
    found: dict[str, bytes] = {}
    at = 8
    while at < len(start) and start[at] != 0:
        name_end = start.find(b"\x00", at)
        type_end = start.find(b"\x00", name_end + 1)
        if name_end < 0 or type_end < 0 or type_end + 5 > len(start):
            break
        size = int.from_bytes(start[type_end + 1 : type_end + 5], "little")
        found.setdefault(start[at:name_end].decode("latin-1"), start[type_end + 5 : type_end + 5 + size])
        at = type_end + 5 + size
    return found, at + 1


def _primaries(chromaticities: bytes) -> str:
    """The name of primaries that agree with the file's; BT.709, which the format assumes, where none do."""
    if len(chromaticities) == 32:
        told = np.array(struct.unpack("<8f", chromaticities))
        for name, known in PRIMARIES.items():
            if np.abs(told - np.array(known)).max() <= _SAME_PRIMARIES:
                return name
    return "bt709"
