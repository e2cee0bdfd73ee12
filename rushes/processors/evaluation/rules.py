"""The rules of `references` as clusterers, to be measured in the same way as the product's own."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from rushes.processors.evaluation.material import Ints, Material
from rushes.processors.evaluation.plain import fixed
from rushes.processors.evaluation.references import Vectors, best_cut, greedy_oracle, neighbour_rule
from rushes.processors.evaluation.running import Clustered, Engine


def _online(rule: Callable[[Vectors, Ints], Ints]) -> Engine:
    """A rule that revises nothing: what it says at arrival is what it says in the end."""

    def clustered(material: Material, order: Sequence[Ints]) -> Clustered:
        labels = rule(material.vectors, np.concatenate(order))
        return Clustered(labels, labels, 0)

    return clustered


def greedy_in_hindsight(material: Material, order: Sequence[Ints]) -> Clustered:
    """Greedy with the best threshold for this order."""
    labels = greedy_oracle(material.vectors, np.concatenate(order), material.labels).labels
    return Clustered(labels, labels, 0)


def cut_in_hindsight(material: Material, _order: Sequence[Ints]) -> Clustered:
    """The best cut of offline linkage; the order is nothing to it."""
    labels = best_cut(material.vectors, material.labels).labels
    return Clustered(labels, labels, 0)


RULES: Final[dict[str, Engine]] = {
    "fixed": fixed,
    "neighbours": _online(neighbour_rule),
    "greedy-oracle": greedy_in_hindsight,
    "best-cut": cut_in_hindsight,
}
"""By the names that benchmarks give them."""
