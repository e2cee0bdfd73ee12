"""The robustness suite: libraries of every shape, each a function of its name alone.

A variation is a layout (how many identities, how alike, what is known) of an embedder (a labelled set, a seed, either
of them distorted). Half of them are held back by the hash of their names: what is chosen is chosen on the other half.
An embedder is sane or not by how it separates pairs of a draw of its own (`embedders.separation`); no clustering has a
say in it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np

from rushes.processors.evaluation import footage, layouts, takes
from rushes.processors.evaluation.embedders import Distorted, Embedder, LabelledSet, Mixed, Repeated, Synthetic
from rushes.processors.evaluation.layouts import Layout
from rushes.processors.evaluation.material import Material

SEEDS_OF_A_SET: Final = 4
SEEDS_OF_A_SYNTHETIC: Final = 2

SYNTHETIC: Final[tuple[Embedder, ...]] = (
    Synthetic("tight", 128, same=0.7, uneven=0.05),
    Synthetic("loose", 256, same=0.5, base=0.1, uneven=0.08),
    Synthetic("high", 512, same=0.85, base=0.55, uneven=0.03),
    Synthetic("views", 96, same=0.75, base=0.1, uneven=0.05, modes=3, mode_same=0.6),
)

PLAIN: Final[dict[str, Layout]] = {
    "few": layouts.few,
    "many": layouts.many,
    "cast": layouts.cast,
    "one-identity": layouts.one_identity,
    "all-different": layouts.all_different,
    "half-singletons": layouts.half_singletons,
    "extras": layouts.extras,
    "skewed": layouts.skewed,
    "look-alikes": layouts.look_alikes,
    "poor": layouts.poor,
    "non-faces": layouts.non_faces,
}

INFORMED: Final[dict[str, Layout]] = {
    "quality-told": layouts.poor_and_told,
    "same-frame": footage.same_frame,
    "tracklets": footage.tracklets,
    "all-facts": footage.all_facts,
    "shots-of-one": takes.one_place,
    "shots-of-each": takes.each_its_own,
    "shots-of-places": takes.places,
}
"""Families where more is known than the vectors."""

DISTORTIONS: Final[dict[str, tuple[dict[str, float], ...]]] = {
    "anisotropic": ({"offset": 0.5}, {"offset": 0.8}, {"steepness": 0.5}, {"offset": 1.2}, {"offset": 2.0}),
    "weak": ({"noise": 0.4}, {"noise": 0.7}, {"noise": 1.0}, {"noise": 1.5}),
}
UNDER_DISTORTION: Final = ("cast", "half-singletons", "skewed")

NOT_REPEATED: Final = ("one-identity", "all-different")
"""Families that are something else with many times the identities."""


class Half(StrEnum):
    """What a choice may look at, and what it may not."""

    DEVELOPMENT = "dev"
    HELD_BACK = "held"


@dataclass(frozen=True, slots=True)
class Variation:
    """One library of the suite."""

    family: str
    embedder: Embedder
    layout: Layout
    seed: int
    items: int | None = None
    """About so many, by as many times the identities; None is what the layout has."""

    @property
    def name(self) -> str:
        name = f"{self.family}/{self.embedder.name}/{self.seed}"
        return name if self.items is None else f"{name}/{self.items}"

    @property
    def informed(self) -> bool:
        """Whether more is known than a cut can use."""
        return self.family in INFORMED

    @property
    def half(self) -> Half:
        return Half.HELD_BACK if self._digest()[0] % 2 else Half.DEVELOPMENT

    def material(self) -> Material:
        """The same for ever, whatever else was drawn before."""
        seed = list(self._digest()[1:])
        once = self.layout(self.embedder, np.random.default_rng(seed))
        if self.items is None:
            return once
        return self.layout(Repeated(self.embedder, -(-self.items // len(once))), np.random.default_rng(seed))

    def _digest(self) -> bytes:
        return hashlib.sha256(self.name.encode()).digest()


def suite(sets: Sequence[LabelledSet]) -> list[Variation]:
    """All variations: of the labelled sets and of the synthetic embedders. Without sets, the synthetic ones only."""
    found = []
    sources = [(embedder, SEEDS_OF_A_SET) for embedder in sets] + [(e, SEEDS_OF_A_SYNTHETIC) for e in SYNTHETIC]
    for embedder, seeds in sources:
        for seed in range(seeds):
            found += [Variation(family, embedder, layout, seed) for family, layout in {**PLAIN, **INFORMED}.items()]
            for family, kinds in DISTORTIONS.items():
                for number, parts in enumerate(kinds):
                    if number % seeds == seed:
                        said = "+".join(f"{part}{amount}" for part, amount in parts.items())
                        layout = PLAIN[UNDER_DISTORTION[(number + len(embedder.name)) % len(UNDER_DISTORTION)]]
                        found.append(Variation(family, Distorted(embedder, said, **parts), layout, seed))
    for seed, (first, second) in enumerate(_pairs([embedder for embedder, _ in sources])):
        layout = PLAIN[UNDER_DISTORTION[seed % len(UNDER_DISTORTION)]]
        found.append(Variation("mixture", Mixed(first, second), layout, seed))
    return found


def large_suite(sets: Sequence[LabelledSet], items: int) -> list[Variation]:
    """The suite's families of vectors only, and crowds, of about so many items; a seed of each layout and embedder."""
    once = [
        variation
        for variation in suite(sets)
        if variation.family not in {*INFORMED, *NOT_REPEATED} and (variation.seed == 0 or variation.family not in PLAIN)
    ]
    once += [Variation("crowd", embedder, layouts.crowd, 0) for embedder in (*sets, *SYNTHETIC)]
    return [replace(variation, items=items) for variation in once]


def _pairs(embedders: Sequence[Embedder]) -> list[tuple[Embedder, Embedder]]:
    return [(one, two) for place, one in enumerate(embedders) for two in embedders[place + 1 :]]
