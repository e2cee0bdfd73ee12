"""Libraries to learn on whether a branch of a dendrogram is one identity: as those the levels are weighed on, and with
them mixtures of two embedders, none of them of the robustness suite.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from weighing_material import ENDS, PLAIN, natural, part, sane

from rushes.processors.evaluation import layouts
from rushes.processors.evaluation.embedders import Distorted, Embedder, LabelledSet, Mixed, Repeated, separation
from rushes.processors.evaluation.layouts import Layout
from rushes.processors.evaluation.material import Floats, Ints, Material, unit_rows
from rushes.processors.gallery.pieces import at_once
from rushes.processors.identity.branches import Branches, Leaves, branches
from rushes.processors.identity.calibration import Calibration, Evidence, calibrate
from rushes.processors.identity.linkage import Merge, agglomerate

UNDER_MIXTURE: Final[tuple[Layout, ...]] = (
    layouts.cast,
    layouts.half_singletons,
    layouts.skewed,
    layouts.extras,
    layouts.many,
)
LOOSE: Final[tuple[Layout, ...]] = (layouts.skewed, layouts.poor, layouts.cast)


def related_crowd(embedder: Embedder, rng: np.random.Generator) -> Material:
    """A crowd in families that share a component."""
    groups = embedder.draw(rng, layouts.sizes_of_a_crowd(rng))
    shared = unit_rows(rng.standard_normal((max(2, len(groups) // 8), groups[0].shape[1]))).astype(np.float64)
    shared *= rng.uniform(0.2, 0.9)
    family = rng.integers(len(shared), size=len(groups))
    related = [unit_rows(group + shared[at]).astype(np.float64) for group, at in zip(groups, family, strict=True)]
    return layouts.labelled(related, rng)


def crowds(embedder: Embedder, rng: np.random.Generator) -> Material:
    """One to five identities of 60 to 400 items, and as many seen now and then."""
    count = int(rng.integers(1, 6))
    sizes = [*rng.integers(60, 400, count).tolist(), *rng.integers(1, 6, count).tolist()]
    return layouts.labelled(embedder.draw(rng, sizes), rng)


LARGE_GROUPS: Final[tuple[Layout, ...]] = (layouts.crowd, related_crowd, crowds)
REPEATED: Final = (*(layout for layout in PLAIN if layout not in ENDS), *LARGE_GROUPS, *LARGE_GROUPS)
LARGE: Final = (300.0, 1_500.0)
"""Items, up to which background work links a library as a whole."""
NOISE: Final = (0.4, 1.0)
MADE_UP: Final = 60
"""Items of an identity, more than any labelled set has: so a profile is learnt on identities made up from it."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """One library and one calibration of it."""

    family: str
    labels: Ints
    merges: list[Merge]
    calibration: Calibration
    found: Branches
    gains: NDArray[np.float64]
    """(merges,) what B-cubed precision and recall, the mean of both, gain by each merge, beside the best cut of its
    two parts."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many libraries of each sort are drawn."""

    whole: int = 0
    mixed: int = 0
    natural: int = 0
    small: int = 0
    loose: int = 0
    """Groups with many items at their edge, by noise or for their size: what lies there is no group of its own."""
    large: int = 0
    """Of the layouts and mixtures, with many times the identities: 300 to 1,500 items."""


def lessons(rng: np.random.Generator, sets: list[LabelledSet], counts: Counts) -> list[Lesson]:
    """Seeded libraries, each cold and with what another library of its embedder taught."""
    found: list[Lesson] = []
    for _ in range(counts.whole):
        layout, embedder = PLAIN[rng.integers(len(PLAIN))], sane(rng, sets)
        found += _lessons(layout.__name__, embedder, layout(embedder, rng))
    for _ in range(counts.mixed):
        layout, mixed = UNDER_MIXTURE[rng.integers(len(UNDER_MIXTURE))], _mixed(rng, sets)
        found += _lessons("mixture", mixed, layout(mixed, rng))
    for _ in range(counts.natural if sets else 0):
        whole = sets[rng.integers(len(sets))]
        found += _lessons("natural", whole, natural(rng, whole))
    for _ in range(counts.small):
        layout, embedder = PLAIN[rng.integers(len(PLAIN))], sane(rng, sets)
        found += _lessons("small", embedder, part(layout(embedder, rng), int(rng.integers(8, 60)), rng))
    for number in range(counts.loose):
        layout, embedder = LOOSE[rng.integers(len(LOOSE))], sane(rng, sets)
        if number % 2:
            noisy = Distorted(embedder, "noisy", noise=float(rng.uniform(*NOISE)))
            embedder = noisy if separation(noisy).sane else embedder
        found += _lessons(f"loose-{layout.__name__}", embedder, layout(embedder, rng))
    for number in range(counts.large):
        found += _lessons(*large(rng, sets, LARGE, mixed=number % 4 == 0))
    return found


