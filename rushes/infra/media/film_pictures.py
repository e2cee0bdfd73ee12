"""Frames kept for keyframes, and how they become upright RGB with square pixels, for a screen. Runs in the child."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from PIL import Image

from rushes.infra.media.film_facts import displayed_size, rotation_of
from rushes.infra.media.film_fields import without_combing
from rushes.infra.media.jpeg import scaled_size
from rushes.processors.display.transform import DisplayTransform

_MATRICES: Final = (0, 1, 4, 5, 6, 7, 9)
"""Matrices (ISO/IEC 23091-2) that the scaler knows: RGB, BT.709, FCC, BT.601 (two), SMPTE 240M, BT.2020."""

_BT2020: Final = (10, 9)
"""Primaries or matrices of BT.2020, by which a film that names another matrix of BT.2020 is taken for the usual one."""

_HIGH_DEFINITION_LINES: Final = 720
"""Films of this height and more that name no colour matrix use that of HDTV (BT.709); smaller ones BT.601."""

_TURNS: Final = {
    90: Image.Transpose.ROTATE_270,  # Pillow turns counter-clockwise
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class KeptFrame:
    """A frame held for later: as decoded, or scaled already where it was larger than it will be stored."""

    frame: av.VideoFrame
    size: tuple[int, int]
    turn: Literal[0, 90, 180, 270]
    transform: DisplayTransform | None

    @classmethod
    def of(cls, frame: av.VideoFrame, aspect: Fraction, lines: int, transform: str | None = None) -> "KeptFrame":
        """Keep a frame. A picture of more than `lines` lines is scaled now, so that what is held stays small.

        `transform`: name of the display transform that its code values need.
        """
        size = scaled_size(*displayed_size(frame, aspect), lines)
        turn = rotation_of(frame)
        frame.colorspace = _matrix_of(frame)
        frame = without_combing(frame)
        shown = DisplayTransform.named(transform) if transform is not None else None
        if size[0] * size[1] < frame.width * frame.height and not _is_float(frame):
            frame = frame.reformat(*size, format=_held_format(frame, shown), interpolation=Interpolation.AREA)
        return cls(frame, size, turn, shown)

    def to_image(self) -> Image.Image:
        """As it is shown: RGB, upright, square pixels."""
        image = self._shown() if self.transform is None else self._transformed(self.transform)
        return image if self.turn == 0 else image.transpose(_TURNS[self.turn])

    def _shown(self) -> Image.Image:
        clear = _has_alpha(self.frame) and not _is_yuv(self.frame)
        rgb = self.frame.reformat(
            *self.size, format="rgba" if clear else "rgb24", interpolation=Interpolation.BICUBIC
        ).to_ndarray()
        return on_white(Image.fromarray(rgb, mode="RGBA")) if clear else Image.fromarray(rgb)

    def _transformed(self, transform: DisplayTransform) -> Image.Image:
        if _is_float(self.frame):  # the scaler would clip what is brighter than white
            light = np.asarray(self.frame.to_ndarray(), dtype=np.float32)
            rgb = np.repeat(light[..., None], 3, axis=2) if light.ndim == 2 else light[..., :3]
            image = Image.fromarray(transform.levels(rgb))
            return image.resize(self.size, Image.Resampling.LANCZOS, reducing_gap=3.0)
        deep = self.frame.reformat(*self.size, format="rgb48le", interpolation=Interpolation.BICUBIC)
        limited = _is_yuv(self.frame) and self.frame.color_range != ColorRange.JPEG
        codes = np.asarray(deep.to_ndarray(), dtype=np.uint16)
        return Image.fromarray(transform.levels(codes, limited=limited))


def on_white(image: Image.Image) -> Image.Image:
    """An RGBA picture as it looks on white paper."""
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    white.alpha_composite(image)
    return white.convert("RGB")


def _matrix_of(frame: av.VideoFrame) -> int:
    """The frame's colour matrix as the scaler takes it: its own, or the usual one of such a film."""
    matrix = int(frame.colorspace)
    if matrix in _MATRICES:
        return matrix
    if matrix in _BT2020 or int(frame.color_primaries) in _BT2020:
        return int(Colorspace.BT2020)
    return int(Colorspace.ITU709 if frame.height >= _HIGH_DEFINITION_LINES else Colorspace.ITU601)


def _held_format(frame: av.VideoFrame, transform: DisplayTransform | None) -> str:
    """Format in which a scaled frame is held: RGB stays RGB, what is transformed keeps its tones."""
    if not _is_yuv(frame):
        return "rgb48le" if transform is not None else "rgba" if _has_alpha(frame) else "rgb24"
    return "yuv420p" if transform is None else "yuv420p10le"


def _is_yuv(frame: av.VideoFrame) -> bool:
    return not frame.format.is_rgb and frame.format.name != "pal8"


def _is_float(frame: av.VideoFrame) -> bool:
    return frame.format.name.endswith(("f32le", "f32be", "f16le", "f16be"))


def _has_alpha(frame: av.VideoFrame) -> bool:
    name = frame.format.name
    return name == "pal8" or (frame.format.is_rgb and len(frame.format.components) == 4)
