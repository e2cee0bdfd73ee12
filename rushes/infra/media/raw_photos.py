"""Camera raw photos, developed by LibRaw as the camera was set. Runs in the child."""

from itertools import islice
from typing import Final

import rawpy
import tifffile
from PIL import ExifTags, Image

from rushes.infra.media.animations import check_pixels
from rushes.infra.media.photo_facts import camera_of, captured_at_of
from rushes.infra.media.sniff import RAW_STARTS, TIFF_STARTS
from rushes.infra.media.tiffs import UNREADABLE
from rushes.infra.settings import DecodeLimits
from rushes.schemas.errors import DamagedMedia, UnsupportedMedia
from rushes.schemas.media import MediaFacts

_MOSAIC: Final = (32803, 34892)
"""TIFF photometric interpretations that only raw photos have: colour filter array, and linear raw (DNG 1.7)."""

_PAGES: Final = 8
"""Pages looked at: a raw file begins with its previews."""

HALF_FROM: Final = 1.5
"""A raw of this many times the lines that are stored is developed at half its size, in a fifth of the time."""

_SIDEWAYS: Final = (5, 6)
"""LibRaw's turns by a quarter."""


def is_raw(path: str, start: bytes) -> bool:
    """Whether a photo is a camera's raw: by its first bytes, or as a TIFF by what its pages hold."""
    if start.startswith(RAW_STARTS) or start[4:12] == b"ftypcrx ":
        return True
    if not start.startswith(TIFF_STARTS):
        return False
    return start[8:10] == b"CR" or _holds_mosaic(path)


def decode_raw(path: str, limits: DecodeLimits) -> tuple[MediaFacts, Image.Image]:
    """The photo in sRGB, with the camera's white balance, upright.

    Raises UnsupportedMedia for a camera that LibRaw does not know, DamagedMedia, LimitExceeded by the header.
    """
    raw = rawpy.RawPy()
    try:
        raw.open_file(path)
        sizes = raw.sizes
        check_pixels(sizes.raw_width, sizes.raw_height, limits)
        raw.unpack()
        half = min(sizes.width, sizes.height) >= HALF_FROM * limits.keyframe_lines
        rgb = raw.postprocess(use_camera_wb=True, half_size=half, output_bps=8, gamma=(2.4, 12.92))
    except (rawpy.LibRawFileUnsupportedError, rawpy.NotSupportedError) as error:
        raise UnsupportedMedia(
            f"found a camera raw that LibRaw {'.'.join(map(str, rawpy.libraw_version))} can't develop; write it as DNG"
            " or JPEG"
        ) from error
    except (rawpy.LibRawUnsufficientMemoryError, rawpy.LibRawTooBigError) as error:
        raise MemoryError from error
    except rawpy.LibRawError as error:
        raise DamagedMedia(f"the camera raw does not decode: {error.args[0] if error.args else error!r}") from error
    finally:
        raw.close()
    width, height = sizes.width, sizes.height
    if sizes.flip in _SIDEWAYS:
        width, height = height, width
    exif = _exif(path)
    facts = MediaFacts(
        media_kind="photo",
        container="raw",
        codec="raw",
        width=width,
        height=height,
        rotation_degrees={3: 180, 5: 270, 6: 90}.get(sizes.flip, 0),
        display_transform="camera-raw/bt709",
        camera=camera_of(exif),
        captured_at=captured_at_of(exif),
    )
    return facts, Image.fromarray(rgb)


def _holds_mosaic(path: str) -> bool:
    try:
        with tifffile.TiffFile(path) as file:
            for page in islice(file.pages, _PAGES):
                below = (page.pages or ()) if isinstance(page, tifffile.TiffPage) else ()
                if any(int(getattr(one, "photometric", -1)) in _MOSAIC for one in (page, *below)):
                    return True
    except UNREADABLE:
        return False
    return False


def _exif(path: str) -> Image.Exif:
    """What the first page of a raw file that is a TIFF says of camera and time; nothing of other files."""
    exif = Image.Exif()
    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages[0]
            if isinstance(page, tifffile.TiffPage):
                for tag in (ExifTags.Base.Make, ExifTags.Base.Model, ExifTags.Base.DateTime):
                    exif[tag] = page.tags.valueof(tag, default="")
                details = page.tags.valueof(ExifTags.IFD.Exif, default={})
                if isinstance(details, dict):
                    taken = ("DateTimeOriginal", "OffsetTimeOriginal")
                    exif.get_ifd(ExifTags.IFD.Exif).update({ExifTags.Base[n]: details.get(n, "") for n in taken})
    except UNREADABLE:
        return Image.Exif()
    return exif
