"""The suite's rows as a table by family and half, and as a plot."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import matplotlib as mpl
import numpy as np
from identity_suite import Row

from rushes.processors.evaluation.variations import INFORMED

REGRET_MEAN: Final = 0.02
REGRET_WORST: Final = 0.10
GAIN: Final = 0.02


def _mean(found: Sequence[Row], value: Callable[[Row], float]) -> float:
    return float(np.mean([value(row) for row in found])) if found else float("nan")


def suite_table(found: Sequence[Row]) -> None:
    halves = sorted({row.half for row in found})
    print(
        f"{'family':18} {'half':5} {'n':>3} {'best cut':>8} {'singles':>7} {'final':>6} {'worst':>6} {'arrival':>7} "
        f"{'regret':>7} {'mean o.':>7} {'worst':>6} {'informed':>8}  worst variation"
    )
    for family in dict.fromkeys(row.family for row in found):
        for half in halves:
            for sane in (True, False):
                part = [r for r in found if (r.family, r.half, r.sane) == (family, half, sane)]
                if part:
                    _line(family if sane else f"({family})", half, part)
    print("Families in brackets: embedders that are not sane. final, regret: worst order; mean o.: regret of the mean.")
    for half in (*halves, "all") if len(halves) > 1 else halves:
        chosen = [row for row in found if half in {row.half, "all"}]
        sane = [row for row in chosen if row.sane]
        plain = [row for row in sane if row.family not in INFORMED]
        told = [row for row in sane if row.family in INFORMED]
        worst = max(plain, key=lambda row: row.regret, default=None)
        print(
            f"{half:5} regret on sane embedders, vectors only: {len(plain)} variations, mean "
            f"{_mean(plain, lambda r: r.regret):+.4f} (goal {REGRET_MEAN}), worst "
            f"{worst.regret if worst else float('nan'):+.3f} (goal {REGRET_WORST}; {worst.name if worst else '-'}), "
            f"{sum(row.regret > REGRET_WORST for row in plain)} above {REGRET_WORST}"
        )
        all_sane = _mean(sane, lambda r: r.regret)
        everything = _mean(chosen, lambda r: r.regret)
        print(f"      all sane {all_sane:+.4f}, all {everything:+.4f}; ms an item {_mean(chosen, _ms):.2f}")
        for family in dict.fromkeys(row.family for row in told):
            gain = -_mean([row for row in told if row.family == family], lambda r: r.regret)
            print(f"      {family}: {gain:+.3f} over the best cut (goal +{GAIN})")


def _ms(row: Row) -> float:
    return row.ms_per_item


def _line(family: str, half: str, part: Sequence[Row]) -> None:
    worst = max(part, key=lambda row: row.regret)
    informed = [row.informed_f1 for row in part if row.informed_f1 is not None]
    print(
        f"{family:18} {half:5} {len(part):3} {_mean(part, lambda r: r.best_cut_f1):8.3f} "
        f"{_mean(part, lambda r: r.singletons_f1):7.3f} {_mean(part, lambda r: r.final_worst):6.3f} "
        f"{min(r.final_worst for r in part):6.3f} {_mean(part, lambda r: r.arrival_mean):7.3f} "
        f"{_mean(part, lambda r: r.regret):+7.3f} {_mean(part, lambda r: r.best_cut_f1 - r.final_mean):+7.3f} "
        f"{worst.regret:+6.3f} {f'{np.mean(informed):8.3f}' if informed else '       -'}  "
        f"{worst.name.partition('/')[2]}"
    )


def draw_suite(found: Sequence[Row], file: Path) -> None:
    """A dot for each variation, by family: what the best cut has more than the worst order."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - the backend is chosen first

    families = list(dict.fromkeys(row.family for row in found))[::-1]
    figure, axes = plt.subplots(figsize=(8.5, 6), dpi=110)
    looks = {("dev", True): "C0", ("held", True): "C1", ("dev", False): "0.75", ("held", False): "0.75"}
    for (half, sane), colour in looks.items():
        part = [row for row in found if (row.half, row.sane) == (half, sane)]
        places = [families.index(row.family) + (0.14 if half == "dev" else -0.14) for row in part]
        label = f"{'development' if half == 'dev' else 'held back'} half" if sane else None
        axes.scatter([row.regret for row in part], places, s=14, color=colour, alpha=0.7, label=label)
    axes.scatter([], [], s=14, color="0.75", label="embedder not sane")
    axes.axvline(0, color="0.4", lw=0.8)
    axes.axvline(REGRET_WORST, color="C3", lw=0.8, ls="--")
    axes.set_yticks(range(len(families)), [f"{f} *" if f in INFORMED else f for f in families])
    axes.set_xlabel("B-cubed F1: best offline cut less the worst arrival order (left of 0: better than any cut)")
    axes.set_title("Robustness suite (* more is known than the vectors)")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3, axis="x")
    figure.tight_layout()
    figure.savefig(file)
    plt.close(figure)
