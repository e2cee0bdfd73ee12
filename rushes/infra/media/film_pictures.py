"""Frames kept for keyframes, and how they become upright RGB with square pixels. Runs in the child."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal

import av
from av.video.reformatter import Colorspace, Interpolation
from PIL import Image

from rushes.infra.media.film_facts import displayed_size, rotation_of
from rushes.infra.media.jpeg import scaled_size

_UNSPECIFIED: Final = 2
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
    matrix: Colorspace | None

    @classmethod
    def of(cls, frame: av.VideoFrame, aspect: Fraction, lines: int) -> "KeptFrame":
        """Keep a frame. A picture of more than `lines` lines is scaled now, so that what is held stays small."""
        size = scaled_size(*displayed_size(frame, aspect), lines)
        guess = Colorspace.ITU709 if frame.height >= _HIGH_DEFINITION_LINES else Colorspace.ITU601
        matrix = guess if frame.colorspace == _UNSPECIFIED else None
        turn = rotation_of(frame)
        if size[0] * size[1] < frame.width * frame.height:
            frame = frame.reformat(*size, format="yuv420p", interpolation=Interpolation.AREA)
        return cls(frame, size, turn, matrix)

    def to_image(self) -> Image.Image:
        """As it is shown: RGB, upright, square pixels."""
        width, height = self.size
        rgb = self.frame.reformat(
            width, height, format="rgb24", src_colorspace=self.matrix, interpolation=Interpolation.BICUBIC
        )
        image = Image.fromarray(rgb.to_ndarray())
        return image if self.turn == 0 else image.transpose(_TURNS[self.turn])
