"""Which frames stand for a shot, kept in bounded memory while its end is not known yet.

A static shot is told by its middle, a dynamic one by start, middle and end (each a little inside, where the last
shot's ghosts and the blur of the cut are gone), a long take by one more every 10 s. Of the frames near such a place the
best is taken. Black frames are chosen only where there is nothing else.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from rushes.schemas.shots import FrameReason

F = TypeVar("F")

GRID_SLOTS: Final = 12
"""Frames kept to find the middle among: at least half are in use, so the nearest lies within 1/12 of the shot."""

INSIDE_US: Final = 250_000
"""How far inside the shot start and end are taken: six frames at 25/s, past the blur of a cut."""

INSIDE_PART: Final = 8
"""But no more than this part of the shot: start, middle and end of a short one stay apart."""

EDGE_STEP_US: Final = 80_000
"""Step between the frames kept near start and end: what is wanted lies within 40 ms, and nine are held."""

EDGE_REACH_US: Final = 2 * EDGE_STEP_US
"""How far from their places start and end may be taken."""

LONG_TAKE_STEP_US: Final = 10_000_000
"""A long take gives one more frame every 10 s."""

LONG_TAKE_FRAMES: Final = 2
LONG_TAKE_APART_US: Final = 200_000
"""Frames kept for each of these, and the time between them: a blink or a jolt of the camera is over by then."""

NEAR_PART: Final = 6
"""How far from its place a middle may be taken: this part of the shot, so that it stays in the middle third. Two to
five of the frames kept lie there."""

BETTER: Final = 1.15
"""By how much a frame must be better than the one nearest to the place to be taken for it: below, a change of place
would follow noise."""

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
    """Frames of one shot in order in, keyframes out; at most 36 pictures are held for a shot of a minute.

    `quality` of a frame kept, any scale of 0 and more; asked only of frames near a place, when the shot is over.
    """

    def __init__(self, quality: Callable[[F], float] = lambda _: 0.0) -> None:
        self._quality = quality
        self._light = _Grid[F](GRID_SLOTS)
        self._dark = _Grid[F](4)
        self._early: list[Candidate[F]] = []
        self._late: deque[Candidate[F]] = deque()
        self._long: list[list[Candidate[F]]] = []
        self._shot_start_us: int | None = None
        self._light_us = (0, 0)

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
            self._dark.push(index, candidate)
            return
        self._light_us = (time_us if not self._light.kept else self._light_us[0], time_us)
        self._light.push(index, candidate)
        self._push_early(time_us, candidate)
        self._push_late(time_us, candidate)
        self._push_long(time_us, time_us - self._shot_start_us, candidate)

    def pick(self, end_us: int, *, dynamic: bool, clear_us: tuple[int, int] | None = None) -> list[Pick[F]]:
        """The shot's keyframes in order of time; `end_us` is where the next shot starts. At least one, if any came.

        `clear_us`: from where to where no gradual transition mixes in another picture. Frames outside are chosen only
        where there are no others.
        """
        if self._shot_start_us is None:
            return []
        if not self._light.kept:
            return [Pick("static", _nearest(self._dark.kept, (self._shot_start_us + end_us) // 2))]
        from_us, until_us = clear_us or (self._shot_start_us, end_us)
        held = {kept.index: kept for kept in (*self._light.kept, *self._early, *self._late)}
        clear = {index: kept for index, kept in held.items() if from_us <= kept.time_us < until_us}
        first_us, last_us = self._light_us
        if clear:
            held, first_us, last_us = clear, max(first_us, from_us), min(last_us, until_us)
        near_us = (last_us - first_us) // NEAR_PART
        wanted: list[tuple[FrameReason, int]] = [("middle" if dynamic else "static", (first_us + last_us) // 2)]
        if dynamic:
            inside_us = min(INSIDE_US, (last_us - first_us) // INSIDE_PART)
            wanted += [("start", first_us + inside_us), ("end", last_us - inside_us)]
        picks: list[Pick[F]] = []
        for why, time_us in wanted:
            if held:
                reach_us = min(EDGE_REACH_US, near_us) if why in {"start", "end"} else near_us
                picks.append(Pick(why, held.pop(self._best(held.values(), time_us, reach_us).index)))
        for extras in self._long:
            extra = self._best(extras, extras[0].time_us, LONG_TAKE_FRAMES * LONG_TAKE_APART_US)
            if clear and not from_us <= extra.time_us < until_us:
                continue
            others = [pick.candidate.time_us for pick in picks] + [end_us]
            if all(abs(extra.time_us - other) >= CLOSE_US for other in others):
                picks.append(Pick("long_take", extra))
        return sorted(picks, key=lambda pick: pick.candidate.time_us)

    def _best(self, candidates: Iterable[Candidate[F]], time_us: int, reach_us: int) -> Candidate[F]:
        """The candidate nearest to a time, or a clearly better one within reach of it."""
        near = sorted(candidates, key=lambda kept: (abs(kept.time_us - time_us), kept.index))
        qualities = [self._quality(kept.picture) for kept in near if abs(kept.time_us - time_us) <= reach_us]
        if not qualities or max(qualities) < BETTER * qualities[0]:
            return near[0]
        return near[qualities.index(max(qualities))]

    def _push_long(self, time_us: int, age_us: int, candidate: Callable[[], Candidate[F]]) -> None:
        if age_us >= (len(self._long) + 1) * LONG_TAKE_STEP_US:
            self._long.append([candidate()])
        elif (
            self._long
            and len(self._long[-1]) < LONG_TAKE_FRAMES
            and time_us >= self._long[-1][-1].time_us + LONG_TAKE_APART_US
        ):
            self._long[-1].append(candidate())

    def _push_early(self, time_us: int, candidate: Callable[[], Candidate[F]]) -> None:
        within = time_us <= self._light_us[0] + INSIDE_US + EDGE_STEP_US
        if within and (not self._early or time_us >= self._early[-1].time_us + EDGE_STEP_US):
            self._early.append(candidate())

    def _push_late(self, time_us: int, candidate: Callable[[], Candidate[F]]) -> None:
        if not self._late or time_us >= self._late[-1].time_us + EDGE_STEP_US:
            self._late.append(candidate())
            while self._late[0].time_us < time_us - INSIDE_US - EDGE_STEP_US:
                self._late.popleft()


class _Grid(Generic[F]):
    """The first frame offered of every n; n doubles whenever the slots are full. Not every frame need be offered."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._step = 1
        self._first_index: int | None = None
        self.kept: list[Candidate[F]] = []

    def push(self, index: int, candidate: Callable[[], Candidate[F]]) -> None:
        if self._first_index is None:
            self._first_index = index
        if not self._is_next(index):
            return
        while len(self.kept) >= self._slots:
            self._step *= 2
            firsts = {self._slot(one.index): one for one in reversed(self.kept)}
            self.kept = list(reversed(firsts.values()))
        if self._is_next(index):
            self.kept.append(candidate())

    def _is_next(self, index: int) -> bool:
        return not self.kept or self._slot(index) > self._slot(self.kept[-1].index)

    def _slot(self, index: int) -> int:
        return (index - (self._first_index or 0)) // self._step


def _nearest(candidates: Iterable[Candidate[F]], time_us: int) -> Candidate[F]:
    return min(candidates, key=lambda kept: (abs(kept.time_us - time_us), kept.index))
