"""Where one shot ends and the next begins, frame by frame, with a few frames of look-ahead.

A hard cut is a sudden, lasting change to another scene (`cuts`). A dissolve is one boundary, where it is over
(`gradual`): its frames belong to the shot that goes. A fade through black, white or another plain picture is one
boundary, where the picture leaves it: the plain frames belong to the shot that faded to them; a jump to black that
lasts is a cut like any other. A long take is cut for size.

What the detector knows after a boundary comes from the frames from that boundary on, and from nothing before. A
split that resumes at a boundary therefore finds the same cuts.
"""

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from rushes.processors.shots.cuts import (
    CUT_FLOOR,
    CUT_SHARE,
    LOOK_AHEAD,
    REMEMBERED,
    Seen,
    cut_at,
    new_scene,
    own_changes,
    standing_out,
)
from rushes.processors.shots.fades import ALIKE, Fade, fade_in_from, fade_out_to
from rushes.processors.shots.features import FrameFeatures, change_between
from rushes.processors.shots.flashes import Bridged, FlashBridge
from rushes.processors.shots.gradual import FrameMemory, allowed_misfit, mixed_before
from rushes.processors.shots.resemblance import lasting_share, replaced_share
from rushes.schemas.shots import Transition, TransitionSpan

DETECTOR: Final = "content-4"
"""Name and version of this detector, carried by every shot."""

MIN_SHOT_FRAMES: Final = LOOK_AHEAD + 1
"""A shot lasts longer than the look-ahead: a boundary decided with frames after the next one could depend on them."""

BLINK_US: Final = 600_000
"""A plain picture that gives way to what was there before within this time is a flash, a drop-out or a hand."""

FADE_IN_US: Final = 4_500_000
"""How long after a shot's start its picture may still rise out of a plain one."""

RESTING_LEVELS: Final = 2.0
SAME_COLOUR_LEVELS: Final = 24.0
"""A picture other than black counts as plain from where its mean colour changes no more than noise does, and a run of
plain frames ends where it has another colour: what was left of a fade when it began fits in."""

SETTLED_FRAMES: Final = 4
"""Plain frames after which a fade is over: a picture counts as black when an eighth of it is still to go."""

LONG_TAKE_US: Final = 58_000_000
"""From here on a long take is cut at the next frame with no change about to be judged."""

