"""What lies where in a media, by stream and time, so that what is near a time is found without looking at all."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=str)

PHOTO = -1
"""Stands for "no time": below every time of a film."""


class Timeline(Generic[Key]):
    """Keys, such as ids of frames, in the order of stream and time.

    >>> timeline = Timeline[str]()
    >>> for time_us in (80_000, 0, 40_000):
    ...     timeline.add(f"at {time_us}", 0, time_us)
    >>> list(timeline.near(0, 45_000, 20_000))
    [('at 40000', 5000)]
    """

    def __init__(self) -> None:
        self._sorted: list[tuple[int, int, Key]] = []

    def __len__(self) -> int:
        return len(self._sorted)

    def __iter__(self) -> Iterator[Key]:
        """All keys, as they are at the time of the call."""
        return iter([key for _, _, key in self._sorted])

    def add(self, key: Key, stream: int, time_us: int | None) -> None:
        """Put a key in; there already is fine. `time_us` None is a photo's."""
        entry = (stream, PHOTO if time_us is None else time_us, key)
        place = bisect_left(self._sorted, entry)
        if place == len(self._sorted) or self._sorted[place] != entry:
            insort(self._sorted, entry)

    def discard(self, key: Key, stream: int, time_us: int | None) -> None:
        """Take a key out; not there is fine."""
        entry = (stream, PHOTO if time_us is None else time_us, key)
        place = bisect_left(self._sorted, entry)
        if place < len(self._sorted) and self._sorted[place] == entry:
            del self._sorted[place]

    def near(self, stream: int, time_us: int | None, tolerance_us: int) -> Iterator[tuple[Key, int]]:
        """Keys of the stream within the tolerance of a time, and how far off (microseconds). No time (a photo's) is
        near nothing but itself.
        """
        centre = PHOTO if time_us is None else time_us
        first = PHOTO if time_us is None else max(0, time_us - tolerance_us)
        last = PHOTO if time_us is None else time_us + tolerance_us
        start = bisect_left(self._sorted, (stream, first), key=lambda entry: entry[:2])
        for place in range(start, len(self._sorted)):
            at_stream, at_us, key = self._sorted[place]
            if (at_stream, at_us) > (stream, last):
                return
            yield key, abs(at_us - centre)
