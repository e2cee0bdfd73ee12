"""The labelled sets: every reference beside the product."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

import matplotlib as mpl
import numpy as np
from identity_suite import engine, labelled_sets
from sklearn.cluster import HDBSCAN

from rushes.processors.evaluation.material import Ints, Material
from rushes.processors.evaluation.references import similarities, singletons_f1
from rushes.processors.evaluation.rules import RULES
from rushes.processors.evaluation.running import Clustered, Figures, figures

WITHOUT_ORDER: Final = ("best-cut", "hdbscan")


@dataclass(frozen=True)
class Line:
    """One policy on one set. Figures that do not depend on an order are measured once."""

    set_name: str
    policy: str
    figures: Figures


def measured(policy: str, orders: int) -> list[Line]:
    """All references and the policy, on all sets."""
    lines = []
    names = [*RULES, "hdbscan", policy]
    for labelled in labelled_sets():
        material = Material(labelled.vectors, labelled.labels)
        for name in dict.fromkeys(names):
            used = hdbscan if name == "hdbscan" else engine(name)
            count = 1 if name in WITHOUT_ORDER else orders
            lines.append(Line(labelled.name, name, figures(material, used, count, perf_counter)))
    return lines


def hdbscan(material: Material, _order: Sequence[Ints]) -> Clustered:
    """scikit-learn's, on cosine distances; two make a cluster, what is noise stays alone."""
    distances = np.clip(1 - similarities(material.vectors), 0, 2)
    np.fill_diagonal(distances, 0)
    found = HDBSCAN(min_cluster_size=2, metric="precomputed", copy=True).fit_predict(distances)
    return Clustered(found.astype(np.int64), found.astype(np.int64), 0)


def print_lines(lines: Sequence[Line]) -> None:
    print(
        f"{'set':15} {'policy':14} {'final worst':>11} {'mean':>6} {'pairwise':>8} {'arrival worst':>13} {'mean':>6} "
        f"{'clicks/1000':>11} {'clusters':>8} {'noise':>5} {'churn/1000':>10} {'ms/item':>8}"
    )
    for line in lines:
        got = line.figures
        print(
            f"{line.set_name:15} {line.policy[-14:]:14} {got.bcubed_f1_worst:11.3f} {got.bcubed_f1_mean:6.3f} "
            f"{got.pairwise_f1_mean:8.3f} {got.arrival_f1_worst:13.3f} {got.arrival_f1_mean:6.3f} "
            f"{got.clicks_per_1000:11.1f} {got.clusters:8} {got.noise:5} {got.churn_per_1000:10.1f} "
            f"{got.ms_per_item:8.3f}"
        )
    for labelled in labelled_sets():
        print(f"{labelled.name:15} {'all different':14} {singletons_f1(labelled.labels):11.3f}")


def draw_sets(lines: Sequence[Line], file: Path) -> None:
    """Bars: the worst order's F1 in the end; a mark at what was told at arrival; and clicks on a second panel."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - the backend is chosen first

    sets = list(dict.fromkeys(line.set_name for line in lines))
    policies = list(dict.fromkeys(line.policy for line in lines))
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), dpi=110)
    width = 0.8 / len(policies)
    for place, policy in enumerate(policies):
        part = {line.set_name: line.figures for line in lines if line.policy == policy}
        at = np.arange(len(sets)) + (place - (len(policies) - 1) / 2) * width
        colour = f"C{place}"
        left.bar(at, [part[s].bcubed_f1_worst for s in sets], width, color=colour, label=policy)
        left.scatter(at, [part[s].arrival_f1_worst for s in sets], s=12, color="black", zorder=3)
        right.bar(at, [part[s].clicks_per_1000 for s in sets], width, color=colour)
    left.scatter([], [], s=12, color="black", label="at arrival")
    left.set_ylabel("B-cubed F1, worst order")
    left.set_ylim(0, 1.02)
    right.set_ylabel("clicks to perfect, per 1,000 items")
    right.set_yscale("symlog", linthresh=10)
    for axes in (left, right):
        axes.set_xticks(range(len(sets)), sets)
        axes.grid(alpha=0.3, axis="y")
    figure.legend(*left.get_legend_handles_labels(), fontsize=8, loc="upper center", ncols=len(policies) + 1)
    figure.tight_layout(rect=(0, 0, 1, 0.94))
    figure.savefig(file)
    plt.close(figure)
