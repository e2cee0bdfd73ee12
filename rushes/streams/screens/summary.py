"""The screen at the end of a run, and the same for machines."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import JsonValue
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from rushes.infra.results.summary import ClusterRow, Notice, Summary
from rushes.schemas.event import ItemKind
from rushes.streams.screens.wording import counted, duration, shown

ROWS: Final = 12
"""Of a table: both tables, the failures and what comes next fit on a screen. The rest is on the contact sheet."""
_NAMED_WITHIN: Final = 4
_KIND_WORDS: Final[dict[ItemKind, tuple[str, str]]] = {
    "scene": ("frame", "frames"),
    "face": ("face", "faces"),
    "person": ("body", "bodies"),
    "region": ("region", "regions"),
}


@dataclass(frozen=True, slots=True)
class RunReport:
    """A run's results, where they lie, and what was sorted. `source` as the person typed it, and so the `options` that
    chose the models: a later run into the same folder needs them again.
    """

    summary: Summary
    source: str
    out: Path
    elapsed_s: float
    options: tuple[str, ...] = ()


def print_summary(report: RunReport, console: Console) -> None:
    """Scenes and characters, the noise bucket, failed files with their reasons, where it all lies, what to type."""
    summary = report.summary
    console.print()
    _print_clusters(console, "Scenes", "Frames", "Characters within", summary.clusters.get("scene", ()))
    _print_clusters(console, "Characters", "Faces", "Scenes", summary.clusters.get("face", ()))
    noise = [counted(count, *_KIND_WORDS[kind]) for kind, count in summary.noise.items() if count]
    waiting = "not sure enough to group; promoted when others like them come"
    console.print(Text.assemble(("Noise bucket  ", "bold"), f"{', '.join(noise)} ({waiting})" if noise else "empty"))
    _print_troubles(console, report)
    files = ", ".join(f"{counted(n, 'file', 'files')} {status}" for status, n in summary.files.items() if n)
    console.print()
    console.print(
        shown(
            f"{files or 'no files'}; {counted(summary.items, 'item', 'items')} in {duration(report.elapsed_s)}", console
        )
    )
    for notice in summary.notices:
        _print_notice(console, notice)
    _print_next(console, report)


def summary_json(report: RunReport) -> str:
    """The report as one JSON object in ASCII, whatever the terminal's encoding."""
    summary = report.summary
    troubles: list[JsonValue] = [
        {"media": file.media, "path": path, "status": file.status, "error": file.error, "reason": file.reason}
        for file in summary.troubles
        for path in file.paths
    ]
    value: JsonValue = {
        "source": report.source,
        "out": str(report.out),
        "index": str(report.out / "index.html"),
        "elapsed_s": round(report.elapsed_s, 3),
        "items": summary.items,
        "files": {status: count for status, count in summary.files.items()},  # noqa: C416  (widens the key's type)
        "scenes": _json_rows(summary.clusters.get("scene", ()), "characters"),
        "characters": _json_rows(summary.clusters.get("face", ()), "scenes"),
        "noise": {kind: count for kind, count in summary.noise.items()},  # noqa: C416  (widens the key's type)
        "troubles": troubles,
        "models": [
            {"kind": model.kind, "model": model.model_id, "weak": model.weak, "items": model.items}
            for model in summary.models
        ],
        "notices": [f"{notice.title} {notice.text} {notice.command}" for notice in summary.notices],
    }
    return json.dumps(value)


def _json_rows(rows: Sequence[ClusterRow], within: str) -> JsonValue:
    return [
        {
            "cluster_id": row.cluster_id,
            "label": row.label,
            "items": row.items,
            "hidden": row.hidden,
            within: [{"label": label, "items": count} for label, count in row.within],
        }
        for row in rows
    ]


def _print_clusters(console: Console, title: str, counts: str, within: str, rows: Sequence[ClusterRow]) -> None:
    open_rows = [row for row in rows if not row.hidden]
    if not open_rows:
        console.print(Text.assemble((title, "bold"), "  none\n"))
        return
    table = Table(box=SIMPLE_HEAD, title=f"{title} ({len(open_rows):,})", title_justify="left", title_style="bold")
    table.add_column(title, overflow="fold", max_width=36)
    table.add_column("Id", style="dim")
    table.add_column(counts, justify="right")
    table.add_column(within, overflow="fold")
    for row in open_rows[:ROWS]:
        named = [f"{label} ({count:,})" for label, count in row.within[:_NAMED_WITHIN]]
        more = len(row.within) - _NAMED_WITHIN
        table.add_row(
            shown(row.label, console, "bold" if row.named else ""),
            row.cluster_id[:8],
            f"{row.items:,}",
            shown(", ".join(named) + (f" and {more:,} more" if more > 0 else ""), console),
        )
    console.print(table)
    if len(open_rows) > ROWS:
        console.print(Text(f"  and {len(open_rows) - ROWS:,} more on the contact sheet\n", style="dim"))


def _print_troubles(console: Console, report: RunReport) -> None:
    summary = report.summary
    if not summary.troubles:
        return
    table = Table(box=SIMPLE_HEAD, title="Failed and partial files", title_justify="left", title_style="bold")
    table.add_column("File", overflow="fold", ratio=2)
    table.add_column("Error", overflow="fold")
    table.add_column("Reason", overflow="fold", ratio=3)
    lines = [(path, file) for file in summary.troubles for path in file.paths]
    for path, file in lines[:ROWS]:
        style = "yellow" if file.status == "partial" else "red"
        error = "partial" if file.status == "partial" else file.error or "error"
        table.add_row(
            shown(_as_typed(path, report.source), console),
            shown(error, console, style),
            shown(file.reason or "", console),
        )
    console.print()
    console.print(table)
    if len(lines) > ROWS:
        console.print(Text(f"  and {len(lines) - ROWS:,} more in failed.jsonl", style="dim"))


def _as_typed(path: str, source: str) -> str:
    """A path below the source, begun as the person began it."""
    base = Path(source).absolute()
    return str(Path(source) / Path(path).relative_to(base)) if Path(path).is_relative_to(base) else path


def _print_notice(console: Console, notice: Notice) -> None:
    text = Text.assemble((notice.title, "bold"), " ", notice.text, "\n", (notice.command, "bold"))
    console.print(Padding(Panel(text, border_style="yellow"), (1, 0, 0, 0)))


def _print_next(console: Console, report: RunReport) -> None:
    out = shlex.quote(str(report.out))
    rows = (
        ("Look", str(report.out / "index.html"), "the contact sheet: open it in a browser"),
        ("Read", str(report.out / "assignments.jsonl"), "a line an item; beside it clusters.json and failed.jsonl"),
        ("Correct", f"rushes feedback --help  # with --out {out}", "a picture on the sheet shows the line to type"),
        (
            "Again",
            shlex.join(("rushes", "run", report.source, "--out", str(report.out), *report.options)),
            "takes up what is new, changed or missing",
        ),
    )
    console.print()
    for word, what, why in rows:
        console.print(Text.assemble((f"{word:<8}", "bold"), shown(what, console)), soft_wrap=True)
        console.print(Text.assemble(" " * 8, (why, "dim")), soft_wrap=True)
