"""Where variations get vectors of identities from: a labelled set, or nothing but a seed. An embedder here is a way to
draw items of identities; two draws of one embedder are two libraries seen by one model.
"""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from rushes.processors.evaluation.material import Floats, Ints, unit_rows

SANE_EER: Final = 0.10
"""Greatest equal error rate of a usable embedder: one in ten pairs judged wrong at its best threshold. Face models of
the last decade lie below .02 on easy and near .1 on the hardest benchmarks; above, no threshold separates people."""

SANE_GAP: Final = 0.15
"""Least distance of the mean cosines of same and of different pairs. Below, everything looks alike to the model, and
the float16 of the log (1e-3 at most) and the sampling error of small libraries weigh too much."""


class Embedder(Protocol):
    """Draws identities."""

    @property
    def name(self) -> str: ...

    def draw(self, rng: np.random.Generator, sizes: list[int]) -> list[Floats]:
        """For each size an identity not drawn before in this call: (size, d) float64, unit rows."""
        ...


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """Real items. Identities beyond the set's own, and items beyond an identity's own, are made from the set: a new
    identity's mean departs from the common mean as far as real ones do, half in the span of the real means and half
    anywhere (a handful of means spans too little to hold many strangers apart); its items are that mean with residuals
    of one real identity.
    """

    name: str
    vectors: NDArray[np.float32]
    labels: Ints

    def draw(self, rng: np.random.Generator, sizes: list[int]) -> list[Floats]:
        rows = self.vectors.astype(np.float64)
        groups = [rows[self.labels == label] for label in np.unique(self.labels)]
        means = np.stack([group.mean(axis=0) for group in groups])
        centre = means.mean(axis=0)
        unused = rng.permutation(len(groups)).tolist()
        drawn = []
        for size in sizes:
            fitting = [k for k in unused if len(groups[k]) >= size]
            if fitting:
                unused.remove(fitting[0])
                drawn.append(groups[fitting[0]][rng.permutation(len(groups[fitting[0]]))[:size]])
                continue
            weights = rng.standard_normal(len(means)) / np.sqrt(len(means) - 1)
            apart = np.linalg.norm(means - centre, axis=1).mean()
            mean = centre + np.sqrt(0.5) * (weights @ (means - centre) + apart * _directions(rng, 1, rows.shape[1])[0])
            mean *= np.linalg.norm(means, axis=1).mean() / np.linalg.norm(mean)
            pattern = int(rng.integers(len(groups)))
            residuals = groups[pattern] - means[pattern]
            drawn.append(_spread(rng, mean, residuals, size))
        return drawn


def _spread(rng: np.random.Generator, mean: Floats, residuals: Floats, size: int) -> Floats:
    """Items around a mean: random rotations within the span of real residuals keep their covariance."""
    mixing = rng.standard_normal((size, len(residuals))) / np.sqrt(max(len(residuals) - 1, 1))
    return unit_rows(mean + mixing @ residuals).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Synthetic:
    """Identities as random directions; items around them, in one or more modes (views, poses, shots)."""

    name: str
    dim: int
    same: float
    """Mean cosine of two items of an identity and mode."""
    base: float = 0.0
    """Mean cosine of two identities: a component that all vectors share."""
    uneven: float = 0.0
    """How much `same` differs between identities (standard deviation)."""
    modes: int = 1
    mode_same: float = 0.8
    """Cosine of two modes of an identity, of their share without the common component."""

    def draw(self, rng: np.random.Generator, sizes: list[int]) -> list[Floats]:
        common = _directions(np.random.default_rng(self.dim), 1, self.dim)[0]
        drawn = []
        for size in sizes:
            own = _directions(rng, 1, self.dim)[0]
            modes = np.sqrt(self.mode_same) * own + np.sqrt(1 - self.mode_same) * _directions(rng, self.modes, self.dim)
            centres = modes if self.modes > 1 else own[None]
            tight = float(np.clip(self.same + self.uneven * rng.standard_normal(), self.base + 0.1, 0.98))
            of = rng.integers(len(centres), size=size)
            held = np.sqrt(self.base) * common + np.sqrt(max(tight - self.base, 0.0)) * centres[of]
            drawn.append(unit_rows(held + np.sqrt(1 - tight) * _directions(rng, size, self.dim)).astype(np.float64))
        return drawn


