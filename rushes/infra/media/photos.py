"""Photos to RGB as a viewer shows them: orientation applied, first frame, transparency on white. Runs in the child."""

import warnings
from datetime import UTC, datetime
from typing import Final, Literal

import numpy as np
import pillow_heif
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from rushes.infra.media.jpeg import make_picture, scaled_size
from rushes.infra.media.messages import PhotoDecoded, PhotoJob, Send
from rushes.infra.settings import DecodeLimits
from rushes.schemas.errors import DamagedMedia, LimitExceeded, UnsupportedMedia
from rushes.schemas.media import MediaFacts

_DEGREES: Final[dict[int, Literal[90, 180, 270]]] = {3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}
"""Clockwise turn that shows the picture upright, by EXIF orientation (mirrored ones too)."""

FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "HEIF", "AVIF", "BMP", "JPEG2000")
"""What is opened. Pillow knows more, such as PostScript, for which it would start another program."""

_SIXTEEN_BIT: Final = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")


def decode_photo(job: PhotoJob, limits: DecodeLimits, send: Send) -> None:
    """Send the photo's picture and facts.

    Raises UnsupportedMedia where no decoder knows the bytes, DamagedMedia where they don't decode, LimitExceeded for
    more pixels than allowed (told by the header, before anything is decoded).
    """
    Image.MAX_IMAGE_PIXELS = None  # the limit is ours, checked below
    pillow_heif.register_heif_opener(thumbnails=False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of broken EXIF; the picture is what counts
            with Image.open(job.path, formats=FORMATS) as opened:
                _check_pixels(opened, limits)
                send_photo(opened, limits, send)
    except UnidentifiedImageError as error:
        raise UnsupportedMedia("expected a photo, found bytes that no picture decoder here knows") from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, ZeroDivisionError) as error:
        # Pillow's plugins raise these on damaged bytes, without a class of their own.
        raise DamagedMedia(f"the photo does not decode: {error or type(error).__name__}") from error


def send_photo(opened: Image.Image, limits: DecodeLimits, send: Send) -> None:
    """Decode an opened photo, and send it."""
    exif = opened.getexif()
    orientation = exif.get(ExifTags.Base.Orientation, 1)
    container = (opened.format or "unknown").lower()
    width, height = opened.size
    opened.draft("RGB", scaled_size(width, height, limits.keyframe_lines))
    lying = opened.size
    upright = ImageOps.exif_transpose(opened)
    if upright.size != lying:  # not told by the tag: a TIFF turns itself
        width, height = height, width
    facts = MediaFacts(
        media_kind="photo",
        container=container,
        codec=container,
        width=width,
        height=height,
        rotation_degrees=_DEGREES.get(orientation, 0),
        camera=_camera(exif),
        captured_at=_captured_at(exif),
    )
    rgb = _to_rgb(upright)
    size = scaled_size(rgb.width, rgb.height, limits.keyframe_lines)
    if size != rgb.size:
        rgb = rgb.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    message, payload = make_picture(rgb, limits, why="photo")
    send(message, payload)
    send(PhotoDecoded(facts=facts), b"")


def _check_pixels(opened: Image.Image, limits: DecodeLimits) -> None:
    pixels = opened.width * opened.height
    if pixels > limits.pixels:
        raise LimitExceeded(
            f"the photo's header says {opened.width} x {opened.height} = {pixels:,} pixels, at most {limits.pixels:,}"
            " are decoded; scale it down, or raise RUSHES_DECODE__PIXELS"
        )


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in _SIXTEEN_BIT:
        return _stretched(image)
    if image.mode == "CMYK":
        return image.convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        on_white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        on_white.alpha_composite(rgba)
        return on_white.convert("RGB")
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


def _camera(exif: Image.Exif) -> str | None:
    make, model = (str(exif.get(tag) or "").strip(" \x00") for tag in (ExifTags.Base.Make, ExifTags.Base.Model))
    if make and model.lower().startswith(make.lower()):
        make = ""
    return " ".join(part for part in (make, model) if part)[:200] or None


def _captured_at(exif: Image.Exif) -> datetime | None:
    details = exif.get_ifd(ExifTags.IFD.Exif)
    text = str(details.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime) or "").strip(" \x00")
    offset = str(details.get(ExifTags.Base.OffsetTimeOriginal) or "").strip(" \x00").replace(":", "")
    for form, stamp in (("%Y:%m:%d %H:%M:%S%z", text + offset), ("%Y:%m:%d %H:%M:%S", text)):
        try:
            taken = datetime.strptime(stamp, form)  # noqa: DTZ007  EXIF without an offset is local time of unknown zone
        except ValueError:
            continue
        return taken if taken.tzinfo is None else taken.astimezone(UTC)
    return None
