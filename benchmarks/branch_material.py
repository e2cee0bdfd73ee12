"""Libraries to learn on whether a branch of a dendrogram is one identity: as those the levels are weighed on, and with
them mixtures of two embedders, none of them of the robustness suite.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from weighing_material import PLAIN, ended, natural, part, sane

from rushes.processors.evaluation import layouts
from rushes.processors.evaluation.embedders import Distorted, Embedder, LabelledSet, Mixed, separation
from rushes.processors.evaluation.layouts import Layout
from rushes.processors.evaluation.material import Floats, Ints, Material
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

    whole: int
    mixed: int
    natural: int
    small: int
    loose: int
    """Groups with many items at their edge, by noise or for their size: what lies there is no group of its own."""


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
    return found


def _mixed(rng: np.random.Generator, sets: list[LabelledSet]) -> Mixed:
    while True:
        one, other = sane(rng, sets), sane(rng, sets)
        mixed = Mixed(one, other)
        if not isinstance(one, Mixed) and not isinstance(other, Mixed) and separation(mixed).sane:
            return mixed


def _lessons(family: str, embedder: Embedder, material: Material) -> list[Lesson]:
    rng = np.random.default_rng(20_241)
    groups = [group[:8] for group in embedder.draw(rng, [MADE_UP] * 16)]
    similarity, merges = _linked(layouts.labelled(groups, rng).vectors)
    prior = ended(calibrate(similarity, merges, Evidence(np.zeros(0))))
    similarity, merges = _linked(material.vectors)
    count = len(material)
    leaves = Leaves(np.ones(count), np.ones(count), np.zeros(count), np.zeros(count))
    gains = _gains(merges, material.labels)
    found = []
    for each in (None, prior):
        calibration = ended(calibrate(similarity, merges, Evidence(np.zeros(0), prior=each)))
        said = ended(branches(merges, leaves, calibration))
        found.append(Lesson(family, material.labels, merges, calibration, said, gains))
    return found


def _linked(vectors: NDArray[np.float32]) -> tuple[Floats, list[Merge]]:
    rows = vectors.astype(np.float64)
    similarity = rows @ rows.T
    np.fill_diagonal(similarity, 1.0)
    return similarity, ended(agglomerate(similarity, np.ones(len(rows))))


def _gains(merges: list[Merge], labels: Ints) -> NDArray[np.float64]:
    _, truth, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    held = [{label: 1} for label in truth.tolist()]
    best = (1.0 + 1.0 / sizes[truth]).tolist()
    gains = np.empty(len(merges))
    for number, merge in enumerate(merges):
        into = held[merge.kept]
        for label, count in held[merge.gone].items():
            into[label] = into.get(label, 0) + count
        size = sum(into.values())
        together = sum(count**2 / size + count**2 / float(sizes[label]) for label, count in into.items())
        apart = best[merge.kept] + best[merge.gone]
        gains[number] = (together - apart) / (2 * len(labels))
        best[merge.kept] = max(together, apart)
    return gains
