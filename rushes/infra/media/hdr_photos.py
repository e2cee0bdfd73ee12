"""Photos in HDR or wide primaries by number (`nclx`, ISO/IEC 23008-12): HEIC of cameras and phones, AVIF."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import av.error
import numpy as np
import pillow_heif
from PIL import Image

from rushes.infra.media.film_colour import HDR, transform_of
from rushes.infra.media.film_pictures import KeptFrame
from rushes.processors.display.transform import DisplayTransform

_HEADER_BYTES: Final = 256 * 1024
"""Where an AVIF tells of its colours: in its `meta` box, which comes first."""


@dataclass(frozen=True, slots=True)
class HdrPhoto:
    """A picture as a screen shows it, upright, and how it got there."""

    picture: Image.Image
    transfer: str | None
    transform: str


def decode_hdr(opened: Image.Image, path: str) -> HdrPhoto | None:
    """The picture by its display transform; None where it needs none, or it has an ICC profile, which says more."""
    if opened.info.get("icc_profile"):
        return None
    if opened.format == "HEIF":
        return _of_heif(opened, path)
    return _of_avif(opened, path) if opened.format == "AVIF" else None


def _of_heif(opened: Image.Image, path: str) -> HdrPhoto | None:
    told = opened.info.get("nclx_profile")
    if not isinstance(told, dict):
        return None
    transfer, transform = transform_of(int(told["transfer_characteristics"]), int(told["color_primaries"]))
    if transform is None:
        return None
    deep = pillow_heif.open_heif(path, convert_hdr_to_8bit=False)
    codes = np.asarray(deep)[..., :3]
    wide = codes if codes.dtype == np.uint16 else codes.astype(np.uint16) * 257
    return HdrPhoto(Image.fromarray(DisplayTransform.named(transform).levels(wide)), transfer, transform)


def _of_avif(opened: Image.Image, path: str) -> HdrPhoto | None:
    """Pillow gives 8 bits of an AVIF; its film decoder gives them all, of pictures in one piece."""
    with Path(path).open("rb") as file:
        header = file.read(_HEADER_BYTES)
    at = header.find(b"colrnclx")
    if at < 0 or transform_of(int.from_bytes(header[at + 10 : at + 12], "big"), 2)[0] not in HDR:
        return None
    try:
        with av.open(
            path, options={"format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2", "protocol_whitelist": "file"}
        ) as film:
            frame = next(film.decode(video=0))
    except (av.error.FFmpegError, StopIteration, IndexError):
        return None
    transfer, transform = transform_of(int(frame.color_trc), int(frame.color_primaries))
    if transform is None or (frame.width, frame.height) != opened.size:
        return None
    kept = KeptFrame.of(frame, Fraction(1), min(opened.size), transform)
    return HdrPhoto(kept.to_image(), transfer, transform)
