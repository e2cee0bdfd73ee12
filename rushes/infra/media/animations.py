"""Animated GIF, WebP, PNG and AVIF as films: pictures with times of their own. Runs in the child.

Read by Pillow, as the still ones are: FFmpeg has no decoder for animated WebP.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Final

import av
import numpy as np
from PIL import Image, ImageSequence

from rushes.infra.media.film_pictures import on_white
from rushes.infra.media.film_reader import TimedFrame
from rushes.infra.settings import DecodeLimits
from rushes.schemas.errors import DamagedMedia, LimitExceeded
from rushes.schemas.media import MediaFacts, Rational

FORMATS: Final = ("GIF", "WEBP", "PNG", "AVIF")

_LEAST_MS: Final = 10
_USUAL_MS: Final = 100
"""What browsers do with a picture that is to be shown for 10 ms or less: they show it for 100."""

DAMAGED: Final = (
    OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, ZeroDivisionError, RuntimeError,
)  # fmt: skip
"""What Pillow's plugins raise on damaged bytes, without a class of their own (RuntimeError: AVIF's)."""


class AnimationReader:
    """Pictures of one animation, as `FilmReader` gives the frames of a film. It is read from its beginning always."""

    def __init__(self, path: str, limits: DecodeLimits, *, alive: Callable[[], None]) -> None:
        self._path = path
        self._limits = limits
        self._alive = alive
        self._read_error: str | None = None
        self.facts: MediaFacts | None = None
        self.origin_pts: int | None = None
        self.aspect = Fraction(1)
        self.frame_us = _USUAL_MS * 1000
        self.end_us = 0

    def frames(self, start_us: int = 0, origin_pts: int | None = None) -> Iterator[TimedFrame]:  # noqa: ARG002
        """All pictures with their times. Raises DamagedMedia where not even the first can be read, LimitExceeded for
        more pixels than allowed (by the header).
        """
        Image.MAX_IMAGE_PIXELS = None  # the limit is ours
        self.end_us, self._read_error = 0, None
        try:
            opened = Image.open(self._path, formats=FORMATS)
        except DAMAGED as error:  # an UnidentifiedImageError among them
            raise DamagedMedia("the animation's header can't be read; copy the file again") from error
        with opened:
            check_pixels(opened.width, opened.height, self._limits, "animation")
            yield from self._pictures(opened)

    def skipped(self, from_us: int, until_us: int | None = None) -> list[int]:  # noqa: ARG002
        """None: what follows a damaged picture is not read."""
        return []

    def shortfall(self) -> str | None:
        """Why the animation ended before its time, or None where it did not."""
        return self._read_error

    def _pictures(self, opened: Image.Image) -> Iterator[TimedFrame]:
        pictures = iter(ImageSequence.Iterator(opened))
        if getattr(opened, "default_image", False):  # a PNG's picture for those who can't show the animation
            next(pictures, None)
        while True:
            self._alive()
            try:
                picture = next(pictures, None)
                if picture is None:
                    return
                rgb = on_white(picture.convert("RGBA")) if picture.has_transparency_data else picture.convert("RGB")
            except DAMAGED as error:
                self._read_error = f"the animation can't be read on: {error or type(error).__name__}"
                return
            if self.facts is None:
                self.facts = _facts_of(opened)
            shown_ms = float(picture.info.get("duration") or 0)
            time_us = self.end_us
            self.end_us += round(1000 * (shown_ms if shown_ms > _LEAST_MS else _USUAL_MS))
            yield TimedFrame(av.VideoFrame.from_ndarray(np.asarray(rgb), format="rgb24"), time_us)


def check_pixels(width: int, height: int, limits: DecodeLimits, what: str = "photo") -> None:
    """Raises LimitExceeded for a picture whose header says that it is too large to be decoded."""
    pixels = width * height
    if pixels > limits.pixels:
        raise LimitExceeded(
            f"the {what}'s header says {width} x {height} = {pixels:,} pixels, at most {limits.pixels:,}"
            " are decoded; scale it down, or raise RUSHES_DECODE__PIXELS"
        )


def _facts_of(opened: Image.Image) -> MediaFacts:
    name = (opened.format or "unknown").lower()
    return MediaFacts(
        media_kind="video",
        container=name,
        codec=name,
        width=opened.width,
        height=opened.height,
        time_base=Rational(numerator=1, denominator=1000),
    )
