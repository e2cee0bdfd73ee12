"""Which frames stand for a shot, kept in bounded memory while its end is not known yet.

A static shot is told by its middle, a dynamic one by start, middle and end (each a little inside, where the last
shot's ghosts and the blur of the cut are gone), a long take by one more every 10 s. Black frames are chosen only where
there is nothing else.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from rushes.schemas.shots import FrameReason

F = TypeVar("F")

GRID_SLOTS: Final = 12
"""Frames kept to find the middle among: at least half are in use, so the nearest lies within 1/12 of the shot."""

INSIDE_US: Final = 250_000
"""How far inside the shot start and end are taken: six frames at 25/s, past the blur of a cut."""

END_STEP_US: Final = 100_000
"""Step between the frames kept for the end: at most four are held."""

LONG_TAKE_STEP_US: Final = 10_000_000
"""A long take gives one more frame every 10 s."""

CLOSE_US: Final = 1_000_000
"""A long take's extra frame is left out within this of another keyframe: it would show the same."""


@dataclass(frozen=True, slots=True)
class Candidate(Generic[F]):
    """A frame kept: index and time (µs) in the film, and whatever the caller keeps of its picture."""

    index: int
    time_us: int
    picture: F


@dataclass(frozen=True, slots=True)
class Pick(Generic[F]):
    """A frame chosen, and why."""

    why: FrameReason
    candidate: Candidate[F]


class KeyframeReservoir(Generic[F]):
    """Frames of one shot in order in, keyframes out; at most 27 pictures are held for a shot of a minute."""

    def __init__(self) -> None:
        self._light = _Grid[F](GRID_SLOTS)
        self._dark = _Grid[F](4)
        self._start: Candidate[F] | None = None
        self._first_light_us = 0
        self._end: deque[Candidate[F]] = deque()
        self._long: list[Candidate[F]] = []
        self._shot_start_us: int | None = None

    def push(self, index: int, time_us: int, *, black: bool, picture: Callable[[], F]) -> None:
        """Offer a frame. `picture` is called only where the frame is kept."""
        if self._shot_start_us is None:
            self._shot_start_us = time_us
        made: list[Candidate[F]] = []

        def candidate() -> Candidate[F]:
            if not made:
                made.append(Candidate(index, time_us, picture()))
            return made[0]

        if black:
            self._dark.push(candidate)
            return
        if self._light.seen == 0:
            self._first_light_us = time_us
        self._light.push(candidate)
        if self._start is None or self._start.time_us < self._first_light_us + INSIDE_US:
            self._start = candidate()
        if not self._end or time_us >= self._end[-1].time_us + END_STEP_US:
            self._end.append(candidate())
            while len(self._end) > 1 and self._end[1].time_us <= time_us - INSIDE_US:
                self._end.popleft()
        if time_us >= self._shot_start_us + (len(self._long) + 1) * LONG_TAKE_STEP_US:
            self._long.append(candidate())

    def pick(self, end_us: int, *, dynamic: bool) -> list[Pick[F]]:
        """The shot's keyframes in order of time; `end_us` is where the next shot starts. At least one, if any came."""
        if self._shot_start_us is None:
            return []
        middle_us = (self._shot_start_us + end_us) // 2
        if self._light.seen == 0:
            return [Pick("static", self._dark.nearest(middle_us))]
        middle = self._light.nearest(middle_us)
        picks: list[Pick[F]] = [Pick("middle" if dynamic else "static", middle)]
        if dynamic and self._start is not None:
            picks += [Pick("start", self._start), Pick("end", self._end[0])]
        for extra in self._long:
            others = [pick.candidate.time_us for pick in picks] + [end_us]
            if all(abs(extra.time_us - other) >= CLOSE_US for other in others):
                picks.append(Pick("long_take", extra))
        chosen: dict[int, Pick[F]] = {}
        for pick in picks:
            chosen.setdefault(pick.candidate.index, pick)
        return sorted(chosen.values(), key=lambda pick: pick.candidate.time_us)


class _Grid(Generic[F]):
    """Every n-th frame offered; n doubles whenever the slots are full."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._step = 1
        self._kept: list[Candidate[F]] = []
        self.seen = 0

    def push(self, candidate: Callable[[], Candidate[F]]) -> None:
        if self.seen % self._step == 0:
            if len(self._kept) == self._slots:
                self._kept = self._kept[::2]
                self._step *= 2
            if self.seen % self._step == 0:
                self._kept.append(candidate())
        self.seen += 1

    def nearest(self, time_us: int) -> Candidate[F]:
        return min(self._kept, key=lambda kept: (abs(kept.time_us - time_us), kept.index))
