"""Files that are refused by name: camera raw film that only its maker's software decodes, and what is no media."""

from typing import BinaryIO, Final

from rushes.infra.media.film_claims import sample_formats
from rushes.infra.media.sniff import SNIFF_BYTES
from rushes.schemas.errors import NeedsProxy, UnsupportedMedia

_RAW_CODECS: Final = {
    b"aprn": "Apple ProRes RAW",
    b"aprh": "Apple ProRes RAW HQ",
    b"CRAW": "Canon Cinema RAW Light",
    b"zraw": "Z CAM ZRAW",
    b"nraw": "Nikon N-RAW",
}
"""By the four letters in a QuickTime's sample description. Blackmagic RAW's begin with `br`: brxq, brhq, brst, brlt."""

_NOT_MEDIA: Final = (
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript document"),
    (b"PK\x03\x04", "a zip archive or office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "an archive"),
    (b"Rar!", "an archive"),
    (b"{\\rtf", "a text document"),
    (b"\x7fELF", "a program"),
    (b"ID3", "sound without pictures"),
    (b"fLaC", "sound without pictures"),
)

_MARKUP: Final = ((b"<svg", "an SVG drawing"), (b"<html", "a web page"), (b"<?xml", "an XML document"))


def refuse_strangers(file: BinaryIO) -> None:
    """Raises NeedsProxy for camera raw film that can't be decoded here, UnsupportedMedia for what is no media."""
    file.seek(0)
    start = file.read(SNIFF_BYTES)
    if (maker := _raw_film(file, start)) is not None:
        raise NeedsProxy(
            f"found {maker}, which only its maker's software decodes; needs a proxy: write one as ProRes or H.264 with"
            " that software (or DaVinci Resolve), beside the original or in its place"
        )
    if start.startswith((b"\xff\x0a", b"\x00\x00\x00\x0cJXL \r\n\x87\n")):
        raise UnsupportedMedia(
            "found a JPEG XL photo, for which there is no decoder here; write it as JPEG, PNG or HEIC"
        )
    if start.startswith(b"8BPS"):
        raise UnsupportedMedia("found a Photoshop document; write it as TIFF, PNG or JPEG")
    if start.startswith((b"\x80\x2a\x5f\xd7", b"\xd7\x5f\x2a\x80")):
        raise UnsupportedMedia("found a Cineon film scan, for which there is no decoder here; write it as DPX")
    if (what := _not_media(start)) is not None:
        raise UnsupportedMedia(f"expected a photo or film, found {what}")


def _raw_film(file: BinaryIO, start: bytes) -> str | None:
    if start[4:8] in {b"RED1", b"RED2"}:
        return "a film in REDCODE RAW (R3D)"
    if start[:4] == b"ARRI":
        return "a frame in ARRIRAW"
    if start[4:8] == b"ftyp" and b"CanonCRM" in start:
        return "a film in Canon Cinema RAW Light"
    for codec in sample_formats(file):
        if codec[:2] == b"br" or codec == b"braw":
            return "a film in Blackmagic RAW (BRAW)"
        if codec in _RAW_CODECS:
            return f"a film in {_RAW_CODECS[codec]}"
    return None


def _not_media(start: bytes) -> str | None:
    for magic, what in _NOT_MEDIA:
        if start.startswith(magic):
            return what
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(b"<"):
        return next((what for tag, what in _MARKUP if tag in text), None)
    return None