def large(
    rng: np.random.Generator, sets: list[LabelledSet], items: tuple[float, float], *, mixed: bool
) -> tuple[str, Embedder, Material]:
    """A layout with many times the identities, of so many items at least and at most, even in their logarithm."""
    layout, embedder = REPEATED[rng.integers(len(REPEATED))], sane(rng, sets)
    if mixed:
        layout, embedder = UNDER_MIXTURE[rng.integers(len(UNDER_MIXTURE))], _mixed(rng, sets)
    times = max(1, round(float(np.exp(rng.uniform(*np.log(items)))) / len(layout(embedder, rng))))
    return f"large-{layout.__name__}", embedder, layout(Repeated(embedder, times), rng)


def _mixed(rng: np.random.Generator, sets: list[LabelledSet]) -> Mixed:
    while True:
        one, other = sane(rng, sets), sane(rng, sets)
        mixed = Mixed(one, other)
        if not isinstance(one, Mixed) and not isinstance(other, Mixed) and separation(mixed).sane:
            return mixed


def _lessons(family: str, embedder: Embedder, material: Material) -> list[Lesson]:
    prior = taught_by_another(embedder)
    similarity, merges = _linked(material.vectors)
    count = len(material)
    leaves = Leaves(np.ones(count), np.ones(count), np.zeros(count), np.zeros(count))
    gains = _gains(merges, material.labels)
    found = []
    for each in (None, prior):
        calibration = at_once(calibrate(similarity, merges, Evidence(np.zeros(0), prior=each)))
        said = at_once(branches(merges, leaves, calibration, part=False))
        found.append(Lesson(family, material.labels, merges, calibration, said, gains))
    return found


def taught_by_another(embedder: Embedder) -> Calibration:
    """What another library of the embedder would teach."""
    rng = np.random.default_rng(20_241)
    groups = [group[:8] for group in embedder.draw(rng, [MADE_UP] * 16)]
    similarity, merges = _linked(layouts.labelled(groups, rng).vectors)
    return at_once(calibrate(similarity, merges, Evidence(np.zeros(0))))


def _linked(vectors: NDArray[np.float32]) -> tuple[Floats, list[Merge]]:
    rows = vectors.astype(np.float64)
    similarity = rows @ rows.T
    np.fill_diagonal(similarity, 1.0)
    return similarity, at_once(agglomerate(similarity, np.ones(len(rows))))


def _gains(merges: list[Merge], labels: Ints) -> NDArray[np.float64]:
    _, truth, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    return gains(merges, [{label: 1} for label in truth.tolist()], sizes.tolist()) / (2 * len(labels))


def gains(merges: list[Merge], held: list[dict[int, int]], sizes: Sequence[int]) -> NDArray[np.float64]:
    """What B-cubed precision and recall gain by each merge, added up over the items: (merges,).

    held: of each leaf how many of each label it has; sizes: of each label, of all items.
    """
    best = [_worth(labels, sizes) for labels in held]
    found = np.empty(len(merges))
    for number, merge in enumerate(merges):
        into = held[merge.kept]
        for label, count in held[merge.gone].items():
            into[label] = into.get(label, 0) + count
        together, apart = _worth(into, sizes), best[merge.kept] + best[merge.gone]
        found[number] = together - apart
        best[merge.kept] = max(together, apart)
    return found


def _worth(labels: dict[int, int], sizes: Sequence[int]) -> float:
    total = sum(labels.values())
    return sum(count**2 / total + count**2 / sizes[label] for label, count in labels.items())
