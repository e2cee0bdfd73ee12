"""A clusterer over labelled material in several arrival orders, and how good it was at arrival and in the end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rushes.processors.evaluation.corrector import clicks_to_perfect
from rushes.processors.evaluation.material import Ints, Material, arrival_orders
from rushes.processors.evaluation.metrics import bcubed, pairwise


@dataclass(frozen=True, slots=True)
class Clustered:
    """What a clusterer made of material, item by item, all in the material's own order."""

    final: Ints
    """(n,) clusters after all work is done; below zero is noise."""
    arrival: Ints
    """(n,) clusters as told when each item came; one that waits as a founder has its provisional id."""
    revised: int
    """Changes of an item's cluster after its arrival."""


Engine = Callable[[Material, Sequence[Ints]], Clustered]
"""Takes material and an arrival order, a list of frames (`arrival_orders`)."""

Clock = Callable[[], float]
"""Seconds, from any beginning."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One arrival order's figures."""

    precision: float
    recall: float
    f1: float
    pairwise_f1: float
    arrival_f1: float
    clicks: int
    clusters: int
    noise: int
    revised: int
    seconds: float


def measure(material: Material, engine: Engine, order: Sequence[Ints], clock: Clock) -> Measured:
    """Figures of one order."""
    started = clock()
    made = engine(material, order)
    seconds = clock() - started
    final = bcubed(made.final, material.labels)
    return Measured(
        precision=final.precision,
        recall=final.recall,
        f1=final.f1,
        pairwise_f1=pairwise(made.final, material.labels).f1,
        arrival_f1=bcubed(made.arrival, material.labels).f1,
        clicks=clicks_to_perfect(made.final, material.labels).total,
        clusters=len(np.unique(made.final[made.final >= 0])),
        noise=int((made.final < 0).sum()),
        revised=made.revised,
        seconds=seconds,
    )


@dataclass(frozen=True, slots=True)
class Figures:
    """Over all orders. The worst order counts for the score, means show how far it is from the rest."""

    items: int
    orders: int
    bcubed_f1_worst: float
    bcubed_f1_mean: float
    bcubed_precision_mean: float
    bcubed_recall_mean: float
    pairwise_f1_mean: float
    arrival_f1_worst: float
    arrival_f1_mean: float
    clicks_per_1000: float
    clusters: int
    noise: int
    churn_per_1000: float
    ms_per_item: float


def figures(material: Material, engine: Engine, orders: int, clock: Clock) -> Figures:
    """Over `orders` seeded arrival orders, the first one the material's own."""
    return summed(len(material), [measure(material, engine, o, clock) for o in arrival_orders(material, orders)])


def summed(items: int, runs: Sequence[Measured]) -> Figures:
    """Worst and mean over runs on the same items; of counts the median."""
    per_1000 = 1000.0 / max(items, 1)

    def mean(values: Sequence[float]) -> float:
        return float(np.mean(values))

    return Figures(
        items=items,
        orders=len(runs),
        bcubed_f1_worst=min(run.f1 for run in runs),
        bcubed_f1_mean=mean([run.f1 for run in runs]),
        bcubed_precision_mean=mean([run.precision for run in runs]),
        bcubed_recall_mean=mean([run.recall for run in runs]),
        pairwise_f1_mean=mean([run.pairwise_f1 for run in runs]),
        arrival_f1_worst=min(run.arrival_f1 for run in runs),
        arrival_f1_mean=mean([run.arrival_f1 for run in runs]),
        clicks_per_1000=mean([run.clicks for run in runs]) * per_1000,
        clusters=int(np.median([run.clusters for run in runs])),
        noise=int(np.median([run.noise for run in runs])),
        churn_per_1000=mean([run.revised for run in runs]) * per_1000,
        ms_per_item=mean([run.seconds for run in runs]) * per_1000,
    )
