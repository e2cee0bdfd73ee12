"""Frames of a media by stream and time, so that a frame near a time is found without looking at all of them."""

from bisect import bisect_left, insort
from collections.abc import Iterator

from rushes.schemas.ids import FrameId

PHOTO = -1
"""Stands for "no time": below every time of a film."""


class Timeline:
    """Frames in the order of stream and time.

    >>> timeline = Timeline()
    >>> for time_us in (80_000, 0, 40_000):
    ...     timeline.add(FrameId(f"at {time_us}"), 0, time_us)
    >>> list(timeline.near(0, 45_000, 20_000))
    [('at 40000', 5000)]
    """

    def __init__(self) -> None:
        self._sorted: list[tuple[int, int, FrameId]] = []

    def __len__(self) -> int:
        return len(self._sorted)

    def __iter__(self) -> Iterator[FrameId]:
        return iter([frame_id for _, _, frame_id in self._sorted])

    def add(self, frame_id: FrameId, stream: int, time_us: int | None) -> None:
        """Put a frame in; there already is fine."""
        key = _key(frame_id, stream, time_us)
        place = bisect_left(self._sorted, key)
        if place == len(self._sorted) or self._sorted[place] != key:
            insort(self._sorted, key)

    def discard(self, frame_id: FrameId, stream: int, time_us: int | None) -> None:
        """Take a frame out; not there is fine."""
        key = _key(frame_id, stream, time_us)
        place = bisect_left(self._sorted, key)
        if place < len(self._sorted) and self._sorted[place] == key:
            del self._sorted[place]

    def near(self, stream: int, time_us: int | None, tolerance_us: int) -> Iterator[tuple[FrameId, int]]:
        """Frames of the stream within the tolerance of a time, and how far off (microseconds). No time (a photo's)
        is near nothing but itself.
        """
        centre = PHOTO if time_us is None else time_us
        first = PHOTO if time_us is None else max(0, time_us - tolerance_us)
        last = PHOTO if time_us is None else time_us + tolerance_us
        for place in range(bisect_left(self._sorted, (stream, first, FrameId(""))), len(self._sorted)):
            at_stream, at_us, frame_id = self._sorted[place]
            if (at_stream, at_us) > (stream, last):
                return
            yield frame_id, abs(at_us - centre)


def _key(frame_id: FrameId, stream: int, time_us: int | None) -> tuple[int, int, FrameId]:
    return stream, PHOTO if time_us is None else time_us, frame_id
