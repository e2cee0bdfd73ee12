"""Whether a boundary may lie in a stretch of film whose packets show no new picture: only a gradual one can."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Final

import numpy as np

from rushes.processors.shots.cuts import CUT_FLOOR, CUT_SHARE
from rushes.processors.shots.features import FrameFeatures, change_between
from rushes.processors.shots.resemblance import lasting_share, replaced_share

WINDOW_US: Final = 3_000_000
"""Frames this far apart are compared: gradual transitions last half a second to two, and then have changed it all."""

MARGIN: Final = 0.75
"""Part of what the detector asks of a boundary that is enough here: what moves meanwhile may take the rest back."""


FADING: Final = 0.7
"""Part of a picture's contrast: a fade leaves the scene what it is, and takes its contrast. People who come and go
change that of the whole picture by a tenth or two."""

STEP_LEVELS: Final = CUT_FLOOR / 3
"""Steps of a stand-in: what people who move make of it from one frame to the next."""


@dataclass(eq=False)
class Sample:
    """A frame that was looked at, at its time (µs). It is compared with many others, and with some again and again."""

    time_us: int
    features: FrameFeatures
    _found: dict[int, bool] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def shows(self) -> tuple[bool, bool]:
        """Whether it is plain, and whether it is black."""
        return self.features.plain, self.features.black

    @cached_property
    def contrast(self) -> float:
        return float(self.features.grid[0].std())

    def differs_from(self, other: "Sample") -> bool:
        """Whether another frame of the film shows another scene. Remembered by its time."""
        found = self._found.get(other.time_us)
        if found is None:
            found = self._found[other.time_us] = _another_scene(self, other)
        return found


def may_hide_transition(before: Sequence[Sample], after: Sequence[Sample]) -> bool:
    """Whether a transition to another scene may lie around a stretch, by samples up to its start and from its end on.

    The last before it and the first after it are compared however far apart they are; others within 3 s, as far as no
    other two neighbours among them show another scene by themselves, for then the change is there.
    """
    if before[-1].differs_from(after[0]):
        return True
    earlier, later = list(_of_one_scene(before[::-1])), list(_of_one_scene(after))
    pairs = [(a, b) for a in earlier for b in later][1:]
    return any(b.time_us - a.time_us <= WINDOW_US and a.differs_from(b) for a, b in pairs)


def may_hide_cut(a: FrameFeatures, b: FrameFeatures) -> bool:
    """Whether a cut may lie between two frames no further apart than the shortest shot: by half of all that makes one.

    What light or the camera's movement explain is none, as it is none for the detector.
    """
    if a.plain != b.plain or a.black != b.black:
        return True
    share = CUT_SHARE / 2
    return change_between(a, b).score >= CUT_FLOOR / 2 and replaced_share(a, b, share) >= share


def _of_one_scene(samples: Sequence[Sample]) -> Iterator[Sample]:
    yield samples[0]
    for last, sample in pairwise(samples):
        if last.differs_from(sample):
            return
        yield sample


def _another_scene(a: Sample, b: Sample) -> bool:
    if a.shows != b.shows:
        return True
    low, high = sorted((a.contrast, b.contrast))
    if low < FADING * high:
        return True
    if lasting_share(a.features, b.features, MARGIN * CUT_SHARE) < MARGIN * CUT_SHARE:  # nearly always
        return False
    return change_between(a.features, b.features).score >= MARGIN * CUT_FLOOR


def stand_ins(a: FrameFeatures, b: FrameFeatures, count: int) -> list[FrameFeatures]:
    """Features for `count` frames between `a` and `b` that were not looked at: as `a`, then evenly over to `b`.

    No step is as large as half of what makes a cut, and `may_hide_transition` has seen that the way is no dissolve.
    """
    steps = min(count, int(change_between(a, b).score / STEP_LEVELS))
    mixed = [
        FrameFeatures(
            grid=a.grid + (b.grid - a.grid) * part, histogram=a.histogram + (b.histogram - a.histogram) * part
        )
        for part in (np.float32(step / (steps + 1)) for step in range(1, steps + 1))
    ]
    return [a] * (count - steps) + mixed
