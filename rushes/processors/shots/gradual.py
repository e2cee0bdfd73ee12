"""Gradual transitions, looked for in a short memory of small pictures of the shot in hand.

A dissolve mixes two pictures: every frame between lies on the line from the last frame before it to the first behind
it, and goes along it evenly (Lienhart, Reliable dissolve detection, 2001; the mixing model of Hampapur et al., 1995).
What moves, a camera or somebody, leaves that line at once: halfway through a pan a frame is as far from both ends as
they are from each other. Distances between the frames held are all that the test needs; they are sums of whole
numbers, the same whatever the order in which they are added up.
"""

from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushes.processors.shots.features import FrameFeatures

STEP_US: Final = 50_000
"""Frames held lie at least this far apart: every second one at 24 to 30 frames/s. A quarter of a second of mixing
still gives three of them."""

HELD: Final = 112
DROPPED: Final = 24
"""Frames held, and how many of the oldest go when there is no more room: at least 4.4 s are remembered, the longest
dissolve (4 s) and what lay before it."""

SIDE: Final = 3
"""Frames averaged to the picture before the transition."""

VALUES: Final = 3 * 9 * 16
"""Of a small picture: the grid, 2 x 2 blocks together, in whole levels from the middle of the range. A sum of 432
products of such values stays below 2**24, so that float32 holds it exactly."""

LEAST_APART: Final = VALUES * 5.0**2
"""Squared distance from which on two pictures may be those of a dissolve: 5 levels a value (root mean square)."""

BENT: Final = 0.7
"""First look, with the frame halfway: squared distances to both ends, over that between them. Halfway on a line it is
.5, for three pictures that have nothing in common 2."""

FIRST_LENGTHS: Final = np.array([2, 3, 4, 6, 8, 11, 15, 20, 27, 36, 48, 64, 84])
"""Lengths (frames held) at which the first look is taken: each a third longer than the one before."""

MISFIT: Final = 0.1
"""Mean squared distance from the line's even course, over the line's squared length, up to which frames may be mixed
where all of the picture changes: what moves in both shots while they are mixed leaves this much."""

LEAST_MISFIT: Final = 0.04
"""The same where little of the picture changes: there a slow motion or light looks most like a mixture."""

RESTLESS: Final = 0.3
"""First look: squared distance that both ends move by themselves, over that between them. A pan goes on there."""

STILL_RISING: Final = 0.5
"""A dissolve is over where the mixing goes on at less than this part of its speed."""


@dataclass(frozen=True, slots=True)
class Mixed:
    """A dissolve that is over: places (frames held) of its last frame before, and of its first behind."""

    before: int
    behind: int
    misfit: float


def allowed_misfit(share: float) -> float:
    """The misfit up to which a mixture counts that replaces this share of the picture: the less, the straighter."""
    return LEAST_MISFIT + (MISFIT - LEAST_MISFIT) * share


