"""Libraries of a kind of which every shot shows one thing, as scenes do: shots of places, in a media or several.

A shot is a camera before a place: its frames lie between two views, and are more like each other than two shots of the
place are. Some shots hold a cut that nobody saw, and show two places.
"""

from typing import Final

import numpy as np

from rushes.processors.evaluation.embedders import Embedder
from rushes.processors.evaluation.footage import PERIOD_S
from rushes.processors.evaluation.material import Floats, Ints, Material, unit_rows

FRAMES: Final = (2, 5)
MISSED_CUTS: Final = 0.05
"""Of all frames but the first of a shot, those that show another place."""

PANNING: Final = 0.4
"""Of the way from one view to the next, how far a shot goes at most."""

JITTER: Final = 0.25
"""Length of what differs between two frames of one view."""

NEW_MEDIA: Final = 1 / 3


def one_place(embedder: Embedder, rng: np.random.Generator) -> Material:
    """Ten to twenty shots of one place."""
    return shots_of(embedder, rng, np.zeros(int(rng.integers(10, 21)), np.int64), missed=0.0)


def each_its_own(embedder: Embedder, rng: np.random.Generator) -> Material:
    """Ten to forty shots of as many places."""
    return shots_of(embedder, rng, np.arange(int(rng.integers(10, 41))))


def places(embedder: Embedder, rng: np.random.Generator) -> Material:
    """Four to ten places in one to six shots each."""
    sizes = rng.integers(1, 7, int(rng.integers(4, 11)))
    return shots_of(embedder, rng, rng.permutation(np.repeat(np.arange(len(sizes)), sizes)))


def shots_of(embedder: Embedder, rng: np.random.Generator, place_of: Ints, missed: float = MISSED_CUTS) -> Material:
    """place_of: (shots,) the place of each shot."""
    views = embedder.draw(rng, (2 * np.bincount(place_of) + 2).tolist())
    used = [0] * len(views)
    rows: list[Floats] = []
    known: list[tuple[int, int, int, int]] = []
    media = 0
    for shot, place in enumerate(place_of.tolist()):
        media += int(rng.random() < NEW_MEDIA)
        for moment in range(int(rng.integers(FRAMES[0], FRAMES[1] + 1))):
            at = int(rng.integers(len(views))) if moment and rng.random() < missed else place
            view, other = views[at][[used[at] % len(views[at]), (used[at] + 1) % len(views[at])]]
            way = PANNING * rng.random()
            jitter = JITTER * rng.standard_normal(len(view)) / np.sqrt(len(view))
            rows.append((1 - way) * view + way * other + jitter)
            known.append((at, shot, moment, media))
        used[place] += 2
    label, of_shot, moments, of_media = np.array(known, np.int64).T
    times = 60.0 * of_shot + PERIOD_S * moments
    return Material(unit_rows(np.stack(rows)), label, times=times, shots=of_shot, media=of_media)
