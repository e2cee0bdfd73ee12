"""One material, one policy, all references: what `rushes evaluate` shows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from rushes.processors.evaluation.material import Material, arrival_orders
from rushes.processors.evaluation.references import Cut, best_cut, singletons_f1
from rushes.processors.evaluation.rules import RULES
from rushes.processors.evaluation.running import Clock, Engine, Figures, measure, summed

MOST_LINKED: Final = 10_000
"""Items up to which offline linkage is a reference: it holds all pairs, 0.8 GB here."""

MOST_IN_HINDSIGHT: Final = 1_000
"""Items up to which greedy is tried with fifty thresholds per order; and the orders it is tried in."""
ORDERS_IN_HINDSIGHT: Final = 5


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The policy's figures beside the references'. `cut` is None where the items are too many for offline linkage."""

    policy: str
    figures: Figures
    cut: Cut | None
    singletons_f1: float
    references: dict[str, Figures]


def evaluated(
    material: Material, policy: str, engine: Engine, orders: int, *, clock: Clock, progress: Callable[[str], None]
) -> Evaluation:
    """Run a policy over the material in seeded arrival orders, and the references over the same."""
    runs = []
    for number, order in enumerate(arrival_orders(material, orders), 1):
        progress(f"{policy}: order {number} of {orders}")
        runs.append(measure(material, engine, order, clock))
    progress("offline average linkage")
    cut = best_cut(material.vectors, material.labels) if len(material) <= MOST_LINKED else None
    references = {}
    for name, tried in _tried(len(material), orders).items():
        if name != policy:
            progress(f"for comparison: {name}")
            seeded = arrival_orders(material, tried)
            references[name] = summed(len(material), [measure(material, RULES[name], o, clock) for o in seeded])
    return Evaluation(policy, summed(len(material), runs), cut, singletons_f1(material.labels), references)


def _tried(items: int, orders: int) -> dict[str, int]:
    """Rules to compare with, and in how many orders."""
    tried = {"fixed": orders, "neighbours": orders}
    if items <= MOST_IN_HINDSIGHT:
        tried["greedy-oracle"] = min(orders, ORDERS_IN_HINDSIGHT)
    return tried if items <= MOST_LINKED else {}
