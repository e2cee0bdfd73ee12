"""The table of `rushes quality`, and the same for machines."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import JsonValue
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rushes.infra.media.file_quality import FileQuality
from rushes.processors.shots.quality import WEIGHTS
from rushes.streams.screens.wording import shown

POOR = 0.35
GOOD = 0.7
"""Figures below and above which a column is coloured: at a glance, which part spoils a picture."""


HEADS = {"sharpness": "Sharp", "exposure": "Expo", "contrast": "Contr", "noise": "Noise", "resolution": "Resol"}
"""Of the figures' columns, so that a row fits on 80 characters."""


FIGURES_WIDTH = 66
"""Characters of all columns but the file's."""


def quality_table(files: Sequence[FileQuality], console: Console) -> Table:
    """A row a file: score, the figures that it is made of, size, and of a film its worst moment."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("File", no_wrap=True, overflow="ellipsis", max_width=max(16, console.width - FIGURES_WIDTH))
    for name in ("Score", *(HEADS[name] for name in WEIGHTS), "Size", "Worst"):
        table.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    above = _common_folder([file.path for file in files])
    for file in files:
        table.add_row(
            shown(str(file.path.relative_to(above)), console),
            Text(f"{file.score:.0f}", style=_style(file.score / 100)),
            *(_cell(getattr(file.figures, name)) for name in WEIGHTS),
            f"{file.width}x{file.height}",
            "" if file.worst is None else f"{file.worst.score:.0f} at {_clock(file.worst.time_us)}",
        )
    return table


def quality_json(files: Sequence[FileQuality], failed: Sequence[tuple[str, str, str]]) -> str:
    """One document: `files` and `failed` (path, code, reason)."""
    document: dict[str, JsonValue] = {
        "files": [
            {
                "path": str(file.path),
                "kind": file.kind,
                "width": file.width,
                "height": file.height,
                "frames": file.frames,
                "score": file.score,
                **file.figures.model_dump(),
                "worst": None if file.worst is None else {"time_us": file.worst.time_us, "score": file.worst.score},
            }
            for file in files
        ],
        "failed": [{"path": path, "code": code, "reason": reason} for path, code, reason in failed],
    }
    return json.dumps(document, ensure_ascii=True, indent=1)


def _common_folder(paths: Sequence[Path]) -> Path:
    """The folder that all these files lie in."""
    return Path(os.path.commonpath([path.parent for path in paths]))


def _cell(value: float | None) -> Text:
    return Text("-") if value is None else Text(f"{value:.2f}", style=_style(value))


def _style(value: float) -> str:
    return "red" if value < POOR else "green" if value >= GOOD else "yellow"


def _clock(time_us: int) -> str:
    minutes, seconds = divmod(time_us // 1_000_000, 60)
    return f"{minutes}:{seconds:02d}"
