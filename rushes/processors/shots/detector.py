"""Where one shot ends and the next begins, frame by frame, with a few frames of look-ahead.

A hard cut is a change that stands out from the motion around it on both sides (an adaptive threshold over a rolling
window, as in PySceneDetect's AdaptiveDetector), reaches a good part of the picture, and lasts: a flash stands out
twice, and what was there before comes back. A fade through black is one boundary, where the picture leaves black:
black belongs to the shot that faded to it; a jump to black that lasts is a cut like any other. A long take is cut for
size.

What the detector knows after a boundary comes from the frames from that boundary on, and from nothing before. A
split that resumes at a boundary therefore finds the same cuts.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from rushes.processors.shots.features import Change, FrameFeatures, change_between
from rushes.schemas.shots import Transition, TransitionSpan

DETECTOR: Final = "content-1"
"""Name and version of this detector, carried by every shot."""

LOOK_AHEAD: Final = 4
"""Frames seen beyond the one decided: a photographer's flash and its afterglow are over by then (.16 s at 25/s)."""

LOOK_BACK: Final = 4
"""Frames before it whose change is the local motion; as many as ahead, so that no side weighs more."""

MIN_SHOT_FRAMES: Final = LOOK_AHEAD + 1
"""A shot lasts longer than the look-ahead: a boundary decided with frames after the next one could depend on them."""

CUT_FLOOR: Final = 14.0
"""Levels of change below which nothing is a cut: 5 % of the range, near what a change of light in a room makes."""

CUT_RATIO: Final = 2.5
"""A cut stands out from the largest change around it by this factor; a pan or a fade changes alike frame by frame."""

CUT_SHARE: Final = 0.15
"""Share of the picture a cut replaces at least: one person for another before the same wall. What passes close by the
camera replaces less from one frame to the next."""

LASTING: Final = 0.5
"""Part of a cut's change that must still be there after the look-ahead; after a flash nothing is left."""

LONG_TAKE_US: Final = 58_000_000
"""From here on a long take is cut at the next frame with no change about to be judged."""

LONGEST_SHOT_US: Final = 60_000_000 - 1_000_000
"""No shot grows longer: one second under the minute, for what the look-ahead still holds when the film ends."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """A shot begins at this frame. `score` and `threshold` in levels of change; `into`: the transition's kind."""

    transition: Transition
    score: float
    threshold: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided of one frame: its change from the frame before (levels), and whether a shot begins here.

    `transition`: a gradual one that is known to be over here; it lies in the shot that this frame ends or goes on with.
    """

    frame: int
    change: float
    boundary: Boundary | None
    transition: TransitionSpan | None = None


@dataclass(frozen=True, slots=True)
class _Pending:
    frame: int
    time_us: int
    features: FrameFeatures
    change: Change


class ShotDetector:
    """Features of frames in, verdicts out, in order, `LOOK_AHEAD` frames behind.

    `first_frame`: index of the first frame pushed, where a split resumes. That frame begins a shot.
    """

    def __init__(self, first_frame: int = 0) -> None:
        self._next_frame = first_frame
        self._ahead: deque[_Pending] = deque()
        self._last_pushed: FrameFeatures | None = None
        self._shot: _ShotSoFar | None = None

    def push(self, features: FrameFeatures, time_us: int) -> list[Verdict]:
        """Take the next frame; verdicts on the frames that became decidable (none or one)."""
        change = Change(0.0, 0.0, 0.0) if self._last_pushed is None else change_between(self._last_pushed, features)
        self._last_pushed = features
        self._ahead.append(_Pending(self._next_frame, time_us, features, change))
        self._next_frame += 1
        return [self._decide()] if len(self._ahead) > LOOK_AHEAD else []

    def finish(self) -> list[Verdict]:
        """Verdicts on the frames still held. No cut can be confirmed in them; a long take is cut all the same."""
        return [self._decide() for _ in range(len(self._ahead))]

    def _decide(self) -> Verdict:
        candidate = self._ahead.popleft()
        if self._shot is None:
            self._shot = _ShotSoFar(candidate)
            return Verdict(candidate.frame, 0.0, None)
        boundary = self._shot.boundary_at(candidate, self._ahead)
        if boundary is None:
            self._shot.add(candidate)
        else:
            self._shot = _ShotSoFar(candidate)
        return Verdict(candidate.frame, candidate.change.score, boundary)


class _ShotSoFar:
    """All that is known of the shot in hand: made of its own frames alone."""

    def __init__(self, first: _Pending) -> None:
        self._start_us = first.time_us
        self._frames = 0
        self._content_frames = 0
        self._recent: deque[float] = deque(maxlen=LOOK_BACK)
        self._last_content: FrameFeatures | None = None
        self._black_run = 0
        self._jumped_to_black = False
        self._previous = first.features
        self._count(first.features, 0.0)

    def add(self, frame: _Pending) -> None:
        self._count(frame.features, frame.change.score)
        self._recent.append(frame.change.score)

    def boundary_at(self, frame: _Pending, ahead: deque[_Pending]) -> Boundary | None:
        """The boundary at `frame`, which follows the shot's last frame, or None. `ahead`: the frames after it."""
        age_us = frame.time_us - self._start_us
        if age_us >= LONGEST_SHOT_US:
            return Boundary("continued", frame.change.score, CUT_FLOOR)
        if len(ahead) < LOOK_AHEAD:
            return None
        found = self._leaves_black(frame, ahead) or self._cut(frame, ahead)
        if found is None and age_us >= LONG_TAKE_US and all(f.change.score < CUT_FLOOR for f in (frame, *ahead)):
            return Boundary("continued", frame.change.score, CUT_FLOOR)
        return found

    def _cut(self, frame: _Pending, ahead: deque[_Pending]) -> Boundary | None:
        if self._frames < MIN_SHOT_FRAMES:
            return None
        threshold = _standing_out((*self._recent, *(f.change.score for f in ahead)))
        if frame.change.score < threshold or frame.change.replaced < CUT_SHARE:
            return None
        lasting = change_between(self._previous, ahead[-1].features)
        if lasting.score < LASTING * frame.change.score or lasting.replaced < CUT_SHARE:
            return None
        return Boundary("cut", frame.change.score, threshold)

    def _leaves_black(self, frame: _Pending, ahead: deque[_Pending]) -> Boundary | None:
        if self._black_run == 0 or self._content_frames < MIN_SHOT_FRAMES or frame.features.black:
            return None
        if self._last_content is not None and self._black_run <= LOOK_AHEAD:
            back_again = change_between(self._last_content, frame.features)
            if back_again.score < CUT_FLOOR:
                return None  # a few black frames inside a shot: a drop-out
        sudden = self._jumped_to_black or frame.change.score >= _standing_out(f.change.score for f in ahead)
        return Boundary("cut" if sudden else "fade", frame.change.score, CUT_FLOOR)

    def _count(self, features: FrameFeatures, change: float) -> None:
        self._frames += 1
        self._previous = features
        if features.black:
            if self._black_run == 0:
                self._jumped_to_black = change >= _standing_out(self._recent)
            self._black_run += 1
        else:
            self._black_run = 0
            self._content_frames += 1
            self._last_content = features


def _standing_out(around: Iterable[float]) -> float:
    """The change from which on a frame stands out from the changes around it."""
    return max(CUT_FLOOR, CUT_RATIO * max(around, default=0.0))
