"""Time codes as editors read them: HH:MM:SS:FF, with a semicolon before FF where frame numbers are dropped.

Drop-frame counting follows SMPTE ST 12-1: numbers 0 and 1 (0 to 3 at 60 frames) are left out at each minute that is
not a tenth.
"""

import re
from fractions import Fraction

from rushes.schemas.media import MediaFacts

_START = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})[:;.](\d{2,3})")
_DROP_RATES = {30: 2, 60: 4}
"""Numbers dropped a minute, by the rounded frame rate."""
_DAY_HOURS = 24


class FrameCodes:
    """Time codes of one film at its own rate; without a rate, seconds.

    `first`: the code of time 0 in the place of the film's own, written with colons; it is counted as the film counts.
    """

    def __init__(self, facts: MediaFacts | None, first: str | None = None) -> None:
        rate = facts.frame_rate if facts is not None else None
        self._rate = Fraction(rate.numerator, rate.denominator) if rate is not None and rate.numerator > 0 else None
        self._nominal = max(round(self._rate), 1) if self._rate is not None else 1
        start = facts.timecode if facts is not None else None
        self.drop = start is not None and start.drop_frame and self._rate is not None and self._nominal in _DROP_RATES
        text = first if first is not None else start.text if start is not None else None
        self._stated = text is not None and _START.fullmatch(text.strip()) is not None
        self._first = _first_frame(text, self._nominal, drop=self.drop)

    @property
    def known(self) -> bool:
        """Whether both a rate and a time code are known, so that frames of two films can be compared."""
        return self._rate is not None and self._stated

    def number(self, time_us: int) -> int:
        """Count of frames since midnight at a time since the film's first frame, microseconds; codes wrap after a day.
        Only where `known`.
        """
        assert self._rate is not None, "asked only where a rate is known"
        day = self._nominal * 3600 * _DAY_HOURS
        if self.drop:
            day -= _dropped_before_midnight(self._nominal)
        return (round(time_us * self._rate / 1_000_000) + self._first) % day

    def label(self, time_us: int) -> str:
        """The code of a time since the film's first frame, microseconds."""
        if self._rate is None:
            return f"{time_us / 1_000_000:.3f} s"
        frame = round(time_us * self._rate / 1_000_000)
        return _format(frame + self._first, self._nominal, drop=self.drop)


def time_label(time_us: int | None, facts: MediaFacts | None) -> str:
    """The time code of a frame, seconds where the frame rate is unknown, "photo" for a photo.

    Counted from the film's own start time code where its container states one.

    >>> time_label(2_500_000, None)
    '2.500 s'
    """
    return "photo" if time_us is None else FrameCodes(facts).label(time_us)


def _first_frame(start: str | None, nominal: int, *, drop: bool) -> int:
    """Frames from 00:00:00:00 to the start time code; an unreadable one counts as zero."""
    found = _START.fullmatch(start.strip()) if start is not None else None
    if found is None:
        return 0
    hours, minutes, seconds, frames = (int(part) for part in found.groups())
    number = ((hours * 60 + minutes) * 60 + seconds) * nominal + frames
    if not drop:
        return number
    all_minutes = hours * 60 + minutes
    return number - _DROP_RATES[nominal] * (all_minutes - all_minutes // 10)


def _format(frame: int, nominal: int, *, drop: bool) -> str:
    if drop:
        frame += _dropped_before(frame, nominal)
    seconds, frames = divmod(frame, nominal)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    mark = ";" if drop else ":"
    return f"{hours % _DAY_HOURS:02d}:{minutes:02d}:{seconds:02d}{mark}{frames:02d}"


def _dropped_before_midnight(nominal: int) -> int:
    minutes = 60 * _DAY_HOURS
    return _DROP_RATES[nominal] * (minutes - minutes // 10)


def _dropped_before(frame: int, nominal: int) -> int:
    dropped = _DROP_RATES[nominal]
    per_minute = nominal * 60 - dropped
    per_ten_minutes = per_minute * 10 + dropped
    tens, rest = divmod(frame, per_ten_minutes)
    return dropped * (9 * tens + max(rest - dropped, 0) // per_minute)
