"""When to look at a shot between its keyframes."""

from collections.abc import Iterable
from typing import Final

SECOND_US: Final = 1_000_000

COVERED: Final = 0.25
"""Of the time between two looks: a keyframe so near to one takes its place."""


def sample_times(start_us: int, end_us: int, per_s: float, known_us: Iterable[int]) -> list[int]:
    """Times in [start, end), `per_s` a second and evenly spaced, without those that a known frame stands in for.

    They depend on the shot alone, so that a split that is repeated takes the same frames.

    >>> sample_times(1_000_000, 3_000_000, 2, [1_700_000])
    [1250000, 2250000, 2750000]
    """
    if per_s <= 0:
        return []
    step_us = SECOND_US / per_s
    known = sorted(known_us)
    count = int((end_us - start_us) / step_us + 0.5)
    times = (start_us + round((number + 0.5) * step_us) for number in range(count))
    return [at for at in times if at < end_us and all(abs(at - other) > COVERED * step_us for other in known)]


def even_times(start_us: int, end_us: int, count: int) -> list[int]:
    """Times of at most `count` evenly spaced frames of [start, end): the beginnings of as many equal pieces.

    >>> even_times(1_000_000, 3_000_000, 4)
    [1000000, 1500000, 2000000, 2500000]
    """
    return sorted({start_us + (end_us - start_us) * number // count for number in range(count)})
