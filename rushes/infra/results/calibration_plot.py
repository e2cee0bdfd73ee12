"""A calibration as a picture: the two distributions of scores, the threshold, and what it would merge next."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rushes.infra.results.atomic import write_atomically
from rushes.schemas.profile import BINS, Profile


def plot_calibration(path: Path, profiles: Sequence[tuple[Profile, Sequence[float]]]) -> None:
    """Write a PNG with a panel for each profile, and the likeness of the pairs of clusters that are next to merge."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - takes half a second to load
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(8, 3.2 * len(profiles)), layout="constrained")
    FigureCanvasAgg(figure)
    edges = np.linspace(-1, 1, BINS + 1)
    for place, (profile, merges) in enumerate(profiles, 1):
        axes = figure.add_subplot(len(profiles), 1, place)
        for spread, colour, label in (
            (profile.different, "#8c8c8c", "pairs of two clusters"),
            (profile.same, "#2a6f97", "pairs within a cluster"),
        ):
            share = np.array(spread.histogram) / max(spread.count, 1)
            axes.stairs(share, edges, fill=True, alpha=0.55, color=colour, label=f"{label} ({spread.count:,})")
        low, high = profile.join - profile.uncertainty, profile.join + profile.uncertainty
        axes.axvspan(low, high, color="#d1495b", alpha=0.15, linewidth=0)
        axes.axvline(profile.join, color="#d1495b", label=f"joins from {profile.join:.2f} ± {profile.uncertainty:.2f}")
        for number, likeness in enumerate(merges):
            axes.axvline(
                likeness, ymax=0.12, color="#edae49", linewidth=2, label="would merge next" if not number else None
            )
        axes.set(title=f"{profile.kind}: {profile.model_id}", xlabel="likeness (cosine)", ylabel="share of pairs")
        axes.set_xlim(min(-0.3, profile.different.mean - 4 * profile.different.std), 1.02)
        axes.legend(fontsize="small", loc="upper left")
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=110)
    write_atomically(path, written.getvalue())