@dataclass(frozen=True, slots=True)
class Distorted:
    """An embedder whose vectors went through something: a component added to all (everything looks alike), a spectrum
    made steeper (few directions carry all), noise on every item.
    """

    inner: Embedder
    kind: str
    offset: float = 0.0
    steepness: float = 0.0
    noise: float = 0.0

    @property
    def name(self) -> str:
        return f"{self.inner.name}+{self.kind}"

    def draw(self, rng: np.random.Generator, sizes: list[int]) -> list[Floats]:
        drawn = self.inner.draw(rng, sizes)
        if not drawn:
            return drawn
        dim = drawn[0].shape[1]
        fixed = np.random.default_rng((dim, 7))
        shift = self.offset * _directions(fixed, 1, dim)[0]
        scale = (1.0 + np.arange(dim)) ** -self.steepness
        scale *= np.sqrt(dim / (scale**2).sum())
        return [
            unit_rows((group + shift + self.noise * _directions(rng, len(group), dim)) * scale).astype(np.float64)
            for group in drawn
        ]


@dataclass(frozen=True, slots=True)
class Mixed:
    """Half of the identities from one embedder and half from another, in one space: materials that need different
    thresholds. Narrower vectors are padded with zeros.
    """

    first: Embedder
    second: Embedder

    @property
    def name(self) -> str:
        return f"{self.first.name}&{self.second.name}"

    def draw(self, rng: np.random.Generator, sizes: list[int]) -> list[Floats]:
        one, two = self.first.draw(rng, sizes[::2]), self.second.draw(rng, sizes[1::2])
        width = max(group.shape[1] for group in [*one, *two])
        drawn: list[Floats] = []
        for place in range(len(sizes)):
            group = (one if place % 2 == 0 else two)[place // 2]
            drawn.append(np.pad(group, ((0, 0), (0, width - group.shape[1]))))
        return drawn


@dataclass(frozen=True, slots=True)
class Repeated:
    """An embedder whose libraries have so many times the identities, of the same sizes."""

    inner: Embedder
    times: int

    @property
    def name(self) -> str:
        return self.inner.name

    def draw(self, rng: np.random.Generator, sizes: list[int]) -> list[Floats]:
        return self.inner.draw(rng, sizes * self.times)


def _directions(rng: np.random.Generator, count: int, dim: int) -> Floats:
    return unit_rows(rng.standard_normal((count, dim))).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Separation:
    """How well an embedder tells same from different pairs, whatever is made of it."""

    equal_error_rate: float
    gap: float

    @property
    def sane(self) -> bool:
        return self.equal_error_rate <= SANE_EER and self.gap >= SANE_GAP


def separation(embedder: Embedder, identities: int = 12, items: int = 6) -> Separation:
    """Measured on a seeded draw of its own, which no variation uses: identities of equal size, all items good."""
    groups = embedder.draw(np.random.default_rng(20_240), [items] * identities)
    rows = np.concatenate(groups)
    labels = np.repeat(np.arange(identities), items)
    upper = np.triu_indices(len(rows), 1)
    scores = (rows @ rows.T)[upper]
    same = (labels[:, None] == labels)[upper]
    return Separation(equal_error_rate(scores, same), float(scores[same].mean() - scores[~same].mean()))


def equal_error_rate(scores: Floats, same: NDArray[np.bool_]) -> float:
    """The rate at which as many same pairs are refused as different ones accepted, halfway between the two rates where
    they do not meet.
    """
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(same[order]) / max(int(same.sum()), 1)
    false = np.cumsum(~same[order]) / max(int((~same).sum()), 1)
    nearest = int(np.argmin(np.abs(1 - hits - false)))
    return float((1 - hits[nearest] + false[nearest]) / 2)
