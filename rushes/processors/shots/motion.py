"""Whether a shot moves: from how its frames differ from each other, and from its first."""

from typing import Final

from rushes.processors.shots.features import FrameFeatures, change_between

DYNAMIC_SHARE: Final = 0.25
"""A shot is dynamic once a quarter of its picture has become another one: the camera moved, or somebody came near.
A person who talks or signs before a fixed camera changes less, and one keyframe shows them."""


class MotionMeter:
    """Running figures of one shot; push its frames in order."""

    def __init__(self) -> None:
        self._first: FrameFeatures | None = None
        self._sum_levels = 0.0
        self._steps = 0
        self._spread = 0.0

    def push(self, features: FrameFeatures, change_levels: float) -> None:
        """Take a frame and its change from the one before (ignored for the first). Black frames say nothing."""
        if features.black:
            return
        if self._first is None:
            self._first = features
            return
        self._sum_levels += change_levels
        self._steps += 1
        if self._spread < DYNAMIC_SHARE:
            self._spread = max(self._spread, change_between(self._first, features).share)

    @property
    def motion(self) -> float:
        """Mean change between frames, 0..1."""
        return min(self._sum_levels / self._steps / 255, 1.0) if self._steps else 0.0

    @property
    def dynamic(self) -> bool:
        return self._spread >= DYNAMIC_SHARE
