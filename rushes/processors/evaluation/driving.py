"""The product's own clusterer as an engine to measure: frames in, work in slices, all of it done at the end."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from rushes.processors.evaluation.material import Ints, Material, arrival_orders
from rushes.processors.evaluation.metrics import NOISE
from rushes.processors.evaluation.running import Clustered, Engine
from rushes.processors.identity.arrival import Verdict
from rushes.processors.identity.calibration import COLD, Calibration
from rushes.processors.identity.clusterer import Clusterer
from rushes.processors.identity.items import Observation
from rushes.processors.identity.planning import Move

SLICE: Final = 10_000_000
"""Operations of background work after each frame: some 15 ms, well below the 50 ms that an arrival may wait."""


def calibrated(prior: Calibration = COLD) -> Engine:
    """The policy `calibrated`, begun with a prior: that of a profile, or none."""

    def clustered(material: Material, order: Sequence[Ints]) -> Clustered:
        return clustered_by(Clusterer(material.vectors.shape[1], prior), material, order)

    return clustered


def learnt(material: Material, prior: Calibration = COLD) -> Calibration:
    """What a library of this material ends up with, in the material's own order: a prior for others of its model."""
    clusterer = Clusterer(material.vectors.shape[1], prior)
    (order,) = arrival_orders(material, 1)
    clustered_by(clusterer, material, order)
    return clusterer.calibration


def clustered_by(clusterer: Clusterer, material: Material, order: Sequence[Ints]) -> Clustered:
    """Material through a fresh clusterer."""
    items = np.concatenate(order) if len(order) else np.zeros(0, np.int64)
    told = np.full(len(material), NOISE, np.int64)
    revised = 0
    arrived = 0
    for number, frame in enumerate(order):
        seen = [observation(material, item, number) for item in frame.tolist()]
        new = range(arrived, arrived + len(seen))
        arrived += len(seen)
        verdicts = clusterer.observe(seen)
        for verdict in verdicts:
            if verdict.item in new:
                told[items[verdict.item]] = NOISE if verdict.cluster is None else verdict.cluster
        revised += _revisions(clusterer, [verdict for verdict in verdicts if verdict.item not in new])
        if clusterer.due():
            revised += _revisions(clusterer, clusterer.work(SLICE))
    revised += _revisions(clusterer, clusterer.settle())
    final = np.full(len(material), NOISE, np.int64)
    for number, item in enumerate(items.tolist()):
        cluster = clusterer.partition.cluster_of(number)
        final[item] = NOISE if cluster is None else cluster
    founded = dict(_founders(clusterer, final, told))
    for number, item in enumerate(items.tolist()):
        if told[item] < 0 and number in founded:
            told[item] = founded[number]
    return Clustered(final, told, revised)


def observation(material: Material, item: int, number: int) -> Observation:
    """An item as it is observed; where frames are not known, each item is a frame of its own (`number`)."""

    def known(column: Ints | None) -> int | None:
        return int(column[item]) if column is not None and column[item] >= 0 else None

    frame = known(material.frames)
    return Observation(
        vector=material.vectors[item].astype(np.float16),
        frame=2 * number + 1 if frame is None else 2 * frame,
        quality=1.0 if material.quality is None else float(material.quality[item]),
        tracklet=known(material.tracklets),
        shot=known(material.shots) if material.fills_frames else None,
        media=known(material.media),
    )


def _founders(clusterer: Clusterer, final: Ints, told: Ints) -> Iterator[tuple[int, int]]:
    """(founder, its cluster) of every cluster that was ever told: the founder waited under that cluster's id."""
    for cluster in np.unique(np.concatenate([final, told])).tolist():
        if cluster >= 0:
            yield clusterer.partition.founder(cluster), cluster


def _revisions(clusterer: Clusterer, changes: Sequence[Verdict | Move]) -> int:
    """Changes of what was told; a founder that is promoted keeps its provisional id, so nothing changes for it."""
    return sum(
        change.cluster != change.previous
        and not (
            change.previous is None
            and change.cluster is not None
            and clusterer.partition.founder(change.cluster) == change.item
        )
        for change in changes
    )
