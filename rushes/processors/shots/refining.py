"""When a film is better decoded as a whole than selectively: where most of it would be decoded anyway."""

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


def better_whole(length_us: int, refined_us: int) -> bool:
    """Whether most of the film's last stretches had to be decoded, by their length and that of those that had to be.

    A stretch had to be where a boundary may lie within, by its packets and its two ends. That does not depend on how it
    was read, so that a reading that begins later finds the same.

    >>> better_whole(5_000_000, 4_000_000)
    True
    >>> better_whole(2_900_000, 2_900_000)
    False
    """
    return length_us >= LEAST_US and refined_us >= MOST_REFINED * length_us
