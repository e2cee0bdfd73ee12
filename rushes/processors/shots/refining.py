"""When a film is better decoded as a whole than selectively: where most of it would be decoded anyway."""

from collections.abc import Iterable
from typing import Final

HISTORY_US: Final = 8_000_000
"""How much of the film is judged by, behind the place in question: two or three shots of a lively montage."""

LAG_US: Final = 2_000_000
"""How far before the place that ends: what is decoded comes out up to a second later, and waiting for it would leave
the processor idle."""

LEAST_US: Final = 3_000_000
"""Less film than this tells nothing."""

MOST_REFINED: Final = 0.75
"""Share of the frames that selective reading may decode. Key frames are decoded once more for it (4 % of all the work
in a montage with 70 frames from key frame to key frame), and a decoder that is emptied and filled again stands still
for the time of two or three frames."""


def better_whole(stretches: Iterable[tuple[int, bool]]) -> bool:
    """Whether most frames of the film's last stretches had to be decoded.

    `stretches`: of each its length (µs), and whether a boundary may lie within, by its packets and its two ends. That
    does not depend on how it was read, so that a reading that begins later finds the same.

    >>> better_whole([(4_000_000, True), (1_000_000, False)])
    True
    >>> better_whole([(2_900_000, True)])
    False
    """
    total = refined = 0
    for length_us, is_refined in stretches:
        total += length_us
        refined += length_us * is_refined
    return total >= LEAST_US and refined >= MOST_REFINED * total
