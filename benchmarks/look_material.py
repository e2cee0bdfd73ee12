"""Looks of background work at parts of libraries too large to be linked as a whole, to learn on whether a branch is one
identity there: a cluster, or something that waits, with what is near it.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from branch_material import gains, large, taught_by_another
from numpy.typing import NDArray

from rushes.processors.evaluation.embedders import LabelledSet
from rushes.processors.evaluation.material import Material
from rushes.processors.gallery.pieces import at_once
from rushes.processors.identity.branches import FIGURES, branches, leaves
from rushes.processors.identity.calibration import Calibration
from rushes.processors.identity.choosing import choose
from rushes.processors.identity.items import Observation
from rushes.processors.identity.linkage import agglomerate, cut, products
from rushes.processors.identity.lookahead import Lookahead
from rushes.processors.identity.neighbourhoods import Rows, rows
from rushes.processors.identity.partition import Partition
from rushes.processors.identity.schedule import Schedule
from rushes.processors.identity.vicinity import around, drawn, good_units

Values = NDArray[np.float64]

ITEMS: Final = (1_600.0, 4_000.0)
LOOKS: Final = 60
"""Of a library."""
OFF: Final = 0.05
"""Deviation of the threshold at which the library was cut before it is looked at, of what is left to 1: what arrivals
made of it is not what a cut at the threshold would."""


def looks(rng: np.random.Generator, sets: list[LabelledSet], count: int) -> list[tuple[Values, Values]]:
    """Figures of the branches, and what B-cubed precision and recall gain by them, of so many seeded libraries; each
    cold and with what another library of its embedder taught.
    """
    found = []
    for number in range(count):
        _, embedder, material = large(rng, sets, ITEMS, mixed=number % 4 == 0)
        partition = Partition(material.vectors.shape[1])
        for item, vector in enumerate(material.vectors):
            partition.add(Observation(vector.astype(np.float16), frame=item))
        partition.reweigh()
        whole = at_once(rows(partition, good_units(partition, partition.items())))
        gram = at_once(products(whole.sums, whole.weights))
        merges = at_once(agglomerate(gram, whole.weights, whole.apart))
        threshold = at_once(choose(partition, whole, gram, None)).calibration.join
        height = threshold + OFF * (1 - threshold) * rng.standard_normal()
        _put(partition, whole, cut(merges, len(whole.groups), height))
        sample = at_once(rows(partition, good_units(partition, at_once(drawn(partition, Schedule().sample)))))
        gram = at_once(products(sample.sums, sample.weights))
        chosen = [at_once(choose(partition, sample, gram, prior)) for prior in (None, taught_by_another(embedder))]
        items = [item for item in rng.permutation(len(material)).tolist() if partition.entry(item).good][:LOOKS]
        found += [_looks(partition, material, each.calibration, items) for each in chosen]
    return found


def _put(partition: Partition, whole: Rows, group: NDArray[np.int64]) -> None:
    units: dict[int, list[int]] = {}
    for row, at in enumerate(group.tolist()):
        units.setdefault(at, []).extend(item for unit in whole.groups[row] for item in unit)
    for items in units.values():
        if len(items) > 1:
            partition.place(items, partition.new_cluster(founder=min(items)))


def _looks(
    partition: Partition, material: Material, calibration: Calibration, items: Sequence[int]
) -> tuple[Values, Values]:
    _, truth, sizes = np.unique(material.labels, return_inverse=True, return_counts=True)
    low = calibration.join - Schedule().margin * (1 - calibration.join)
    figures, gained = [np.zeros((0, len(FIGURES)))], [np.zeros(0)]
    for item in items:
        near = at_once(Lookahead(partition, calibration.join, low).near(item))
        seen, _ = at_once(around(partition, item, near))
        if len(seen.groups) < 2:
            continue
        gram = at_once(products(seen.sums, seen.weights))
        merges = at_once(agglomerate(gram, seen.weights, seen.apart, near.low))
        merges = [merge for merge in merges if merge.height > near.low]
        held = _held(partition, seen, truth)
        total = sum(sum(row.values()) for row in held)
        figures.append(at_once(branches(merges, leaves(seen, gram), calibration, part=True)).figures)
        gained.append(gains(merges, held, sizes.tolist()) / (2 * total * len(items)))
    return np.concatenate(figures), np.concatenate(gained)


def _held(partition: Partition, part: Rows, truth: NDArray[np.int64]) -> list[dict[int, int]]:
    shown = {item for group in part.groups for unit in group for item in unit}
    held = []
    for row, group in enumerate(part.groups):
        items = [item for unit in group for item in unit]
        if row in part.blocks:
            items += partition.members(part.blocks[row].cluster) - shown
        labels, counts = np.unique(truth[items], return_counts=True)
        held.append(dict(zip(labels.tolist(), counts.tolist(), strict=True)))
    return held
