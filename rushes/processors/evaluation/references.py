"""What a clustering is held against: the best that one threshold could do, and the rules that others use."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform

from rushes.processors.evaluation.metrics import NOISE, Agreement, Labels, bcubed

Vectors = NDArray[np.float32]
Similarities = NDArray[np.float64]

NEIGHBOUR_DISTANCE: Final = 0.5
"""Greatest cosine distance of a neighbour: Immich's default (`machineLearning.facialRecognition.maxDistance`)."""

NEIGHBOURS: Final = 3
"""Neighbours looked at, the item itself among them, and needed to found: Immich's default (`minFaces`)."""


@dataclass(frozen=True, slots=True)
class Cut:
    """One level of a dendrogram: its labels, the least similarity of what it merged, and how well it agrees."""

    labels: Labels
    threshold: float
    f1: float


def similarities(vectors: Vectors) -> Similarities:
    """All cosines of unit rows, (n, n) float64, symmetric."""
    rows = vectors.astype(np.float64)
    found: Similarities = rows @ rows.T
    return (found + found.T) / 2


def best_cut(vectors: Vectors, truth: Labels) -> Cut:
    """The best single cut of offline average linkage (UPGMA by scipy) on cosine distance, by B-cubed F1 over all cuts.

    It sees the truth, so it bounds what any threshold on these vectors could give. Merges of one height are one cut.
    """
    n = len(vectors)
    if n < 2:
        return Cut(np.arange(n), 1.0, 1.0)
    distances = np.maximum(1.0 - similarities(vectors), 0.0)
    np.fill_diagonal(distances, 0.0)
    tree = linkage(squareform(distances, checks=False), "average")
    merges = [(int(a), int(b)) for a, b in tree[:, :2]]
    scores = _f1_after_each(merges, truth)
    heights = np.r_[0.0, tree[:, 2]]
    attainable = np.r_[np.diff(heights) > 0.0, True]
    best = int(np.argmax(np.where(attainable, scores, -1.0)))
    return Cut(_labels_after(merges[:best], n), 1.0 - float(heights[best]), float(scores[best]))


def _f1_after_each(merges: list[tuple[int, int]], truth: Labels) -> Similarities:
    """B-cubed F1 before the first merge and after each, from running sums: both sums are over blocks of count c, of
    c^2 / size of the cluster and c^2 / size of the identity.
    """
    n = len(truth)
    _, of = np.unique(truth, return_inverse=True)
    sizes = np.bincount(of)
    held: dict[int, dict[int, int]] = {i: {int(label): 1} for i, label in enumerate(of)}
    precision, recall = float(n), float((1.0 / sizes[of]).sum())
    scores = [Agreement(precision / n, recall / n).f1]
    for number, (a, b) in enumerate(merges):
        small, large = sorted((held.pop(a), held.pop(b)), key=len)
        for part in (small, large):
            precision -= sum(c * c for c in part.values()) / sum(part.values())
        for label, count in small.items():
            here = large.get(label, 0)
            recall += 2.0 * here * count / float(sizes[label])
            large[label] = here + count
        precision += sum(c * c for c in large.values()) / sum(large.values())
        held[n + number] = large
        scores.append(Agreement(precision / n, recall / n).f1)
    return np.array(scores)


def _labels_after(merges: list[tuple[int, int]], n: int) -> Labels:
    members = {i: [i] for i in range(n)}
    for number, (a, b) in enumerate(merges):
        members[n + number] = members.pop(a) + members.pop(b)
    labels = np.empty(n, np.int64)
    for label, items in enumerate(sorted(members.values(), key=min)):
        labels[items] = label
    return labels


def singletons_f1(truth: Labels) -> float:
    """B-cubed F1 of "all are different"."""
    return bcubed(np.arange(len(truth)), truth).f1


def greedy(vectors: Vectors, order: Labels, threshold: float) -> Labels:
    """Each item in turn joins the cluster of the highest average similarity if that is at least the threshold, else
    founds one; nothing is revised. Labels by item, (n,).
    """
    n = len(vectors)
    sums = np.zeros_like(vectors)
    sizes = np.zeros(n, np.float32)
    labels = np.full(n, NOISE, np.int64)
    clusters = 0
    for item in order.tolist():
        scores = sums[:clusters] @ vectors[item] / sizes[:clusters]
        chosen = int(scores.argmax()) if clusters else 0
        if not clusters or scores[chosen] < threshold:
            chosen, clusters = clusters, clusters + 1
        sums[chosen] += vectors[item]
        sizes[chosen] += 1
        labels[item] = chosen
    return labels


def greedy_oracle(vectors: Vectors, order: Labels, truth: Labels) -> Cut:
    """`greedy` with the threshold that is best in hindsight for this order, of 0.00, 0.02 ... 0.98."""
    cuts = []
    for threshold in np.arange(0.0, 1.0, 0.02).tolist():
        labels = greedy(vectors, order, threshold)
        cuts.append(Cut(labels, threshold, bcubed(labels, truth).f1))
    return max(cuts, key=lambda cut: cut.f1)


def neighbour_rule(vectors: Vectors, order: Labels, distance: float = NEIGHBOUR_DISTANCE) -> Labels:
    """The usual incremental rule of photo libraries (Immich, `handleRecognizeFaces`): an item takes the cluster of its
    nearest neighbour within the distance that has one. One with three neighbours (itself among them) may found. Others
    are put off to the end and tried once more; what is alone then stays in noise.
    """
    rows = vectors[order]
    cluster_of = np.full(len(order), NOISE, np.int64)  # by place in the order
    clusters = 0
    put_off: list[int] = []
    for place in range(len(order)):
        near = rows[: place + 1] @ rows[place]
        if int((near >= 1.0 - distance - 1e-6).sum()) < NEIGHBOURS:
            put_off.append(place)
            continue
        cluster_of[place] = _nearest_cluster(near, cluster_of[:place], distance)
        if cluster_of[place] == NOISE:
            cluster_of[place], clusters = clusters, clusters + 1
    for place in put_off:
        near = rows @ rows[place]
        cluster_of[place] = _nearest_cluster(near, cluster_of, distance)
        if cluster_of[place] == NOISE and int((near >= 1.0 - distance - 1e-6).sum()) >= NEIGHBOURS:
            cluster_of[place], clusters = clusters, clusters + 1
    labels = np.empty(len(order), np.int64)
    labels[order] = cluster_of
    return labels


def _nearest_cluster(near: NDArray[np.float32], cluster_of: Labels, distance: float) -> int:
    """The cluster of the nearest item that has one, NOISE where none within the distance has."""
    known = np.flatnonzero(cluster_of >= 0)
    if not known.size:
        return NOISE
    best = known[int(near[known].argmax())]
    return int(cluster_of[best]) if near[best] >= 1.0 - distance else NOISE
