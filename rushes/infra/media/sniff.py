"""What a file is, by its bytes and never by its name."""

import os
import struct
from typing import BinaryIO, Final, Literal

SNIFF_BYTES: Final = 1024

SniffedKind = Literal["photo", "video"]

RAW_STARTS: Final = (
    b"FUJIFILMCCD-RAW",
    b"IIRO",  # Olympus
    b"IIRS",
    b"MMOR",
    b"IIU\x00",  # Panasonic, Leica
    b"FOVb",  # Sigma
)
"""Camera raw that is no TIFF; DNG, CR2, NEF, ARW and others are, and are told apart by what is in them."""

DPX_STARTS: Final = (b"SDPX", b"XPDS")
EXR_START: Final = b"\x76\x2f\x31\x01"
TIFF_STARTS: Final = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
"""Little-endian and big-endian, TIFF and BigTIFF."""

_PHOTO_STARTS: Final = (
    b"\xff\xd8\xff",  # JPEG
    b"\x89PNG\r\n\x1a\n",
    b"GIF87a",
    b"GIF89a",
    b"BM",  # Windows bitmap
    b"\x00\x00\x00\x0cjP  \r\n\x87\n",  # JPEG 2000
    b"\xff\x4f\xff\x51",
    EXR_START,
    *TIFF_STARTS,
    *DPX_STARTS,
    *RAW_STARTS,
)
_VIDEO_STARTS: Final = (
    b"\x1aE\xdf\xa3",  # EBML: Matroska, WebM
    b"FLV\x01",
    b"\x00\x00\x01\xba",  # MPEG program stream
    b"\x00\x00\x01\xb3",  # MPEG-1/2 video
    b"0&\xb2u\x8ef\xcf\x11",  # ASF, WMV
    b"OggS",
    b"\x06\x0e+4\x02\x05\x01\x01",  # MXF partition pack
    b".RMF",
)
_PHOTO_BRANDS: Final = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis")
_RAW_BRAND: Final = b"crx "
"""Canon's CR3, and with another box in it Canon's raw film."""

_VIDEO_BOXES: Final = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"moof", b"styp")
_TS_PACKETS: Final = (188, 192, 204)

_PNG_CHUNKS: Final = 64
"""Chunks looked at for the one that tells of an animation; it stands before the picture's own."""


def sniff(start: bytes) -> SniffedKind | None:
    """Photo or video, from the first `SNIFF_BYTES` of a file; None where neither is recognised.

    An animated picture begins as a still one does: `kind_of` tells them apart.

    >>> sniff(b"GIF89a...")
    'photo'
    """
    if start.startswith(_PHOTO_STARTS):
        return "photo"
    if start[:4] == b"RIFF":
        return {b"WEBP": "photo", b"AVI ": "video"}.get(start[8:12])  # type: ignore[return-value]
    if start[4:8] == b"ftyp":
        return "photo" if start[8:12] in _PHOTO_BRANDS or _is_raw_photo(start) else "video"
    if start.startswith(_VIDEO_STARTS) or start[4:8] in _VIDEO_BOXES or _is_transport_stream(start):
        return "video"
    return None


def kind_of(file: BinaryIO) -> SniffedKind | None:
    """The same of an open file; a picture that moves is a film, with shots and times."""
    file.seek(0)
    kind = sniff(file.read(SNIFF_BYTES))
    return "video" if kind == "photo" and is_animated(file) else kind


def is_animated(file: BinaryIO) -> bool:
    """Whether a GIF, WebP, PNG or AVIF holds more than one picture to be shown one after the other."""
    file.seek(0)
    start = file.read(SNIFF_BYTES)
    if start.startswith((b"GIF87a", b"GIF89a")):
        return _gif_moves(file)
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return start[12:16] == b"VP8X" and bool(start[20] & 2) and _webp_pictures(file) > 1
    if start.startswith(b"\x89PNG"):
        return _png_pictures(file) > 1
    return start[4:8] == b"ftyp" and start[8:12] == b"avis"


def _gif_moves(file: BinaryIO) -> bool:
    """Whether there is a second picture (GIF89a, appendix A: blocks of sub-blocks, each with its length)."""
    file.seek(0)
    head = file.read(13)
    _skip_colours(file, head[10:11])
    pictures = 0
    while kind := file.read(1):
        if kind == b",":
            pictures += 1
            if pictures > 1:
                return True
            _skip_colours(file, file.read(9)[8:])
            file.seek(1, os.SEEK_CUR)  # code size
        elif kind == b"!":
            file.seek(1, os.SEEK_CUR)  # label
        else:
            return False
        while length := file.read(1)[:1]:
            if length == b"\x00":
                break
            file.seek(length[0], os.SEEK_CUR)
    return False


def _skip_colours(file: BinaryIO, flags: bytes) -> None:
    if flags and flags[0] & 0x80:
        file.seek(3 << ((flags[0] & 7) + 1), os.SEEK_CUR)


def _webp_pictures(file: BinaryIO) -> int:
    """Animation frames, counted to two (RFC 9649, 2.7: RIFF chunks, padded to even lengths)."""
    file.seek(12)
    pictures = 0
    while pictures < 2 and len(head := file.read(8)) == 8:
        pictures += head[:4] == b"ANMF"
        size = int.from_bytes(head[4:], "little")
        file.seek(size + size % 2, os.SEEK_CUR)
    return pictures


def _png_pictures(file: BinaryIO) -> int:
    """What the animation control says (PNG third edition, 11.3.6.1); 1 without it."""
    file.seek(8)
    for _ in range(_PNG_CHUNKS):
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IDAT":
            break
        if head[4:] == b"acTL":
            return int(struct.unpack(">I", file.read(4).rjust(4, b"\x00"))[0])
        file.seek(int.from_bytes(head[:4], "big") + 4, os.SEEK_CUR)
    return 1


def _is_raw_photo(start: bytes) -> bool:
    return start[8:12] == _RAW_BRAND and b"CanonCRM" not in start


def _is_transport_stream(start: bytes) -> bool:
    for size in _TS_PACKETS:
        first = 4 if size == 192 else 0
        syncs = start[first::size]
        if len(syncs) >= 4 and set(syncs) == {0x47}:
            return True
    return False
