"""The policy `fixed` as an engine to measure: the product's thresholds and matching, for one kind without scenes."""

from collections.abc import Sequence

import numpy as np

from rushes.processors.clustering.fixed import FixedPolicy, Probe, decide_frame
from rushes.processors.clustering.scoring import Gallery, Vec64
from rushes.processors.evaluation.material import Ints, Material
from rushes.processors.evaluation.metrics import NOISE
from rushes.processors.evaluation.running import Clustered


def fixed(material: Material, order: Sequence[Ints]) -> Clustered:
    """Each frame decided once; two that wait are promoted together under the older one's provisional id."""
    run = _Run(material)
    for frame in order:
        run.decide(frame.tolist())
    told = np.arange(len(material))  # whoever founds or waits does so under an id of its own, here its index
    for item, cluster in run.told.items():
        told[item] = cluster
    final = np.array([run.cluster.get(item, NOISE) for item in range(len(material))], np.int64)
    return Clustered(final, told, 0)


class _Run:
    """Clusters are named by the item whose provisional id they carry."""

    def __init__(self, material: Material) -> None:
        policy = FixedPolicy()
        self.material = material
        self.thresholds = policy.thresholds("region", weak=False)
        self.good = (
            np.ones(len(material), bool) if material.quality is None else material.quality >= policy.poor_quality
        )
        self.clusters = Gallery(material.vectors.shape[1])
        self.waiting = Gallery(material.vectors.shape[1])
        self.sums: dict[int, Vec64] = {}
        self.cluster: dict[int, int] = {}
        self.told: dict[int, int] = {}
        self.age: dict[int, int] = {}

    def decide(self, frame: Sequence[int]) -> None:
        for item in frame:
            self.age[item] = len(self.age)
        probes = [
            Probe(
                self.clusters.scores(self._vector(item), self.thresholds.join, len(frame) + 1),
                frozenset(),
                frozenset(),
                bool(self.good[item]),
            )
            for item in frame
        ]
        wait = []
        for item, verdict in zip(frame, decide_frame(probes, self.thresholds), strict=True):
            if verdict.cluster is not None:
                self._put(item, int(verdict.cluster))
            elif verdict.decision == "founded":
                self._put(item, item)
            else:
                wait.append(item)
        for item in wait:
            self._promote(item, frame)
        for item in wait:
            if item not in self.cluster:
                self.waiting.put(str(item), self._vector(item), self.age[item])

    def _promote(self, item: int, frame: Sequence[int]) -> None:
        taken = {self.cluster[mate] for mate in frame if mate in self.cluster}
        for score in self.waiting.scores(self._vector(item), self.thresholds.join, 1):
            partner = int(score.key)
            if score.similarity >= self.thresholds.join and partner not in taken and self.good[[item, partner]].any():
                self.waiting.remove(score.key)
                self._put(partner, partner)
                self._put(item, partner)
                return

    def _put(self, item: int, cluster: int) -> None:
        self.cluster[item] = cluster
        if item != cluster:
            self.told[item] = cluster
        total = self.sums.get(cluster, np.zeros(self.clusters.dim)) + self._vector(item)
        self.sums[cluster] = total
        self.clusters.put(str(cluster), total, self.age[cluster])

    def _vector(self, item: int) -> Vec64:
        stored: Vec64 = self.material.vectors[item].astype(np.float16).astype(np.float64)
        return stored
