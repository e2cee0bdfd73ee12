"""From a decoded picture to what is stored of it: JPEG, thumbnail, hash, quality, flags. Runs in the child."""

import io
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rushes.infra.media.messages import PictureMade
from rushes.infra.settings import DecodeLimits
from rushes.processors.shots.cards import has_clapper, is_card, is_color_bars
from rushes.processors.shots.pictures import is_black, near_duplicate, perceptual_hash
from rushes.processors.shots.quality import Detail, quality_of, richest_window
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
    raw: bool = False,
) -> tuple[PictureMade, bytes]:
    """The message that tells of an RGB picture (as displayed, scaled already), and its payload: JPEG, thumbnail.

    `hashes_before`: perceptual hashes of the shot's earlier keyframes. A face sample tells no noise and no resolution:
    nobody asks for its own, and they are a fifth of the work. `raw`: the payload is the picture's levels.
    """
    data = image.tobytes() if raw else _encode(image, limits.jpeg_quality)
    smaller = _within(image, max(FIGURES_PIXELS, limits.thumbnail_pixels))
    figures = _within(smaller, FIGURES_PIXELS)
    grey = np.asarray(figures.convert("L"), dtype=np.uint8)
    looks = perceptual_hash(grey)
    flags = _content_flags(np.asarray(figures, dtype=np.uint8), grey, photo=why == "photo")
    if near_duplicate(looks, hashes_before):
        flags.append("near_duplicate")
    message = PictureMade(
        time_us=time_us,
        frame_index=frame_index,
        why=why,
        width=image.width,
        height=image.height,
        perceptual_hash=looks,
        quality=quality_of(grey, None if why == "face_sample" else _detail(image, grey)),
        flags=tuple(flags),
        coding="rgb" if raw else "jpeg",
        image_bytes=len(data),
    )
    return message, data if raw else data + _encode(_within(smaller, limits.thumbnail_pixels), limits.jpeg_quality)


def _detail(image: Image.Image, grey: NDArray[np.uint8]) -> Detail:
    window = image.crop(richest_window(image.width, image.height, grey)).convert("L")
    return Detail(np.asarray(window, dtype=np.uint8), min(image.size))


def _content_flags(rgb: NDArray[np.uint8], grey: NDArray[np.uint8], *, photo: bool) -> list[FrameFlag]:
    """What a picture is where it is no place: it founds no cluster then. A photo of a page is somebody's document."""
    if is_black(grey):
        return ["black"]
    if is_color_bars(rgb):
        return ["color_bars"]
    return ["slate"] if has_clapper(grey) or (not photo and is_card(grey)) else []


def _within(image: Image.Image, side: int) -> Image.Image:
    """The picture with its longer side at most `side`, by the mean of boxes, whole ones first: they cost a third."""
    whole = max(image.size) // side
    if whole > 1 and min(image.size) >= whole:
        image = image.reduce(whole)
    factor = side / max(image.size)
    if factor >= 1:
        return image
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    return image.resize(size, Image.Resampling.BOX)


def _encode(image: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()
