"""From a stream's timestamps to microseconds since its first presented frame."""

from fractions import Fraction
from typing import Final

from av.video.stream import VideoStream

CLOCK_JUMP_US: Final = 1_000_000
"""A film's clock that goes back by more than this was reset (two recordings in one file), and is carried on."""

FAULTS: Final = 8
"""Timestamps that may run backwards before they are given up: a few in a good film cost the frames that have them,
while times of decoding lie a frame or two before those of showing."""

_USUAL_RATE: Final = Fraction(25)
"""Frames a second where a stream has neither a rate nor timestamps: that of raw streams in most tools."""


class FilmClock:
    """Times of one stream's frames, in their order; for streams with a clock, with a broken one, or with none.

    `origin_pts`: timestamp of the film's first frame, time 0; None before it, and as soon as times could not be found
    again by a seek. Given where reading starts inside the film.
    """

    def __init__(self, stream: VideoStream, origin_pts: int | None) -> None:
        self.origin_pts = origin_pts
        self._time_base: Fraction = stream.time_base or Fraction(1, 90_000)
        tick_us = self._time_base * 1_000_000
        self._us_numerator, self._us_denominator = (
            tick_us.numerator,
            tick_us.denominator,
        )  # fractions take 30 times as long
        rate = stream.average_rate or stream.guessed_rate or _USUAL_RATE
        self.frame_us = max(1, round(1_000_000 / (rate if rate > 0 else _USUAL_RATE)))
        self._base: tuple[int, int] | None = None if origin_pts is None else (origin_pts, 0)
        self._last_us: int | None = None
        self._last_pts: int | None = None
        self._last_dts: int | None = None
        self._faults_pts = self._faults_dts = 0

    def pts_of(self, origin_pts: int, time_us: int) -> int:
        """The timestamp at a time, not after it."""
        return origin_pts + int(Fraction(time_us, 1_000_000) / self._time_base)

    def ticks_us(self, pts: int) -> int:
        """A timestamp in microseconds from the film's origin; from zero before that is known."""
        return self._at(self._base or (0, 0), pts)

    def time_of(self, pts: int | None, dts: int | None = None) -> int | None:
        """The time in microseconds of the next frame; None where it has none of its own after the last one's.

        `dts`: when its packet was to be decoded, which takes the place of timestamps that keep running backwards.
        """
        last = self._last_us
        if self._is_muddled(pts, dts):
            self.origin_pts, pts = None, dts
        following = 0 if last is None else last + self.frame_us
        if pts is None:
            time_us = following
            self.origin_pts = None
        else:
            if self._base is None:
                self._base = (pts, following)
                self.origin_pts = pts if last is None else None
            time_us = self._at(self._base, pts)
            if last is not None and time_us < last - CLOCK_JUMP_US:
                self._base, time_us = (pts, following), following
                self.origin_pts = None
        if time_us < 0 or (last is not None and time_us <= last):
            return None
        self._last_us = time_us
        return time_us

    def _is_muddled(self, pts: int | None, dts: int | None) -> bool:
        """Whether more of the film's timestamps ran backwards than of its decoding times (as FFmpeg decides it)."""
        if pts is not None:
            self._faults_pts += self._last_pts is not None and pts <= self._last_pts
            self._last_pts = pts
        if dts is not None:
            self._faults_dts += self._last_dts is not None and dts <= self._last_dts
            self._last_dts = dts
        return dts is not None and self._faults_pts > self._faults_dts + FAULTS

    def duration_of(self, ticks: int | None) -> int:
        """How long a frame of this many ticks is shown, microseconds."""
        return self._at((0, 0), ticks) if ticks else self.frame_us

    def _at(self, base: tuple[int, int], pts: int) -> int:
        whole, rest = divmod((pts - base[0]) * self._us_numerator, self._us_denominator)
        return base[1] + whole + (2 * rest > self._us_denominator or (2 * rest == self._us_denominator and whole % 2))
