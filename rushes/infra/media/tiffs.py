"""TIFF as film and print work with it: floating point, and 16 bits in separate planes, which Pillow does not read."""

import struct
from typing import Final

import numpy as np
import tifffile
from PIL import Image

from rushes.infra.media.animations import check_pixels
from rushes.infra.settings import DecodeLimits
from rushes.processors.display.transform import DisplayTransform
from rushes.schemas.errors import UnsupportedMedia
from rushes.schemas.media import MediaFacts

FLOAT: Final = DisplayTransform("linear", "bt709")
"""What floating-point colour is taken for: light in proportion, white at 1."""

UNREADABLE: Final = (tifffile.TiffFileError, OSError, ValueError, KeyError, IndexError, TypeError, struct.error)
"""What tifffile raises on damaged bytes."""


def pillow_reads(path: str) -> bool:
    """Whether Pillow reads this TIFF rightly; what can't be told is left to it, and to its error."""
    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages[0]
            assert isinstance(page, tifffile.TiffPage)
            if page.samplesperpixel < 3:
                return True
            separate = page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and page.bitspersample > 8
            return not separate and page.sampleformat != tifffile.SAMPLEFORMAT.IEEEFP
    except (*UNREADABLE, AssertionError):
        return True


def decode_tiff(path: str, limits: DecodeLimits) -> tuple[MediaFacts, Image.Image]:
    """The first page. Raises LimitExceeded by its header, UnsupportedMedia for a compression that is not decoded."""
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        assert isinstance(page, tifffile.TiffPage)
        check_pixels(page.imagewidth, page.imagelength, limits)
        try:
            values = page.asarray()
        except ValueError as error:
            if "imagecodecs" not in str(error):
                raise
            raise UnsupportedMedia(
                f"found a TIFF of {page.bitspersample} bits in a compression ({int(page.compression)}) that is not"
                " decoded here; write it without compression, or with Deflate"
            ) from error
        if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
            values = np.moveaxis(values, 0, -1)
    floats = np.issubdtype(values.dtype, np.floating)
    rgb = values[..., :3]
    levels = (
        FLOAT.levels(rgb.astype(np.float32)) if floats else (rgb >> (8 * (rgb.dtype.itemsize - 1))).astype(np.uint8)
    )
    facts = MediaFacts(
        media_kind="photo",
        container="tiff",
        codec="tiff",
        width=levels.shape[1],
        height=levels.shape[0],
        color_transfer="linear" if floats else None,
        display_transform=FLOAT.name if floats else None,
    )
    return facts, Image.fromarray(np.ascontiguousarray(levels))
