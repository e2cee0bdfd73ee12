"""What makes a hard cut.

A change that stands out from the motion around it on both sides (an adaptive threshold over a rolling window, as in
PySceneDetect's AdaptiveDetector), reaches a good part of the picture, lasts, and is no other view of the same scene
(`resemblance`), nor a stalled film's later one (`stalls`). It may take a frame or two that mix both shots.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rushes.processors.shots.features import Change, FrameFeatures, change_between
from rushes.processors.shots.resemblance import explained_by_parts, replaced_share
from rushes.processors.shots.stalls import goes_on, stands_still

LOOK_AHEAD: Final = 4
"""Frames seen beyond the one decided: a photographer's flash and its afterglow are over by then (.16 s at 25/s)."""

LOOK_BACK: Final = 4
"""Frames before it whose change is the local motion; as many as ahead, so that no side weighs more."""

CUT_FLOOR: Final = 14.0
"""Levels of change below which nothing is a cut: 5 % of the range, near what a change of light in a room makes."""

CUT_RATIO: Final = 2.5
"""A cut stands out from the largest change around it by this factor; a pan or a fade changes alike frame by frame."""

CUT_SHARE: Final = 0.12
"""Share of the picture a cut or dissolve replaces at least: one person for another before the same wall. What passes
close by the camera replaces less from one frame to the next."""

MOST_BLENDED: Final = 2
"""Frames between two shots that may be a mixture of both and still make a cut: fields of two shots in one frame, a
change of frame rate, a slow shutter. From three on, four steps, it is a dissolve."""

STRAIGHT: Final = 0.85
"""Of the way by blended frames, what leads straight from shot to shot: all, less noise. Motion takes a detour."""

LASTING: Final = 0.5
"""Part of a cut's change that must still be there after the look-ahead; after a flash nothing is left."""

REMEMBERED: Final = 1 + LOOK_BACK + MOST_BLENDED
"""Frames of the shot in hand that a cut is judged by."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A frame of a film: index, time (µs), features, and its change from the frame before.

    `in_flash`: the features are made up, of what lies before the flash and behind it.
    """

    frame: int
    time_us: int
    features: FrameFeatures
    change: Change
    in_flash: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """How much changes (levels), and from how much on it is a cut here."""

    score: float
    threshold: float


def cut_at(frame: Seen, newest: Sequence[Seen], ahead: Sequence[Seen]) -> Cut | None:
    """The cut whose first clear frame is this one, or None.

    `newest`: up to `REMEMBERED` frames of the shot before it, in order; `ahead`: the `LOOK_AHEAD` frames after it.
    """
    for blended in range(MOST_BLENDED + 1):
        cut = _cut_over(frame, newest, ahead, blended)
        if cut is not None:
            return cut
    return None


def own_changes(newest: Sequence[Seen], blended: int = 0) -> list[float]:
    """Changes from frame to frame within a shot, up to `LOOK_BACK` of them, before its last `blended` frames.

    The first of `newest` gives none: its change may be the cut that began the shot.
    """
    end = len(newest) - blended
    return [newest[place].change.score for place in range(max(1, end - LOOK_BACK), end)]


def standing_out(around: Iterable[float], steps: int = 1) -> float:
    """The change, over so many steps, from which on it stands out from the changes around it."""
    return max(CUT_FLOOR, steps * CUT_RATIO * max(around, default=0.0))


def new_scene(a: FrameFeatures, b: FrameFeatures) -> bool:
    """Whether `b` shows another scene than `a`."""
    return replaced_share(a, b, CUT_SHARE) >= CUT_SHARE and not explained_by_parts(a, b)


def _cut_over(frame: Seen, newest: Sequence[Seen], ahead: Sequence[Seen], blended: int) -> Cut | None:
    """The cut behind so many frames that are a mixture of both shots."""
    last_own = len(newest) - 1 - blended
    if last_own < 0:
        return None
    way = [*(newest[place] for place in range(last_own + 1, len(newest))), frame]
    levels = sum(step.change.score for step in way)
    if levels < CUT_FLOOR:  # nearly always
        return None
    threshold = standing_out((*own_changes(newest, blended), *(f.change.score for f in ahead)), blended + 1)
    before, later = newest[last_own].features, ahead[-1].features
    change = change_between(before, frame.features) if blended else frame.change
    if change.score < threshold or change.replaced < CUT_SHARE:
        return None
    if blended and float(change.blocks.sum()) < STRAIGHT * sum(float(step.change.blocks.sum()) for step in way):
        return None
    lasts = change_between(before, later).score >= LASTING * change.score
    if lasts and new_scene(before, later) and new_scene(before, frame.features):
        return None if _stalled(frame, newest, ahead, last_own) else Cut(change.score, threshold)
    return None


def _stalled(frame: Seen, newest: Sequence[Seen], ahead: Sequence[Seen], last_own: int) -> bool:
    """Whether the picture stood, and stands again, and is the same scene some moments later."""
    own = [newest[place].change for place in range(max(1, last_own + 1 - LOOK_BACK), last_own + 1)]
    standing = stands_still((*own, *(f.change for f in ahead)))
    return standing and goes_on(newest[last_own].features, frame.features)