class FrameMemory:
    """Small pictures of the newest frames of a shot, and the squared distances between all of them."""

    def __init__(self) -> None:
        self._small = np.empty((HELD, VALUES), dtype=np.float32)
        self._norms = np.empty(HELD)
        self.apart = np.zeros((HELD, HELD))
        """Squared distances: the first `count` rows and columns are in use."""
        self.frames: list[int] = []
        self.times_us: list[int] = []
        self.features: list[FrameFeatures] = []

    @property
    def count(self) -> int:
        return len(self.frames)

    def clear(self) -> None:
        """Forget all: a shot begins."""
        self.frames, self.times_us, self.features = [], [], []

    def push(self, frame: int, time_us: int, features: FrameFeatures) -> bool:
        """Offer the next frame; whether it is held."""
        if self.times_us and time_us - self.times_us[-1] < STEP_US:
            return False
        if self.count == HELD:
            self.forget_before(DROPPED)
        at = self.count
        pooled = features.grid[:, 0::2] + features.grid[:, 1::2]
        pooled = pooled[:, :, 0::2] + pooled[:, :, 1::2]
        pooled *= np.float32(0.25)
        pooled -= np.float32(128)
        small = np.rint(pooled).ravel()
        self._small[at] = small
        self.frames.append(frame)
        self.times_us.append(time_us)
        self.features.append(features)
        products = self._small[: at + 1] @ small
        self._norms[at] = products[at]
        row = self._norms[: at + 1] + (float(products[at]) - 2 * products)
        self.apart[at, : at + 1] = row
        self.apart[: at + 1, at] = row
        return True

    def place_of(self, frame: int) -> int:
        """Place of the first frame held that is not before `frame`; `count` where there is none."""
        return bisect_left(self.frames, frame)

    def forget_before(self, place: int) -> None:
        """Forget the frames before this place; it becomes the first."""
        kept, count = self.count - place, self.count
        self._small[:kept] = self._small[place:count]
        self._norms[:kept] = self._norms[place:count]
        self.apart[:kept, :kept] = self.apart[place:count, place:count]
        del self.frames[:place], self.times_us[:place], self.features[:place]

    def less_mean(self, end: int) -> NDArray[np.float32]:
        """Small pictures up to a place, (n, 432), less their own mean colour."""
        pictures = self._small[:end].reshape(-1, 3, VALUES // 3)
        shape: NDArray[np.float32] = pictures - pictures.mean(axis=2, keepdims=True)
        return shape.reshape(-1, VALUES)

    def less_black(self, end: int) -> NDArray[np.float32]:
        """Small pictures up to a place, (n, 432), less video black (16, 128, 128)."""
        light: NDArray[np.float32] = self._small[:end].copy()
        light[:, : VALUES // 3] += 128 - 16
        return light


def mixed_before(memory: FrameMemory, frame: int) -> Mixed | None:
    """The mixing of two pictures that is over at `frame`, by the frames from there on that are held, or None."""
    last = memory.count - 1
    behind = min(memory.place_of(frame), last - 1)  # at a high frame rate hardly one frame held is as new as that
    if behind < SIDE + 2:
        return None
    lengths = _first_look(memory.apart, behind, last)
    if len(lengths) == 0:
        return None
    return mixed_between(memory, behind, last, int(lengths[0] * 0.7), int(lengths[-1] * 1.4) + 2)


def _first_look(apart: NDArray[np.float64], behind: int, last: int) -> NDArray[np.int_]:
    """Lengths at which both ends are at rest and the frame halfway lies near their line."""
    lengths = FIRST_LENGTHS[: int(np.searchsorted(FIRST_LENGTHS, behind - 2, side="right"))]
    before = behind - lengths
    ends = apart[last, before]
    if float(np.maximum.reduce(ends)) < LEAST_APART:
        return lengths[:0]
    halfway = (before + behind) >> 1
    bent = apart[last, halfway] + apart[before, halfway]
    restless = apart[before, before - 2] + apart[last, behind]
    found: NDArray[np.int_] = lengths[(ends >= LEAST_APART) & (bent <= BENT * ends) & (restless <= RESTLESS * ends)]
    return found


def mixed_between(memory: FrameMemory, behind: int, last: int, shortest: int = 1, longest: int = HELD) -> Mixed | None:
    """The best fit of a mixing that ends at the place `behind`; the picture behind it is the mean up to `last`.

    `shortest`, `longest`: frames held that may lie between, to look no further than needed.
    """
    n = last + 1
    starts = np.arange(max(SIDE, behind - longest), behind - max(shortest, 1))
    if len(starts) == 0:
        return None
    origin = int(starts[0]) - SIDE
    apart = memory.apart[origin:n, origin:n]
    starts, behind, n = starts - origin, behind - origin, n - origin
    # the mean of the distances to some points, less half their mean distance from each other, is that to their mean
    rows = apart[:behind]
    to_before = (rows[starts - 1] + rows[starts - 2] + rows[starts - 3]) / SIDE
    spread = (apart[starts - 1, starts - 2] + apart[starts - 1, starts - 3] + apart[starts - 2, starts - 3]) / SIDE**2
    to_before -= spread[:, None]
    after = slice(behind, n)
    spread_after = apart[after, after].sum() / (2 * (n - behind) ** 2)
    to_behind = apart[after].mean(axis=0) - spread_after
    length = np.maximum(to_before[:, after].mean(axis=1) - spread_after, 1.0)
    along = length[:, None]
    course = (to_before - to_behind + along) / (2 * along)
    times = np.array(memory.times_us[origin : origin + n], dtype=np.float64)
    begin, end = times[starts - 1][:, None], times[behind]
    off = to_before / along - course**2 + (course - (times - begin) / (end - begin)) ** 2
    places = np.arange(n)
    inside = (places >= starts[:, None]) & (places < behind)
    misfit = (off * inside).sum(axis=1) / (behind - starts)
    gain = np.where((misfit <= MISFIT) & (length >= LEAST_APART), length * (MISFIT - misfit), -1.0)
    best = int(np.argmax(gain))
    if gain[best] < 0:
        return None
    if n - 1 > behind:
        still = (course[best, -1] - course[best, behind]) / (times[-1] - end)
        if still > STILL_RISING / (end - begin[best, 0]):
            return None
    return Mixed(before=int(starts[best]) - 1 + origin, behind=behind + origin, misfit=float(misfit[best]))
