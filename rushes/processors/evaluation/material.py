"""What is measured on: labelled vectors with whatever else is known of the items, and the orders they arrive in."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Material:
    """n labelled items of one kind, embedded by one model. Of integer columns, below zero is "not known"."""

    vectors: NDArray[np.float32]
    """(n, d), unit rows."""
    labels: Ints
    frames: Ints | None = None
    """Items of one frame are different things."""
    quality: Floats | None = None
    """0..1."""
    times: Floats | None = None
    """Seconds within the media."""
    shots: Ints | None = None
    tracklets: Ints | None = None
    """Items of one tracklet are one thing."""
    media: Ints | None = None

    def __post_init__(self) -> None:
        n = len(self.vectors)
        for field in fields(self):
            column = getattr(self, field.name)
            if column is not None and len(column) != n:
                raise ValueError(f"expected {n} values in {field.name}, one for each vector, found {len(column)}")

    def __len__(self) -> int:
        return len(self.labels)

    def without_facts(self) -> "Material":
        """Vectors and labels only."""
        return Material(self.vectors, self.labels)

    @property
    def fills_frames(self) -> bool:
        """Whether a shot mostly shows one of this kind, as with scenes: no item has a frame mate or a tracklet."""
        if self.tracklets is not None:
            return False
        known = np.zeros(0, np.int64) if self.frames is None else self.frames[self.frames >= 0]
        return len(np.unique(known)) == len(known)

    def units(self) -> list[Ints]:
        """What arrives at once: the items of a frame; where tracklets are known, those of a shot, frame by frame."""
        apart = -1 - np.arange(len(self))
        key = apart if self.frames is None else np.where(self.frames >= 0, self.frames, apart)
        if self.tracklets is not None and self.shots is not None:
            key = np.where(self.shots >= 0, self.shots + key.max() + 1, key)
        order = self.in_time()
        _, first, unit = np.unique(key[order], return_index=True, return_inverse=True)
        rank = np.argsort(np.argsort(first))
        by_unit = rank[unit]
        return np.split(
            order[np.argsort(by_unit, kind="stable")], np.cumsum(np.bincount(by_unit))[:-1] if len(order) else []
        )

    def in_time(self) -> Ints:
        """Items by media and time, else as they stand."""
        n = np.arange(len(self))
        media = self.media if self.media is not None else np.zeros(len(self), np.int64)
        times = self.times if self.times is not None else n
        return np.lexsort((n, times, media))


def arrival_orders(material: Material, count: int, seed: int = 0) -> list[list[Ints]]:
    """`count` seeded arrival orders: each a list of frames, a frame being the indices of its items. The first is the
    order of the material itself; the others permute what arrives at once (`Material.units`).
    """
    units = material.units()
    orders = []
    for number in range(count):
        order = np.random.default_rng((seed, number)).permutation(len(units)) if number else np.arange(len(units))
        orders.append([frame for unit in order.tolist() for frame in _frames(material, units[unit])])
    return orders


def _frames(material: Material, unit: Ints) -> list[Ints]:
    """A unit cut into its frames, in the unit's order."""
    if material.frames is None:
        return [unit[k : k + 1] for k in range(len(unit))]
    frames: dict[int, list[int]] = {}
    for item in unit.tolist():
        frame = int(material.frames[item])
        frames.setdefault(frame if frame >= 0 else -1 - item, []).append(item)
    return [np.array(items, np.int64) for items in frames.values()]


def unit_rows(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Rows at length one; a zero row stays zero."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    rows: NDArray[np.float32] = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
    return rows
