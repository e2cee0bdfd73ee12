"""Text for a terminal: file names that can't move its cursor, numbers and times as people say them."""

import math
import re

from rich.console import Console
from rich.text import Text

_UNSHOWABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters (an escape sequence in a file name would be obeyed), marks that reorder the line, and the lone
surrogates that stand for bytes which are no UTF-8."""


def shown(text: str, console: Console, style: str = "") -> Text:
    """The text as it can be printed there: no control characters, nothing that the terminal's encoding lacks.

    A `Text`, so that square brackets are not taken for markup.
    """
    clean = _UNSHOWABLE.sub("\ufffd", text)
    return Text(clean.encode(console.encoding, "replace").decode(console.encoding), style=style)


def counted(number: int, one: str, many: str) -> str:
    """A number of things.

    >>> counted(1, "file", "files"), counted(1200, "file", "files")
    ('1 file', '1,200 files')
    """
    return f"{number:,} {one if number == 1 else many}"


def likelihood(probability: float) -> str:
    """A probability; nothing that was measured is certain.

    >>> likelihood(0.8), likelihood(0.9999), likelihood(0.0001)
    ('80%', 'over 99%', 'under 1%')
    """
    if probability > 0.995:
        return "over 99%"
    return "under 1%" if probability < 0.005 else f"{probability:.0%}"


def duration(seconds: float) -> str:
    """A time that has passed.

    >>> duration(4.21), duration(75), duration(7260)
    ('4.2 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def roughly(seconds: float) -> str:
    """A time still to go, no finer than an estimate can be: up to 5 s, 1 min or 10 min.

    >>> roughly(3), roughly(42), roughly(70), roughly(3600 * 2.4)
    ('5 s', '45 s', '2 min', '2 h 30 min')
    """
    if seconds <= 60:
        return f"{max(math.ceil(seconds / 5) * 5, 5)} s"
    minutes = math.ceil(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(math.ceil(minutes / 10) * 10, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
