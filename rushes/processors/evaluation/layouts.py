"""Libraries without facts beyond the vectors: how many identities, how large, how alike, and what lies in between."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushes.processors.evaluation.embedders import Embedder
from rushes.processors.evaluation.material import Floats, Ints, Material, unit_rows

Layout = Callable[[Embedder, np.random.Generator], Material]

POOR_SHARE: Final = 0.4
NON_FACES: Final = 0.05
MOST_OF_A_CROWD: Final = 400
POOR_QUALITY: Final = (0.05, 0.3)
GOOD_QUALITY: Final = (0.6, 1.0)


def few(embedder: Embedder, rng: np.random.Generator) -> Material:
    """Two to six identities, ten to sixty items."""
    return labelled(embedder.draw(rng, _sizes(rng, (2, 6), (5, 10))), rng)


def many(embedder: Embedder, rng: np.random.Generator) -> Material:
    """Forty to eighty identities of three to seven items."""
    return labelled(embedder.draw(rng, _sizes(rng, (40, 80), (3, 7))), rng)


def cast(embedder: Embedder, rng: np.random.Generator) -> Material:
    """Eight to twenty identities of four to twelve items."""
    return labelled(embedder.draw(rng, _sizes(rng, (8, 20), (4, 12))), rng)


def one_identity(embedder: Embedder, rng: np.random.Generator) -> Material:
    """One identity of fifteen to sixty items."""
    return labelled(embedder.draw(rng, _sizes(rng, (1, 1), (15, 60))), rng)


def all_different(embedder: Embedder, rng: np.random.Generator) -> Material:
    """Fifteen to a hundred and fifty items of as many identities."""
    return labelled(embedder.draw(rng, [1] * int(rng.integers(15, 150))), rng)


def half_singletons(embedder: Embedder, rng: np.random.Generator) -> Material:
    """Every second identity is seen once."""
    sizes = _sizes(rng, (10, 30), (3, 8))
    return labelled(embedder.draw(rng, [*sizes, *[1] * len(sizes)]), rng)


def extras(embedder: Embedder, rng: np.random.Generator) -> Material:
    """Every second item is of somebody seen once."""
    sizes = _sizes(rng, (6, 14), (4, 12))
    return labelled(embedder.draw(rng, [*sizes, *[1] * sum(sizes)]), rng)


def skewed(embedder: Embedder, rng: np.random.Generator) -> Material:
    """Sizes by Zipf's law: the largest of sixty to a hundred items, the smallest of one or two."""
    largest, identities = int(rng.integers(60, 100)), int(rng.integers(15, 40))
    return labelled(embedder.draw(rng, [max(1, largest // rank) for rank in range(1, identities + 1)]), rng)


def crowd(embedder: Embedder, rng: np.random.Generator) -> Material:
    """Twenty to sixty identities of sizes by a Pareto distribution: most of one to three items, a few of hundreds."""
    return labelled(embedder.draw(rng, sizes_of_a_crowd(rng)), rng)


def sizes_of_a_crowd(rng: np.random.Generator) -> list[int]:
    """Items of each identity."""
    sizes = np.minimum(1 + 2 * rng.pareto(1.0, int(rng.integers(20, 60))), MOST_OF_A_CROWD)
    return [int(size) for size in sizes]


def look_alikes(embedder: Embedder, rng: np.random.Generator) -> Material:
    """Two to four super-groups (families, uniforms, houses) of four to seven identities that share a component."""
    sizes = [_sizes(rng, (4, 7), (4, 10)) for _ in range(int(rng.integers(2, 5)))]
    groups = embedder.draw(rng, [size for family in sizes for size in family])
    strength = rng.uniform(0.5, 0.9)
    members = [len(family) for family in sizes] * (len(groups) // sum(len(family) for family in sizes))
    shared = unit_rows(rng.standard_normal((len(members), groups[0].shape[1]))).astype(np.float64)
    of = np.repeat(np.arange(len(members)), members)
    together = [unit_rows(group + strength * shared[k]).astype(np.float64) for group, k in zip(groups, of, strict=True)]
    return labelled(together, rng)


def poor(embedder: Embedder, rng: np.random.Generator) -> Material:
    """Four in ten items are poor (blurred, small), and nothing says so."""
    return poor_and_told(embedder, rng).without_facts()


def poor_and_told(embedder: Embedder, rng: np.random.Generator) -> Material:
    """Four in ten items are poor, and their quality says so."""
    groups = embedder.draw(rng, _sizes(rng, (8, 20), (5, 12)))
    bad = [rng.random(len(group)) < POOR_SHARE for group in groups]
    spoilt = blurred(np.concatenate(groups), np.concatenate(bad), rng)
    return shuffled(
        Material(unit_rows(spoilt), _numbered(groups), quality=told_quality(np.concatenate(bad), rng)),
        rng,
    )


def non_faces(embedder: Embedder, rng: np.random.Generator) -> Material:
    """One item in twenty is no face but a sweater, a lamp or a hand: alone in truth, a little alike to others."""
    groups = embedder.draw(rng, _sizes(rng, (8, 20), (4, 10)))
    count = max(1, round(NON_FACES * sum(map(len, groups))))
    return labelled([*groups, *junk(count, groups[0].shape[1], rng)], rng)


def junk(count: int, dim: int, rng: np.random.Generator) -> list[Floats]:
    """What a detector takes for a face: vectors of cosine .3 to one another, each its own identity."""
    shared = rng.standard_normal(dim) / np.sqrt(dim)
    odd = np.sqrt(0.3) * shared + np.sqrt(0.7 / dim) * rng.standard_normal((count, dim))
    return list(unit_rows(odd).astype(np.float64)[:, None])


def blurred(rows: Floats, bad: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """Rows with the bad ones moved towards one direction that all blurred pictures share, and away at random."""
    dim = rows.shape[1]
    shared = rng.standard_normal(dim) / np.sqrt(dim)
    weight = (bad * rng.uniform(0.35, 0.7, len(rows)))[:, None]
    noise = np.sqrt(0.4) * shared + np.sqrt(0.6 / dim) * rng.standard_normal(rows.shape)
    return unit_rows((1 - weight) * rows + weight * noise).astype(np.float64)


def told_quality(bad: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """Quality of good and of bad items."""
    return np.where(bad, rng.uniform(*POOR_QUALITY, len(bad)), rng.uniform(*GOOD_QUALITY, len(bad)))


def labelled(groups: list[Floats], rng: np.random.Generator) -> Material:
    """Groups as identities, items shuffled."""
    return shuffled(Material(unit_rows(np.concatenate(groups)), _numbered(groups)), rng)


def shuffled(material: Material, rng: np.random.Generator) -> Material:
    """The material in another order, for what has no time of its own."""
    order = rng.permutation(len(material))
    quality = material.quality
    return Material(
        unit_rows(material.vectors[order]),
        material.labels[order],
        quality=None if quality is None else quality[order],
    )


def _numbered(groups: list[Floats]) -> Ints:
    return np.repeat(np.arange(len(groups)), [len(group) for group in groups])


def _sizes(rng: np.random.Generator, identities: tuple[int, int], items: tuple[int, int]) -> list[int]:
    count = int(rng.integers(identities[0], identities[1] + 1))
    return [int(size) for size in rng.integers(items[0], items[1] + 1, count)]
