"""The screen of `rushes shots`: a bar for each film that takes longer, then a table of its shots."""

import threading
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from rushes.infra.results.shot_list import ShotList
from rushes.infra.results.timecode import FrameCodes
from rushes.streams.screens.console import SteadyConsole
from rushes.streams.screens.wording import counted, duration, shown


class ShotsScreen:
    """Tables on standard output; bars and complaints on standard error. Threads may share it."""

    def __init__(self) -> None:
        self._out = SteadyConsole()
        self._err = SteadyConsole(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=32),
            TaskProgressColumn(),
            TextColumn("{task.fields[note]}", style="dim"),
            TimeRemainingColumn(),
            console=self._err,
            transient=True,
        )
        self._tasks: dict[Path, TaskID] = {}
        self._lock = threading.Lock()

    def progress(self, path: Path, frames: int, share: float | None) -> None:
        """Show how far a film is; nothing where standard error is no terminal."""
        if not self._err.is_terminal:
            return
        with self._lock:
            if path not in self._tasks:
                self._bars.start()
                name = shown(path.name, self._err).markup
                self._tasks[path] = self._bars.add_task(name, total=None, note="")
            self._bars.update(
                self._tasks[path],
                completed=share or 0.0,
                total=None if share is None else 1.0,
                note=counted(frames, "frame", "frames"),
            )

    def say(self, text: str) -> None:
        """A complaint, on standard error."""
        self._err.print(shown(f"rushes: {text}", self._err), soft_wrap=True)

    def table(self, found: ShotList) -> None:
        """All shots of a film, by the film's own time code."""
        codes = FrameCodes(found.facts)
        rate = "" if found.fps is None else f", {found.fps:.6g} frames/s"
        title = (
            f"{found.file}: {counted(len(found.shots), 'shot', 'shots')}, "
            f"{counted(found.end.frames, 'frame', 'frames')}{rate}, {duration(found.end.duration_us / 1e6)}"
        )
        passed_over = found.end.frames - found.end.decoded_frames
        if passed_over:
            title += f" ({passed_over / found.end.frames:.0%} of the frames passed over)"
        self._out.print(shown(title, self._out, "bold"), soft_wrap=True)
        table = Table(box=SIMPLE_HEAD, padding=(0, 0, 0, 1))
        for name in ("Shot", "From", "To", "Frame", "Frames"):
            table.add_column(name, justify="left" if name in {"From", "To"} else "right", no_wrap=True)
        for name in ("In by", "Kind"):
            table.add_column(name, no_wrap=True)
        table.add_column("Keys", justify="right", no_wrap=True)
        for number, shot in enumerate(found.shots, start=1):
            table.add_row(
                str(number),
                codes.label(shot.begin.start_us),
                codes.label(shot.end_us),
                str(shot.begin.start_frame),
                str(shot.end_frame - shot.begin.start_frame),
                shot.begin.transition_in,
                "dynamic" if shot.dynamic else "static",
                str(len(shot.keyframes)),
            )
        self._out.print(table)
        if found.end.partial is not None:
            self._out.print(shown(f"Only a part could be decoded: {found.end.partial}", self._out))

    def close(self) -> None:
        """Take the bars away."""
        if self._tasks:
            self._bars.stop()
