"""The table of `rushes evaluate`, and the same for machines."""

import json

from rich.box import SIMPLE_HEAD
from rich.table import Table

from rushes.processors.evaluation.material import Material
from rushes.processors.evaluation.running import Figures
from rushes.streams.evaluating import Evaluation
from rushes.streams.screens.console import SteadyConsole
from rushes.streams.screens.wording import counted

TOLD = {
    "neighbours": "nearest neighbour",
    "greedy-oracle": "greedy, oracle",
    "fixed": "policy fixed",
    "calibrated": "policy calibrated",
}


def evaluation_json(found: Evaluation) -> str:
    """One document. `oracle_f1` is null where there are too many items for offline linkage."""
    figures = found.figures
    document = {
        "bcubed_f1_worst": figures.bcubed_f1_worst,
        "bcubed_f1_mean": figures.bcubed_f1_mean,
        "arrival_f1_worst": figures.arrival_f1_worst,
        "arrival_f1_mean": figures.arrival_f1_mean,
        "oracle_f1": None if found.cut is None else found.cut.f1,
        "singletons_f1": found.singletons_f1,
        "clicks_per_1000": figures.clicks_per_1000,
        "clusters": figures.clusters,
        "noise": figures.noise,
        "churn_per_1000": figures.churn_per_1000,
        "ms_per_item": figures.ms_per_item,
    }
    return json.dumps(document, indent=1)


def print_evaluation(found: Evaluation, material: Material, console: SteadyConsole) -> None:
    """What was measured on, the policy beside its references, and what else there is to say of the policy."""
    figures = found.figures
    identities = len(set(material.labels.tolist()))
    known = [
        name for name in ("frames", "tracklets", "shots", "media", "quality") if getattr(material, name) is not None
    ]
    console.print(
        f"{counted(figures.items, 'item', 'items')} of {counted(identities, 'identity', 'identities')}"
        f"{', with ' + ', '.join(known) if known else ''}; "
        f"{counted(figures.orders, 'arrival order', 'arrival orders')}"
    )
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("B-cubed F1", no_wrap=True)
    for name in ("Worst", "Mean", "Arriving", "Mean", "Pairs", "Clicks", "Groups", "Noise"):
        table.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    table.add_row(TOLD[found.policy], *_cells(figures), style="bold")
    for name, reference in found.references.items():
        table.add_row(TOLD[name], *_cells(reference))
    if found.cut is not None:
        table.add_row("best offline cut", f"{found.cut.f1:.3f}", f"{found.cut.f1:.3f}")
    table.add_row("all different", f"{found.singletons_f1:.3f}", f"{found.singletons_f1:.3f}")
    console.print(table)
    console.print(
        f"Precision {figures.bcubed_precision_mean:.3f}, recall {figures.bcubed_recall_mean:.3f}; "
        f"{figures.churn_per_1000:.0f} revisions per 1,000 items, {figures.ms_per_item:.2f} ms an item."
    )
    console.print("Clicks: moves, merges, splits and confirmations until all is right, per 1,000 items.", style="dim")
    if found.cut is None:
        console.print("Too many items for offline linkage and the rules compared with.", style="dim")


def _cells(figures: Figures) -> tuple[str, ...]:
    return (
        f"{figures.bcubed_f1_worst:.3f}",
        f"{figures.bcubed_f1_mean:.3f}",
        f"{figures.arrival_f1_worst:.3f}",
        f"{figures.arrival_f1_mean:.3f}",
        f"{figures.pairwise_f1_mean:.3f}",
        f"{figures.clicks_per_1000:.1f}",
        str(figures.clusters),
        str(figures.noise),
    )
