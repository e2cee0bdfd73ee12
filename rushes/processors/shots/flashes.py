"""Flashes that blow the picture out for longer than a cut's look-ahead, taken out before cuts are looked for.

Half a second of white tells nothing of whether the scene is the same behind it; the frame before it and the one after
it do. So the frames of what begins like a flash wait until it is over. Where the picture is back, they are given as
what they would have been without it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from rushes.processors.shots.cuts import CUT_FLOOR, CUT_SHARE
from rushes.processors.shots.features import FrameFeatures, change_between
from rushes.processors.shots.predicted import stand_ins
from rushes.processors.shots.resemblance import lasting_share

LONGEST_FRAMES: Final = 12
LONGEST_US: Final = 500_000
"""How long a flash lasts at most: a strobe, a lightning, a bulb's afterglow. What is held is held with its pictures."""

BRIGHTER_LEVELS: Final = 32.0
"""By how much a flash lights the mean of a picture: an eighth of the range. Less of it is a change of light, which the
detector knows."""

DARKER_LEVELS: Final = 8.0
DARKER_SHARE: Final = 0.03
"""A flash makes nothing darker but what moves meanwhile."""

BLOWN_LEVELS: Final = 215.0
BLOWN_SHARE: Final = 0.25
"""Part of the picture that is blown out, blocks' means: video white is 235, and lights seldom reach it everywhere. A
scene that is lit up and shows everything is known by what it shows."""

OVER: Final = 0.25
"""Part of the rise that is left of a flash when it is over."""


@dataclass(frozen=True, slots=True)
class Bridged:
    """A frame's time (µs) and features; those of a flash are made up."""

    time_us: int
    features: FrameFeatures
    in_flash: bool = False


class FlashBridge:
    """Frames in, the same frames out in order, at once but for what may be a flash.

    Of what lies before a boundary it knows nothing that matters behind it: a flash has the same scene on both sides.
    """

    def __init__(self) -> None:
        self._before: FrameFeatures | None = None
        self._held: list[Bridged] = []

    def push(self, features: FrameFeatures, time_us: int) -> Iterator[Bridged]:
        """Take the next frame; what is known by now."""
        frame = Bridged(time_us, features)
        if self._held:
            yield from self._push_held(frame)
        elif self._before is not None and _flashes(self._before, features):
            self._held = [frame]
        else:
            self._before = features
            yield frame

    def finish(self) -> Iterator[Bridged]:
        """What is held, as it was seen."""
        while self._held:
            yield from self._release()

    def _push_held(self, frame: Bridged) -> Iterator[Bridged]:
        assert self._before is not None
        if self._is_over(frame.features):
            without = stand_ins(self._before, frame.features, len(self._held))
            for one, features in zip(self._held, without, strict=True):
                yield Bridged(one.time_us, features, in_flash=True)
            self._held, self._before = [], frame.features
            yield frame
            return
        self._held.append(frame)
        if len(self._held) > LONGEST_FRAMES or frame.time_us - self._held[0].time_us > LONGEST_US:
            yield from self._release()

    def _release(self) -> Iterator[Bridged]:
        """It was none: its first frame is one like others, and what follows is looked at anew from there."""
        first, *others = self._held
        self._held, self._before = [], first.features
        yield first
        for one in others:
            yield from self.push(one.features, one.time_us)

    def _is_over(self, features: FrameFeatures) -> bool:
        assert self._before is not None
        rise = self._held[0].features.luma - self._before.luma
        if features.luma - self._before.luma > OVER * rise:
            return False
        return lasting_share(self._before, features, CUT_SHARE) < CUT_SHARE


def _flashes(before: FrameFeatures, features: FrameFeatures) -> bool:
    """Whether a flash may begin: the picture is suddenly brighter all over, and blown out."""
    if features.luma - before.luma < BRIGHTER_LEVELS or change_between(before, features).score < CUT_FLOOR:
        return False
    was, now = before.grid[0], features.grid[0]
    darker = np.count_nonzero(was - now > DARKER_LEVELS)
    blown = np.count_nonzero((now >= BLOWN_LEVELS) & (was < BLOWN_LEVELS))
    return bool(darker <= DARKER_SHARE * now.size and blown >= BLOWN_SHARE * now.size)