LONGEST_SHOT_US: Final = 60_000_000 - 1_000_000
"""No shot grows longer: one second under the minute, for what the look-ahead still holds when the film ends."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """A shot begins at this frame.

    `score`, `threshold`: of a cut in levels of change, of a dissolve or fade the transition's own.
    """

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


class ShotDetector:
    """Features of frames in, verdicts out, in order, `LOOK_AHEAD` frames behind, some more in a flash (`flashes`).

    `first_frame`: index of the first frame pushed, where a split resumes. That frame begins a shot.
    """

    def __init__(self, first_frame: int = 0) -> None:
        self._next_frame = first_frame
        self._bridge = FlashBridge()
        self._ahead: deque[Seen] = deque()
        self._last_pushed: FrameFeatures | None = None
        self._memory = FrameMemory()
        self._shot: _ShotSoFar | None = None

    def push(self, features: FrameFeatures, time_us: int) -> list[Verdict]:
        """Take the next frame; verdicts on the frames that became decidable: mostly one, none while a flash lasts."""
        return [verdict for frame in self._bridge.push(features, time_us) for verdict in self._take(frame)]

    def finish(self) -> list[Verdict]:
        """Verdicts on the frames still held. No cut can be confirmed in them; a long take is cut all the same."""
        held = [verdict for frame in self._bridge.finish() for verdict in self._take(frame)]
        return held + [self._decide() for _ in range(len(self._ahead))]

    def _take(self, frame: Bridged) -> list[Verdict]:
        change = change_between(self._last_pushed or frame.features, frame.features)
        self._last_pushed = frame.features
        self._memory.push(self._next_frame, frame.time_us, frame.features)
        self._ahead.append(Seen(self._next_frame, frame.time_us, frame.features, change, frame.in_flash))
        self._next_frame += 1
        return [self._decide()] if len(self._ahead) > LOOK_AHEAD else []

    def _decide(self) -> Verdict:
        candidate = self._ahead.popleft()
        if self._shot is None:
            self._shot = _ShotSoFar(candidate, self._memory)
            return Verdict(candidate.frame, 0.0, None)
        boundary, transition = self._shot.judge(candidate, self._ahead)
        if boundary is None:
            transition = self._shot.add(candidate, last=not self._ahead) or transition
        else:
            self._begin_shot(candidate)
        return Verdict(candidate.frame, candidate.change.score, boundary, transition)

    def _begin_shot(self, first: Seen) -> None:
        self._memory.clear()
        for frame in (first, *self._ahead):
            self._memory.push(frame.frame, frame.time_us, frame.features)
        self._shot = _ShotSoFar(first, self._memory)


class _ShotSoFar:
    """All that is known of the shot in hand: made of its own frames alone. `memory` holds the newest of them."""

    def __init__(self, first: Seen, memory: FrameMemory) -> None:
        self._memory = memory
        self._start_us = first.time_us
        self._frames = 0
        self._content_frames = 0
        self._newest: deque[Seen] = deque(maxlen=REMEMBERED)
        self._last_content = first.features
        self._plain_run = 0
        self._plain_us = 0
        self._plain_colour = first.features.colour
        self._jumped_to_plain = False
        self._fade_out_open = False
        self._faded: TransitionSpan | None = None
        self._fade_in_open = True
        self._first_content = first.frame
        self._tried = -1
        self._count(first)

    def add(self, frame: Seen, *, last: bool) -> TransitionSpan | None:
        """Take a frame into the shot; the fade that is known to be over with it. `last`: the film ends here."""
        self._count(frame)
        if self._fade_out_open and (self._plain_run == SETTLED_FRAMES or (last and self._plain_run)):
            return self._faded_out(frame.frame)
        return self._faded_in(frame) if self._fade_in_open else None

    def judge(self, frame: Seen, ahead: deque[Seen]) -> tuple[Boundary | None, TransitionSpan | None]:
        """The boundary at `frame`, which follows the shot's last frame, and the transition that is over there.

        `ahead`: the frames after it.
        """
        age_us = frame.time_us - self._start_us
        too_long = Boundary("continued", frame.change.score, CUT_FLOOR)
        if age_us >= LONGEST_SHOT_US and not frame.in_flash:  # a split that resumes there would not know of it
            return too_long, None
        if len(ahead) < LOOK_AHEAD or frame.in_flash:
            return None, None
        if self._plain_run and self._content_frames >= MIN_SHOT_FRAMES and not self._still_plain(frame.features):
            return self._leaves_plain(frame, ahead)
        cut = self._cut(frame, ahead)
        span = self._dissolve(frame) if cut is None else None
        if span is not None:
            return Boundary("dissolve", span.score or 0.0, span.threshold or 0.0), span
        if cut is None and age_us >= LONG_TAKE_US and all(f.change.score < CUT_FLOOR for f in (frame, *ahead)):
            return too_long, None
        return cut, None

    def _cut(self, frame: Seen, ahead: deque[Seen]) -> Boundary | None:
        if self._frames < MIN_SHOT_FRAMES:
            return None
        cut = cut_at(frame, self._newest, list(ahead))
        if cut is None or self._back_again(frame, ahead[-1].features):
            return None
        return Boundary("cut", cut.score, cut.threshold)

    def _leaves_plain(self, frame: Seen, ahead: deque[Seen]) -> tuple[Boundary | None, TransitionSpan | None]:
        faded = self._faded_out(frame.frame - 1) if self._fade_out_open else None
        sudden = frame.change.score >= standing_out(f.change.score for f in ahead)
        if self._faded is not None and not sudden:
            return Boundary("fade", self._faded.score or 0.0, self._faded.threshold or 0.0), faded
        cut = Boundary("cut", frame.change.score, CUT_FLOOR)
        if self._faded is not None:
            return cut, faded
        later = ahead[-1].features
        blink = frame.time_us - self._plain_us <= BLINK_US
        if blink and (self._back_again(frame, later) or not new_scene(self._last_content, later)):
            return None, None
        return (cut if self._jumped_to_plain or sudden else None), None

    def _back_again(self, frame: Seen, later: FrameFeatures) -> bool:
        """Whether this is the end of a flash: what was there a moment ago comes back."""
        times_us = self._memory.times_us
        for ago_us in (BLINK_US // 3, 2 * BLINK_US // 3, BLINK_US):
            if times_us[0] > frame.time_us - ago_us:
                break
            before = self._memory.features[bisect_left(times_us, frame.time_us - ago_us)]
            if replaced_share(before, later, CUT_SHARE, shifted=ago_us == BLINK_US) < CUT_SHARE:
                return True
        return False

    def _dissolve(self, frame: Seen) -> TransitionSpan | None:
        newest = self._memory.frames[-1]
        if newest == self._tried or self._plain_run or self._fade_in_open or self._content_frames < MIN_SHOT_FRAMES:
            return None
        self._tried = newest
        mixed = mixed_before(self._memory, frame.frame)
        if mixed is None:
            return None
        before, behind = self._memory.features[mixed.before], self._memory.features[mixed.behind]
        share = lasting_share(before, behind, CUT_SHARE)
        allowed = allowed_misfit(share)
        if before.plain or behind.plain or share < CUT_SHARE or mixed.misfit > allowed:
            return None
        return TransitionSpan(
            kind="dissolve",
            start_frame=self._memory.frames[mixed.before + 1],
            end_frame=min(self._memory.frames[mixed.behind], frame.frame),
            start_us=self._memory.times_us[mixed.before + 1],
            end_us=min(self._memory.times_us[mixed.behind], frame.time_us),
            score=round(1 - mixed.misfit, 4),
            threshold=round(1 - allowed, 4),
        )

    def _faded_out(self, plain_frame: int) -> TransitionSpan | None:
        """The fade that the plain frames, up to this one, are the end of."""
        self._fade_out_open = False
        place = self._memory.place_of(plain_frame + 1) - 1
        self._faded = self._fade_span(fade_out_to(self._memory, place), "out") if place > 0 else None
        return self._faded

    def _faded_in(self, frame: Seen) -> TransitionSpan | None:
        """The fade the shot began with, once its picture rises no more."""
        place = self._memory.place_of(frame.frame)
        if self._plain_run or place >= self._memory.count or self._memory.frames[place] != frame.frame:
            return None
        low = self._memory.place_of(self._first_content)
        fade, rises = fade_in_from(self._memory, low, place)
        self._fade_in_open = rises and frame.time_us - self._start_us < FADE_IN_US
        span = self._fade_span(fade, "in")
        if fade is not None:
            self._memory.forget_before(fade.end)
        return span

    def _fade_span(self, fade: Fade | None, direction: Literal["in", "out"]) -> TransitionSpan | None:
        if fade is None:
            return None
        end = min(fade.end, self._memory.count - 1)  # a film may end before its fade does
        return TransitionSpan(
            kind="fade",
            direction=direction,
            start_frame=self._memory.frames[fade.start],
            end_frame=self._memory.frames[end],
            start_us=self._memory.times_us[fade.start],
            end_us=self._memory.times_us[end],
            score=round(fade.alike, 4),
            threshold=ALIKE,
        )

    def _count(self, frame: Seen) -> None:
        self._frames += 1
        if self._still_plain(frame.features) if self._plain_run else self._gone_plain(frame.features):
            if self._plain_run == 0:
                self._plain_colour = frame.features.colour
                self._plain_us = frame.time_us
                self._jumped_to_plain = self._frames > 1 and frame.change.score >= standing_out(
                    own_changes(self._newest)
                )
                self._fade_out_open = self._content_frames > 0
                self._faded = None
            self._plain_run += 1
        else:
            if self._content_frames == 0:
                self._first_content = frame.frame
            self._plain_run = 0
            self._content_frames += 1
            self._last_content = frame.features
        self._newest.append(frame)

    def _gone_plain(self, features: FrameFeatures) -> bool:
        """Whether a run of plain frames begins: black, or of one colour that has come to rest."""
        if features.black:
            return True
        return bool(features.plain and self._newest) and (
            _colours_apart(features.colour, self._newest[-1].features.colour) <= RESTING_LEVELS
        )

    def _still_plain(self, features: FrameFeatures) -> bool:
        if features.black:
            return True
        return features.plain and _colours_apart(features.colour, self._plain_colour) <= SAME_COLOUR_LEVELS


def _colours_apart(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(np.abs(a - b).max())
