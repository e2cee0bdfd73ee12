"""What `rushes models` shows: the registry as a table, one model in full, and a fetch as it goes on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

from rushes.infra.weights.report import FileReport, ModelReport, PresetReport
from rushes.infra.weights.shelf import State
from rushes.streams.screens.wording import shown

STYLES: Final[dict[State, str]] = {
    "installed": "green", "unrecorded": "green", "missing": "dim", "incomplete": "yellow", "changed": "red",
}  # fmt: skip

WIDE: Final = 132
"""Characters from which on a sentence on each model fits beside its figures."""

PURPOSES: Final = {"face_detector": "find faces", "person_detector": "find people"}

NOTES: Final = """\
~ and all of the column Memory: estimated. * look at the licence's note.
+ gated: accept its licence at its publisher first.
What a model is for, and where from: rushes models show NAME
"""

CHECKED: Final = {
    None: "not here",
    "pinned": "matches the registry's hash",
    "announced": "matches the hash that its source announced; pinned",
    "first_seen": "pinned as it came first: nobody told its hash",
}


def print_models(reports: Sequence[ModelReport], presets: Sequence[PresetReport], console: Console) -> None:
    """All models, then the presets. What each is for has a column where the screen is wide enough."""
    wide = console.width >= WIDE
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("Model", "For", "Here", "Size", "Memory", "Fits", "Licence"):
        table.add_column(name, justify="right" if name in {"Size", "Memory"} else "left", no_wrap=True)
    if wide:
        table.add_column("What", overflow="fold", ratio=1)
    for one in reports:
        table.add_row(
            shown(one.name, console, "bold"),
            ", ".join(PURPOSES.get(kind, kind) for kind in one.kinds),
            Text(one.state, style=STYLES[one.state]),
            ("~" if one.size_is_estimate else "") + size(one.size_bytes),
            size(one.memory_bytes),
            Text(one.fits, style="" if one.fits == "yes" else "yellow"),
            one.licence.name + _marks(one),
            *((one.about,) if wide else ()),
        )
    console.print(table)
    console.print(Text(NOTES, style="dim"))
    for preset in presets:
        ready = ("ready", "green") if preset.ready else (f"needs {', '.join(preset.missing)}", "yellow")
        console.print(Text.assemble((f"{preset.name:<10}", "bold"), ready))
        models = (
            f"scenes {preset.scene}, faces {preset.face} found by {preset.face_detector}, persons "
            f"{preset.person_detector}"
        )
        console.print(Padding(Text(f"{preset.about}\n{models}"), (0, 0, 0, 10)))
    console.print()
    if reports:
        device = reports[0].device
        where = f"{device.name}: {size(device.total_bytes)}, {size(device.free_bytes)} free"
        console.print(shown(f"Weights lie in {folder_of(reports[0])}. Device: {where}.", console))
    console.print(Text("Get what is missing: rushes models fetch MODEL_OR_PRESET"))


def _marks(one: ModelReport) -> str:
    marks = ("+" if one.gated else "") + ("*" if one.licence.note else "")
    return f" {marks}" if marks else ""


def print_model(one: ModelReport, console: Console) -> None:
    """One model in full: what is here, what is missing, from where, and the licence."""
    rows = [
        ("For", f"{', '.join(one.kinds)}. {one.about}" + (" Searchable by words." if one.text_search else "")),
        ("State", one.state),
        ("Folder", one.folder),
        ("Setting", one.setting),
        ("Source", one.source + (" (gated: accept its licence there)" if one.gated else "")),
        ("Size", ("about " if one.size_is_estimate else "") + size(one.size_bytes)),
        ("Parameters", f"{one.parameters:,}"),
        ("Vector", f"{one.dim} values" if one.dim is not None else "none"),
        ("Input", f"{one.input_size[1]} x {one.input_size[0]} pixels" if one.input_size is not None else "any size"),
        ("Memory", f"about {size(one.memory_bytes)} in batches of 16; fits {one.device.name}: {one.fits}"),
        ("Licence", f"{one.licence.name} ({one.licence.url}). {one.licence.note}".rstrip()),
        ("Presets", ", ".join(one.presets) or "none"),
    ]
    if one.otherwise is not None:
        rows.append(("Otherwise", f"{one.otherwise}, where this one is refused"))
    console.print(Text(one.name, style="bold"))
    for label, text in rows:
        console.print(Text.assemble((f"  {label:<11}", "bold"), shown(text, console)), soft_wrap=True)
    if not one.files:
        console.print(
            "  Files: its repository tells names, sizes and hashes when it is asked. Unverified until the first fetch; "
            "pinned then.", soft_wrap=True,
        )  # fmt: skip
    for file in one.files:
        print_file(file, console)
    for trouble in one.troubles:
        text = f"  {trouble.path}: expected {trouble.expected}, found {trouble.found}"
        console.print(shown(text, console, "red"), soft_wrap=True)


def print_file(file: FileReport, console: Console) -> None:
    """A file's name, size, hash and addresses."""
    told = CHECKED[file.checked_by] if file.here or file.checked_by is not None else "missing"
    known = size(file.size_bytes) + f" ({file.size_bytes:,} bytes)" if file.size_bytes is not None else "size not known"
    console.print(shown(f"  {file.path}: {known}, {told}", console), soft_wrap=True)
    sha256 = file.sha256 or "unverified until the first fetch; pinned then"
    console.print(Text(f"    SHA-256 {sha256}", style="dim"), soft_wrap=True)
    for url in file.urls:
        console.print(Text(f"    from {url}", style="dim"), soft_wrap=True)


def folder_of(one: ModelReport) -> str:
    """The folder of all weights."""
    return str(Path(one.folder).parent)


def size(count: int) -> str:
    """Bytes as people say them, in powers of ten.

    >>> size(232_589), size(38_696_353), size(1_200_000_000)
    ('0.2 MB', '39 MB', '1.2 GB')
    """
    if count >= 1e9:
        return f"{count / 1e9:.1f} GB"
    return f"{count / 1e6:.0f} MB" if count >= 1e7 else f"{count / 1e6:.1f} MB"


class FetchScreen:
    """A bar per file, or a line per file where there is no terminal; use as a context around the fetch."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description}"), BarColumn(bar_width=32), DownloadColumn(), TransferSpeedColumn(),
            console=console, disable=not console.is_terminal,
        )  # fmt: skip
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def file(self, name: str, done: int, total: int | None) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name, total=total)
            if not self._console.is_terminal:
                self._console.print(
                    shown(f"{name}: {size(total) if total is not None else 'size not known'}", self._console)
                )
        self._bars.update(self._tasks[name], completed=done, total=total)
