"""Libraries to learn the weighing of levels on: random embedders and layouts, none of them of the robustness suite.

Real sets give half of them, a random part of their identities at a time; the others are synthetic, with every figure
drawn anew. Small ones are prefixes (what a calibration sees early on), large ones what it samples later.
"""

from dataclasses import dataclass, fields, replace
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from rushes.processors.evaluation import footage, layouts
from rushes.processors.evaluation.embedders import Distorted, Embedder, LabelledSet, Mixed, Synthetic, separation
from rushes.processors.evaluation.layouts import Layout
from rushes.processors.evaluation.material import Material
from rushes.processors.evaluation.metrics import bcubed
from rushes.processors.gallery.pieces import at_once
from rushes.processors.identity.items import Observation
from rushes.processors.identity.levels import levels
from rushes.processors.identity.linkage import agglomerate, cut, products
from rushes.processors.identity.neighbourhoods import rows
from rushes.processors.identity.partition import Partition

T = TypeVar("T")

PLAIN: Final[tuple[Layout, ...]] = (
    layouts.few,
    layouts.many,
    layouts.cast,
    layouts.one_identity,
    layouts.all_different,
    layouts.half_singletons,
    layouts.extras,
    layouts.skewed,
    layouts.look_alikes,
    layouts.poor,
    layouts.non_faces,
)
LAYOUTS: Final = (*PLAIN, footage.same_frame, footage.tracklets)
ENDS: Final = (layouts.one_identity, layouts.all_different)
SMALL: Final = tuple(one for one in LAYOUTS if one not in ENDS)
BASES: Final = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
DIMS: Final = (48, 96, 128, 256, 512, 768)


@dataclass(frozen=True, slots=True)
class Lesson:
    """One library: the figures of its levels, and how good each is."""

    figures: NDArray[np.float64]
    """(levels, figures)"""
    f1: NDArray[np.float64]
    """(levels,) B-cubed F1 of the cut there."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many libraries of each sort are drawn."""

    whole: int
    natural: int
    """Parts of a labelled set with its own sizes, and with what shots and films make of its items."""
    small: int
    large: int


def lessons(rng: np.random.Generator, sets: list[LabelledSet], counts: Counts) -> list[Lesson]:
    """Seeded libraries: whole ones, parts of the labelled sets, prefixes, and large ones of up to a thousand items."""
    found = [lesson(LAYOUTS[rng.integers(len(LAYOUTS))](sane(rng, sets), rng)) for _ in range(counts.whole)]
    found += [lesson(natural(rng, sets[rng.integers(len(sets))])) for _ in range(counts.natural if sets else 0)]
    for _ in range(counts.small):
        material = SMALL[rng.integers(len(SMALL))](sane(rng, sets), rng)
        found.append(lesson(part(material, int(rng.integers(8, 60)), rng)))
    for _ in range(counts.large):
        sizes = rng.integers(2, 9, int(rng.integers(60, 200))).tolist()
        lone = [1] * (len(sizes) * int(rng.integers(0, 2)))
        material = layouts.labelled(sane(rng, sets).draw(rng, [*sizes, *lone]), rng)
        found.append(lesson(part(material, 1000, rng)))
    return found


def ends(rng: np.random.Generator, sets: list[LabelledSet], count: int) -> list[Lesson]:
    """Libraries of one identity and of nothing but strangers, in turn."""
    return [lesson(ENDS[number % 2](sane(rng, sets), rng)) for number in range(count)]


def lesson(material: Material) -> Lesson:
    """What each level of a library's dendrogram says, and what it is worth."""
    partition = Partition(material.vectors.shape[1])
    for item in range(len(material)):
        frame = item if material.frames is None else int(material.frames[item])
        tracklet = -1 if material.tracklets is None else int(material.tracklets[item])
        partition.add(
            Observation(material.vectors[item].astype(np.float16), frame, tracklet=tracklet if tracklet >= 0 else None)
        )
    units = list(dict.fromkeys(partition.facts.unit(item) for item in partition.items()))
    facts = rows(partition, units)
    gram = at_once(products(facts.sums, facts.weights))
    similarity = gram / np.multiply.outer(facts.weights, facts.weights)
    np.fill_diagonal(similarity, 1.0)
    apart = np.zeros(similarity.shape, np.bool_) if facts.apart is None else facts.apart
    merges = at_once(agglomerate(similarity, np.ones(len(units)), facts.apart))
    found = at_once(levels(similarity, merges, similarity[np.triu(apart, 1)]))
    linked = at_once(agglomerate(gram, facts.weights, facts.apart))
    of_item = np.zeros(len(material), np.int64)
    for row, group in enumerate(facts.groups):
        for unit in group:
            of_item[list(unit)] = row
    worth = []
    for level in found:
        inside = 0.5 * level.threshold + 0.25 * (
            max(level.low, level.threshold - 0.15) + min(level.high, level.threshold + 0.15)
        )
        worth.append(bcubed(cut(linked, len(units), inside)[of_item], material.labels).f1)
    return Lesson(np.stack([level.figures for level in found]), np.array(worth))


def natural(rng: np.random.Generator, whole: LabelledSet) -> Material:
    identities = np.unique(whole.labels)
    kept = rng.permutation(identities)[: max(4, int(len(identities) * rng.uniform(0.4, 1.0)))]
    items = np.flatnonzero(np.isin(whole.labels, kept) & (rng.random(len(whole.labels)) < rng.uniform(0.5, 1.0)))
    return Material(whole.vectors[items], whole.labels[items])


def sane(rng: np.random.Generator, sets: list[LabelledSet]) -> Embedder:
    while True:
        embedder = _embedder(rng, sets)
        if separation(embedder).sane:
            return embedder


def _embedder(rng: np.random.Generator, sets: list[LabelledSet]) -> Embedder:
    embedder: Embedder
    if sets and rng.random() < 0.45:
        chosen = sets[rng.integers(len(sets))]
        identities = np.unique(chosen.labels)
        kept = rng.permutation(identities)[: max(4, int(len(identities) * rng.uniform(0.4, 0.95)))]
        mine = np.isin(chosen.labels, kept)
        embedder = LabelledSet(chosen.name, chosen.vectors[mine], chosen.labels[mine])
    else:
        base = float(rng.choice(BASES))
        embedder = Synthetic(
            "drawn",
            int(rng.choice(DIMS)),
            same=base + (1 - base) * float(rng.uniform(0.35, 0.85)),
            base=base,
            uneven=float(rng.uniform(0, 0.1)),
            modes=int(rng.choice([1, 1, 1, 2, 3, 4])),
            mode_same=float(rng.uniform(0.5, 0.9)),
        )
    return _distorted(embedder, rng)


def _distorted(embedder: Embedder, rng: np.random.Generator) -> Embedder:
    chance = rng.random()
    if chance < 0.15:
        return Distorted(embedder, "offset", offset=float(rng.uniform(0.3, 1.5)))
    if chance < 0.22:
        return Distorted(embedder, "steep", steepness=float(rng.uniform(0.2, 0.5)))
    if chance < 0.32:
        return Distorted(embedder, "noisy", noise=float(rng.uniform(0.2, 1.0)))
    if chance < 0.35 and isinstance(embedder, Synthetic):
        return Mixed(embedder, Synthetic("other", embedder.dim, same=0.7))
    return embedder


def part(material: Material, count: int, rng: np.random.Generator) -> Material:
    kept = np.sort(rng.permutation(len(material))[:count])
    return replace(
        material,
        **{
            field.name: getattr(material, field.name)[kept]
            for field in fields(material)
            if getattr(material, field.name) is not None
        },
    )
