"""Photos to RGB as a viewer shows them: orientation and colour profile applied, transparency on white. In the child."""

import warnings
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pillow_heif
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from rushes.infra.media.animations import DAMAGED, check_pixels
from rushes.infra.media.colour_profiles import to_srgb
from rushes.infra.media.film_pictures import on_white
from rushes.infra.media.hdr_photos import decode_hdr
from rushes.infra.media.jpeg import make_picture, scaled_size
from rushes.infra.media.messages import PhotoDecoded, PhotoJob, Send
from rushes.infra.media.photo_facts import camera_of, captured_at_of
from rushes.infra.media.raw_photos import decode_raw, is_raw
from rushes.infra.media.scans import decode_scan, is_scan
from rushes.infra.media.sniff import SNIFF_BYTES, TIFF_STARTS
from rushes.infra.media.strangers import refuse_strangers
from rushes.infra.media.tiffs import decode_tiff, pillow_reads
from rushes.infra.settings import DecodeLimits
from rushes.schemas.errors import DamagedMedia, UnsupportedMedia
from rushes.schemas.media import MediaFacts

_DEGREES: Final[dict[int, Literal[90, 180, 270]]] = {3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}
"""Clockwise turn that shows the picture upright, by EXIF orientation (mirrored ones too)."""

FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "HEIF", "AVIF", "BMP", "JPEG2000")
"""What is opened. Pillow knows more, such as PostScript, for which it would start another program."""

_SIXTEEN_BIT: Final = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")


def decode_photo(job: PhotoJob, limits: DecodeLimits, send: Send) -> None:
    """Send the photo's picture and facts.

    Raises UnsupportedMedia where no decoder knows the bytes, NeedsProxy for film frames in a camera's raw, DamagedMedia
    where they don't decode, LimitExceeded for more pixels than allowed (told by the header, before anything is
    decoded).
    """
    Image.MAX_IMAGE_PIXELS = None  # the limit is ours
    pillow_heif.register_heif_opener(thumbnails=False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of broken EXIF; the picture is what counts
            facts, picture = _decoded(job.path, limits)
    except UnidentifiedImageError as error:
        raise UnsupportedMedia("expected a photo, found bytes that no picture decoder here knows") from error
    except DAMAGED as error:
        raise DamagedMedia(f"the photo does not decode: {error or type(error).__name__}") from error
    size = scaled_size(picture.width, picture.height, limits.keyframe_lines)
    if size != picture.size:
        picture = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    message, payload = make_picture(picture, limits, why="photo")
    send(message, payload)
    send(PhotoDecoded(facts=facts), b"")


def _decoded(path: str, limits: DecodeLimits) -> tuple[MediaFacts, Image.Image]:
    with Path(path).open("rb") as file:
        refuse_strangers(file)
        file.seek(0)
        start = file.read(SNIFF_BYTES)
    if is_scan(start):
        return decode_scan(path, limits)
    if is_raw(path, start):
        return decode_raw(path, limits)
    if start.startswith(TIFF_STARTS) and not pillow_reads(path):
        return decode_tiff(path, limits)
    with Image.open(path, formats=FORMATS) as opened:
        check_pixels(opened.width, opened.height, limits)
        return _opened(opened, path, limits)


def _opened(opened: Image.Image, path: str, limits: DecodeLimits) -> tuple[MediaFacts, Image.Image]:
    exif = opened.getexif()
    orientation = exif.get(ExifTags.Base.Orientation, 1)
    container = (opened.format or "unknown").lower()
    width, height = opened.size
    opened.draft("RGB", scaled_size(width, height, limits.keyframe_lines))
    lying = opened.size
    profile = opened.info.get("icc_profile")
    hdr = decode_hdr(opened, path)
    upright = ImageOps.exif_transpose(opened) if hdr is None else hdr.picture
    if upright.size != lying:  # not told by the tag: a TIFF turns itself
        width, height = height, width
    picture, transform = to_srgb(_scaled(upright, limits), profile) if hdr is None else (hdr.picture, hdr.transform)
    facts = MediaFacts(
        media_kind="photo",
        container=container,
        codec=container,
        width=width,
        height=height,
        rotation_degrees=_DEGREES.get(orientation, 0),
        color_transfer=hdr.transfer if hdr is not None else None,
        display_transform=transform,
        camera=camera_of(exif),
        captured_at=captured_at_of(exif),
    )
    return facts, _to_rgb(picture)


def _scaled(image: Image.Image, limits: DecodeLimits) -> Image.Image:
    """The picture as small as it will be stored, where its mode can be scaled without loss of meaning."""
    size = scaled_size(image.width, image.height, limits.keyframe_lines)
    if size == image.size or image.mode not in {"RGB", "L", "CMYK"}:
        return image
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in _SIXTEEN_BIT:
        return _stretched(image)
    if image.has_transparency_data:
        return on_white(image.convert("RGBA"))
    return image.convert("RGB")


def _stretched(image: Image.Image) -> Image.Image:
    """Grey of 16 bits and more: the top 8 bits of 16, or the range of the values where they are no such integers."""
    values = np.asarray(image).astype(np.float64)
    if not np.all(np.isfinite(values)):
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if image.mode != "F" and low >= 0 and high <= 65535:
        levels = values / 257
    else:
        levels = (values - low) * (255 / (high - low) if high > low else 0.0)
    return Image.fromarray(levels.round().astype(np.uint8), mode="L").convert("RGB")
