"""Fades: a picture that sinks into a plain one, or rises out of it.

A fade scales the picture about its mean colour and does nothing else, so that less their mean its frames differ by a
factor alone. Looked for where a plain frame follows on one that shows something, and where a shot begins faint.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushes.processors.shots.features import FrameFeatures
from rushes.processors.shots.gradual import VALUES, FrameMemory

ALIKE: Final = 0.9
"""Mean cosine between a fade's frames, less their mean, and those a quarter of a second nearer to the full picture,
from which on they are scaled copies. What moves out of the picture, or before it, turns away from it."""

GROWING: Final = 0.25
"""A fade goes on while the contrast changes at this part of its mean speed so far: some ease in and out."""

LOW: Final = 0.6
"""A fade seen from where it leaves the plain picture starts below this part of its full contrast."""

FAINT: Final = 0.04
FULL: Final = 0.96
"""Parts of the full contrast below which nothing is left of the picture, and above which all of it is there."""

LEAST_CONTRAST: Final = float(5.0 * np.sqrt(VALUES))
"""Contrast (root of the sum of squares) of the full picture: 5 levels a value, or nothing is there that could fade."""

NOTHING: Final = float(1.0 * np.sqrt(VALUES))
"""Contrast that noise leaves in plain frames: a level a value."""

DARK_LEVELS: Final = 64.0
"""A shot that begins with a mean luma below this may rise out of black; then brightness counts as well as shape."""

APART: Final = 3
"""Frames held between two that are compared: a quarter of a second, in which a camera that moves on stays near."""

LEAST_BETWEEN: Final = 2
"""Frames held between plain and full; one might be what a cut left blended."""

Contrasts = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Fade:
    """Places (frames held): the fade's first frame, and the first that is not of it any more."""

    start: int
    end: int
    alike: float


def fade_out_to(memory: FrameMemory, plain: int) -> Fade | None:
    """The fade whose last frame is the plain one at this place, or None."""
    pictures, contrasts = _seen(memory, plain + 1, black=memory.features[plain].black)
    least = float(contrasts[plain])
    low = plain
    while low > 0 and float(contrasts[low - 1]) <= least + NOTHING:
        low -= 1
    at = max(low - 2, 0)
    while at > 1 and float(contrasts[at - 2] - contrasts[at]) / 2 >= GROWING * float(contrasts[at] - least) / (
        low - at
    ):
        at -= 1
    full = at + int(contrasts[at:].argmax())
    return _fade(pictures, contrasts, full, low)


def fade_in_from(memory: FrameMemory, low: int, newest: int) -> tuple[Fade | None, bool]:
    """The fade that rises from the place `low` to its full picture at `newest`, and whether it rises still."""
    pictures, contrasts = _seen(memory, newest + 1, black=_dark(memory.features[low]))
    if newest - low < 3:
        return None, True
    speed = float(contrasts[newest] - contrasts[low]) / (newest - low)
    if speed > 0 and float(contrasts[newest] - contrasts[newest - 2]) / 2 >= GROWING * speed:
        return None, True
    return _fade(pictures, contrasts, low + int(contrasts[low:].argmax()), low), False


def _dark(features: FrameFeatures) -> bool:
    return features.luma < DARK_LEVELS


def _seen(memory: FrameMemory, end: int, *, black: bool) -> tuple[NDArray[np.float32], Contrasts]:
    """Pictures up to a place, less black or else less their own mean colour, and how much is left to see in them."""
    pictures = memory.less_black(end) if black else memory.less_mean(end)
    return pictures, np.sqrt(np.einsum("ij,ij->i", pictures, pictures))


def _fade(pictures: NDArray[np.float32], contrasts: Contrasts, full: int, low: int) -> Fade | None:
    """The fade between these two places, where the frames between are scaled copies of each other; else None."""
    most = float(contrasts[full])
    if most < LEAST_CONTRAST or float(contrasts[low]) > LOW * most:
        return None
    first, last = (full + 1, low + 1) if full < low else (low, full)
    part = contrasts[first:last] / most
    between = first + np.flatnonzero((part > FAINT) & (part < FULL))
    if len(between) < LEAST_BETWEEN:
        return None
    toward = between + (-APART if full < low else APART)
    toward = np.clip(toward, min(full, low), max(full, low))
    products = np.einsum("ij,ij->i", pictures[between], pictures[toward])
    alike = float((products / np.maximum(contrasts[toward], 1.0)).sum() / contrasts[between].sum())
    if alike < ALIKE:
        return None
    return Fade(start=int(between[0]), end=int(between[-1]) + 1, alike=alike)
