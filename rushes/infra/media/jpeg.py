"""From a decoded picture to what is stored of it: JPEG, thumbnail, hash, quality, flags. Runs in the child."""

import hashlib
import io
from collections.abc import Iterable
from typing import Final

import numpy as np
from PIL import Image

from rushes.infra.media.messages import PictureMade
from rushes.infra.settings import DecodeLimits
from rushes.processors.shots.pictures import is_black, near_duplicate, perceptual_hash, quality_of
from rushes.schemas.shots import FrameFlag, FrameReason

FIGURES_PIXELS: Final = 640
"""Longest side of the picture that quality is measured on, so that the figures compare across resolutions."""

JPEG_MAX_SIDE: Final = 65_500
"""What the format can hold, less a rounding."""


def scaled_size(width: int, height: int, lines: int) -> tuple[int, int]:
    """Size of a picture whose shorter side has at most `lines` lines (a portrait is a landscape turned), never larger.

    >>> scaled_size(7680, 4320, 2160)
    (3840, 2160)
    """
    factor = min(1.0, lines / min(width, height), JPEG_MAX_SIDE / max(width, height))
    return max(1, round(width * factor)), max(1, round(height * factor))


def make_picture(
    image: Image.Image,
    limits: DecodeLimits,
    *,
    why: FrameReason,
    time_us: int | None = None,
    frame_index: int = 0,
    hashes_before: Iterable[str] = (),
) -> tuple[PictureMade, bytes]:
    """The message that tells of an RGB picture (as displayed, scaled already), and its payload: JPEG, thumbnail.

    `hashes_before`: perceptual hashes of the shot's earlier keyframes.
    """
    jpeg = _encode(image, limits.jpeg_quality)
    thumbnail = image.copy()
    thumbnail.thumbnail((limits.thumbnail_pixels, limits.thumbnail_pixels), reducing_gap=2.0)
    figures = image.convert("L")
    figures.thumbnail((FIGURES_PIXELS, FIGURES_PIXELS), reducing_gap=2.0)
    grey = np.asarray(figures, dtype=np.uint8)
    looks = perceptual_hash(grey)
    flags: list[FrameFlag] = []
    if is_black(grey):
        flags.append("black")
    if near_duplicate(looks, hashes_before):
        flags.append("near_duplicate")
    message = PictureMade(
        time_us=time_us,
        frame_index=frame_index,
        why=why,
        width=image.width,
        height=image.height,
        sha256=hashlib.sha256(jpeg).hexdigest(),
        perceptual_hash=looks,
        quality=quality_of(grey),
        flags=tuple(flags),
        image_bytes=len(jpeg),
    )
    return message, jpeg + _encode(thumbnail, limits.jpeg_quality)


def _encode(image: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()
