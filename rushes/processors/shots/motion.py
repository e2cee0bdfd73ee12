"""Whether a shot moves: from how its frames differ from each other, and from its first."""

from collections import deque
from dataclasses import dataclass
from typing import Final

from rushes.processors.shots.features import FrameFeatures, change_between

DYNAMIC_SHARE: Final = 0.25
"""A shot is dynamic once a quarter of its picture has become another one: the camera moved, or somebody came near.
A person who talks or signs before a fixed camera changes less, and one keyframe shows them."""


REMEMBERED: Final = 512
"""States held to go back to: a transition of 4 s at 120 frames/s, in a few kilobytes."""


@dataclass(frozen=True, slots=True)
class _State:
    """After a frame at `time_us`: sum of changes, how many, and the largest share that differed from the first."""

    time_us: int
    sum_levels: float
    steps: int
    spread: float


class MotionMeter:
    """Running figures of one shot; push its frames in order."""

    def __init__(self) -> None:
        self._first: FrameFeatures | None = None
        self._last: FrameFeatures | None = None
        self._states: deque[_State] = deque((_State(-1, 0.0, 0, 0.0),), maxlen=REMEMBERED)

    def push(self, features: FrameFeatures, change_levels: float, time_us: int) -> None:
        """Take a frame and its change from the one before (ignored for the first). Black frames say nothing."""
        if features.black:
            return
        if self._first is None:
            self._first = features
            return
        last = self._states[-1]
        spread = last.spread
        if spread < DYNAMIC_SHARE and features is not self._last:
            spread = max(spread, change_between(self._first, features).share)
        self._last = features
        self._states.append(_State(time_us, last.sum_levels + change_levels, last.steps + 1, spread))

    def forget_from(self, time_us: int) -> None:
        """Go back to before a time: the shot ends in a transition from there on, which is no motion of its own."""
        while len(self._states) > 1 and self._states[-1].time_us >= time_us:
            self._states.pop()

    @property
    def motion(self) -> float:
        """Mean change between frames, 0..1."""
        last = self._states[-1]
        return min(last.sum_levels / last.steps / 255, 1.0) if last.steps else 0.0

    @property
    def dynamic(self) -> bool:
        return self._states[-1].spread >= DYNAMIC_SHARE
