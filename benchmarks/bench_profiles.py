"""What a profile learnt on other media is worth at arrival, before any revision:

    RUSHES_TEST_DATA=DATA python benchmarks/bench_profiles.py [--orders 20] [--splits 5]

Of each labelled set one half of the identities teaches, the other half arrives: cold, and with the profile of the
first half imported. Worst and mean of the arrival orders over the splits, by B-cubed F1; a founder that waits counts
under its provisional id. `final`: after all background work.
"""

import argparse
import os
from pathlib import Path

import numpy as np
from environment import describe

from rushes.processors.clustering.profiles import learnt, prior_of
from rushes.processors.evaluation.driving import clustered_by
from rushes.processors.evaluation.material import Material, arrival_orders, unit_rows
from rushes.processors.evaluation.metrics import Labels, bcubed
from rushes.processors.identity.calibration import COLD, Calibration
from rushes.processors.identity.clusterer import Clusterer
from rushes.schemas.ids import ModelId

SETS = ("faces_dev", "persons_dev", "scenes_montage")


def half(vectors: np.ndarray, labels: np.ndarray, chosen: np.ndarray) -> Material:
    inside = np.isin(labels, chosen)
    return Material(unit_rows(vectors[inside]), labels[inside].astype(np.int64))


def taught_by(material: Material) -> Calibration:
    """The prior of a profile that a library of this material would export."""
    clusterer = Clusterer(material.vectors.shape[1])
    clustered_by(clusterer, material, arrival_orders(material, 1)[0])
    return prior_of(learnt(clusterer, "face", ModelId("m"), "benchmark"))


def scores(material: Material, prior: Calibration, orders: int) -> tuple[list[float], list[float]]:
    """B-cubed F1 at arrival and in the end, of each order."""
    arrival, final = [], []
    truth: Labels = material.labels
    for order in arrival_orders(material, orders):
        done = clustered_by(Clusterer(material.vectors.shape[1], prior), material, order)
        arrival.append(bcubed(done.arrival, truth).f1)
        final.append(bcubed(done.final, truth).f1)
    return arrival, final


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=20)
    parser.add_argument("--splits", type=int, default=5)
    options = parser.parse_args()
    print(describe("numpy", "scipy"))
    print(f"{'set':<16}{'start':<9}{'arrival worst':>14}{'mean':>7}{'final worst':>13}{'mean':>7}")
    folder = Path(os.environ["RUSHES_TEST_DATA"]) / "embeddings"
    for name in SETS:
        found = np.load(folder / f"{name}.npz")
        vectors = found["embeddings"]
        labels = np.unique(found["labels"], return_inverse=True)[1]
        told: dict[str, tuple[list[float], list[float]]] = {"cold": ([], []), "profile": ([], [])}
        for split in range(options.splits):
            identities = np.random.default_rng(split).permutation(labels.max() + 1)
            middle = len(identities) // 2
            other, own = (half(vectors, labels, part) for part in (identities[:middle], identities[middle:]))
            for start, prior in (("cold", COLD), ("profile", taught_by(other))):
                arrival, final = scores(own, prior, options.orders)
                told[start][0].extend(arrival)
                told[start][1].extend(final)
        for start, (arrival, final) in told.items():
            print(
                f"{name:<16}{start:<9}{min(arrival):>14.3f}{np.mean(arrival):>7.3f}"
                f"{min(final):>13.3f}{np.mean(final):>7.3f}"
            )


if __name__ == "__main__":
    main()
