"""What a file is, by its first bytes and never by its name."""

from typing import Final, Literal

SNIFF_BYTES: Final = 1024

SniffedKind = Literal["photo", "video"]

_PHOTO_STARTS: Final = (
    b"\xff\xd8\xff",  # JPEG
    b"\x89PNG\r\n\x1a\n",
    b"GIF87a",
    b"GIF89a",
    b"II*\x00",  # TIFF, little-endian
    b"MM\x00*",  # TIFF, big-endian
    b"II+\x00",  # BigTIFF
    b"MM\x00+",
    b"BM",  # Windows bitmap
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
_VIDEO_BOXES: Final = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"moof", b"styp")
_TS_PACKETS: Final = (188, 192, 204)


def sniff(start: bytes) -> SniffedKind | None:
    """Photo or video, from the first `SNIFF_BYTES` of a file; None where neither is recognised.

    >>> sniff(b"GIF89a...")
    'photo'
    """
    if start.startswith(_PHOTO_STARTS):
        return "photo"
    if start[:4] == b"RIFF":
        return {b"WEBP": "photo", b"AVI ": "video"}.get(start[8:12])  # type: ignore[return-value]
    if start[4:8] == b"ftyp":
        return "photo" if start[8:12] in _PHOTO_BRANDS else "video"
    if start.startswith(_VIDEO_STARTS) or start[4:8] in _VIDEO_BOXES or _is_transport_stream(start):
        return "video"
    return None


def _is_transport_stream(start: bytes) -> bool:
    for size in _TS_PACKETS:
        first = 4 if size == 192 else 0
        syncs = start[first::size]
        if len(syncs) >= 4 and set(syncs) == {0x47}:
            return True
    return False
