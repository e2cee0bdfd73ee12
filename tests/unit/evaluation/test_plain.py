"""The policy `fixed` as evaluation runs it, against a naive loop over normalised means."""

import numpy as np
import pytest

from rushes.processors.evaluation.embedders import Synthetic
from rushes.processors.evaluation.layouts import cast
from rushes.processors.evaluation.material import Material, arrival_orders
from rushes.processors.evaluation.metrics import bcubed, without_noise
from rushes.processors.evaluation.plain import fixed


def naive_rule(vectors, order):
    n = len(vectors)
    sums = np.zeros(vectors.shape, np.float64)
    labels = np.full(n, -1, np.int64)
    clusters = 0
    waiting = []
    for item in order.tolist():
        probe = vectors[item].astype(np.float64)
        lengths = np.linalg.norm(sums[:clusters], axis=1)
        scores = sums[:clusters] @ probe / np.maximum(lengths, 1e-12)
        if clusters and scores.max() >= 0.85:
            labels[item] = int(scores.argmax())
        elif not clusters or scores.max() < 0.5:
            labels[item], clusters = clusters, clusters + 1
        else:
            near = vectors[waiting].astype(np.float64) @ probe
            if waiting and near.max() >= 0.85:
                partner = waiting.pop(int(near.argmax()))
                labels[[partner, item]], clusters = clusters, clusters + 1
                sums[clusters - 1] += vectors[partner]
            else:
                waiting.append(item)
                continue
        sums[labels[item]] += probe
    return labels


def rows(*angles):
    return np.array([[np.cos(a), np.sin(a)] for a in np.radians(angles)], np.float32)


def alone(count):
    return [np.array([item]) for item in range(count)]


def test_it_founds_waits_joins_and_promotes():
    # 0 founds; 90 degrees off founds; 45 degrees off both (.71) waits; its double promotes it; the last joins
    made = fixed(Material(rows(0, 90, 45, 46, 3), np.zeros(5, np.int64)), alone(5))
    assert made.final.tolist() == [0, 1, 2, 2, 0]
    assert made.arrival.tolist() == [0, 1, 2, 2, 0]  # the third waited under the id that it founds


def test_two_of_a_frame_are_never_one():
    material = Material(rows(0, 1, 2), np.arange(3), frames=np.zeros(3, np.int64))
    made = fixed(material, [np.arange(3)])
    assert len(set(made.arrival.tolist())) == 3


def test_a_poor_item_joins_and_never_founds():
    material = Material(rows(90, 0, 1), np.zeros(3, np.int64), quality=np.array([0.1, 0.9, 0.1]))
    assert fixed(material, alone(3)).final.tolist() == [-1, 1, 1]


@pytest.mark.parametrize("same", [0.6, 0.8, 0.9])
def test_it_agrees_with_a_naive_loop(same):
    material = cast(Synthetic("any", 64, same=same, base=0.3), np.random.default_rng(4))
    for order in arrival_orders(material, 3):
        naive = naive_rule(material.vectors, np.concatenate(order))
        assert bcubed(fixed(material, order).final, without_noise(naive)).f1 == pytest.approx(1.0)
