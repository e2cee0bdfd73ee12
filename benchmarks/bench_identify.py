"""Whether "who is this?" is answered right, and as surely as it says: open-set identification beside the labels.

A part of labelled material is taken in and settled; who is in the rest is asked without taking it in. Three in ten
identities are strangers: none of theirs is taken in, and "unknown" is right for them, as it is for whom the library
has in no cluster yet. *Right*: the most probable answer is. *ECE*: expected calibration error of that answer's
probability over ten bins of equal count (Guo et al. 2017), 0 where 80 % sure is right 8 times of 10. *Brier*: squared
error of all probabilities of a probe, summed, in the mean. *Strangers named*: for whom a cluster is the most probable.
Halves as in the robustness suite: choose on dev, report both.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from environment import describe
from identity_suite import labelled_sets, variations

from rushes.processors.evaluation.driving import clustered_by
from rushes.processors.evaluation.embedders import separation
from rushes.processors.evaluation.material import Ints, Material, arrival_orders
from rushes.processors.identity.clusterer import Clusterer

FAMILIES: Final = (
    "few", "many", "cast", "one-identity", "half-singletons", "extras", "skewed", "look-alikes", "anisotropic", "weak",
    "mixture",
)  # fmt: skip
STRANGERS: Final = 0.3
PROBES: Final = 6
"""Most of an identity."""
LEAST_TAKEN_IN: Final = 8
DRAWS: Final = 4
"""Of a labelled set, with other strangers each."""
BINS: Final = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """The most probable one to a probe."""

    probability: float
    right: bool
    squared_error: float
    known: bool
    named: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A family's figures, or a set's."""

    name: str
    probes: int
    right: float
    known_right: float | None
    strangers_named: float | None
    ece: float
    brier: float


def split(material: Material, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """What is taken in, and what is asked about: indices."""
    labels = rng.permutation(np.unique(material.labels))
    strangers = set(labels[: round(STRANGERS * len(labels))].tolist())
    taken: list[int] = []
    asked: list[int] = []
    for label in labels.tolist():
        rows = rng.permutation(np.flatnonzero(material.labels == label)).tolist()
        count = len(rows) if label in strangers else len(rows) // 3
        asked += rows[: min(count, PROBES)]
        taken += [] if label in strangers else rows[count:]
    return np.sort(np.array(taken, np.int64)), np.array(asked, np.int64)


def answers(material: Material, rng: np.random.Generator) -> Iterator[Answer]:
    """Ask about the one part after the other was taken in."""
    taken, asked = split(material, rng)
    if len(taken) < LEAST_TAKEN_IN:
        return
    inside = Material(material.vectors[taken], material.labels[taken])
    clusterer = Clusterer(material.vectors.shape[1])
    (order,) = arrival_orders(inside, 1)
    clusters = clustered_by(clusterer, inside, order).final
    labels = {
        int(cluster): Counter(inside.labels[clusters == cluster].tolist()).most_common(1)[0][0]
        for cluster in np.unique(clusters[clusters >= 0])
    }
    for probe in asked.tolist():
        label = int(material.labels[probe])
        known = label in labels.values()
        found = clusterer.identify(material.vectors[probe].astype(np.float16))
        truths = [not known if one.cluster is None else labels[one.cluster] == label for one in found]
        yield Answer(
            found[0].probability, truths[0],
            sum((one.probability - truth) ** 2 for one, truth in zip(found, truths, strict=True)),
            known, found[0].cluster is not None,
        )  # fmt: skip


def calibration_error(probabilities: Sequence[float], right: Sequence[bool]) -> float:
    """Expected calibration error over bins of equal count."""
    sure, hits = np.array(probabilities), np.array(right, float)
    bins = [part for part in np.array_split(np.argsort(sure, kind="stable"), BINS) if len(part)]
    return float(sum(len(part) * abs(sure[part].mean() - hits[part].mean()) for part in bins) / len(sure))


def row(name: str, found: Sequence[Answer]) -> Row:
    known = [one.right for one in found if one.known]
    strangers = [one.named for one in found if not one.known]
    return Row(
        name, len(found), float(np.mean([one.right for one in found])), float(np.mean(known)) if known else None,
        float(np.mean(strangers)) if strangers else None,
        calibration_error([one.probability for one in found], [one.right for one in found]),
        float(np.mean([one.squared_error for one in found])),
    )  # fmt: skip


def measured(half: str) -> Iterator[Row]:
    if half == "sets":
        for one in labelled_sets():
            material = Material(one.vectors, one.labels)
            yield row(one.name, [a for seed in range(DRAWS) for a in answers(material, np.random.default_rng(seed))])
        return
    everything: list[Answer] = []
    for family in FAMILIES:
        found: list[Answer] = []
        for variation in variations().values():
            if (variation.family, variation.half.value) == (family, half) and separation(variation.embedder).sane:
                found += answers(variation.material(), np.random.default_rng(1))
        everything += found
        if found:
            yield row(family, found)
    yield row("all", everything)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=("sets", "dev", "held"), default="sets", help="labelled sets (default)")
    parser.add_argument("--json", action="store_true", help="a JSON line for each row")
    asked = parser.parse_args()
    print(describe("numpy", "scipy"), file=sys.stderr if asked.json else sys.stdout)
    if not asked.json:
        print(f"{'':16} {'probes':>6} {'right':>6} {'known':>6} {'strangers named':>16} {'ECE':>6} {'Brier':>6}")
    for one in measured(asked.half):
        if asked.json:
            print(json.dumps(asdict(one)))
            continue
        known, named = (
            "-" if share is None else f"{share:.3f}" for share in (one.known_right, one.strangers_named)
        )  # fmt: skip
        print(f"{one.name:16} {one.probes:6} {one.right:6.3f} {known:>6} {named:>16} {one.ece:6.3f} {one.brier:6.3f}")


if __name__ == "__main__":
    main()
