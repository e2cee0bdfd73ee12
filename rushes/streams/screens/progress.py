"""The screen while a run goes on: a bar per stage and an honest estimate; plain lines where there is no terminal."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.text import Text

from rushes.streams.screens.estimate import Estimate
from rushes.streams.screens.wording import counted, roughly, shown

PLAIN_EVERY_S: Final = 5.0
"""Between two lines in a log file: often enough to see that it lives."""
_REFRESHES_PER_S: Final = 8


@dataclass(frozen=True, slots=True)
class StageProgress:
    """How far one stage is. `done` and `total` in one unit that follows the work, such as bytes of media or seconds
    of film, over all files from the first look at the folder; None where the total is not known yet. `note` says it
    in things one can count, such as "312 frames"."""

    label: str
    done: float
    total: float | None
    note: str = ""

    @property
    def finished(self) -> bool:
        return self.total is not None and self.done >= self.total

    @property
    def share(self) -> float:
        """0..1; 0 where the total is unknown."""
        if self.total is None:
            return 0.0
        return min(self.done / self.total, 1.0) if self.total > 0 else 1.0


@dataclass(frozen=True, slots=True)
class RunProgress:
    """All stages in the order of the flow, and files that came to an end."""

    stages: tuple[StageProgress, ...]
    files_done: int
    files_total: int
    files_failed: int = 0


class ProgressScreen:
    """Use as a context; call `update` as often as you like. Stages run side by side: the slowest sets the estimate."""

    def __init__(
        self,
        console: Console,
        clock: Callable[[], float] = time.monotonic,
        plain_every_s: float = PLAIN_EVERY_S,
    ) -> None:
        self._console = console
        self._clock = clock
        self._plain_every_s = plain_every_s
        self._estimates: dict[str, Estimate] = {}
        self._tasks: dict[str, TaskID] = {}
        self._began = clock()
        self._last_line: float | None = None
        self._last: RunProgress | None = None
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=32),
            TaskProgressColumn(),
            TextColumn("{task.fields[note]}", style="dim"),
            console=console,
        )
        self._footer = Text("")
        self._live = (
            Live(Group(self._bars, self._footer), console=console, refresh_per_second=_REFRESHES_PER_S)
            if console.is_terminal
            else None
        )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
        elif self._last is not None:
            self._print_line(self._last)

    def update(self, progress: RunProgress) -> None:
        """Show this state."""
        now = self._clock()
        for stage in progress.stages:
            self._estimates.setdefault(stage.label, Estimate()).observe(now, stage.done, stage.total)
        self._last = progress
        if self._live is None:
            if self._last_line is None or now - self._last_line >= self._plain_every_s:
                self._print_line(progress)
                self._last_line = now
            return
        for stage in progress.stages:
            task = self._tasks.get(stage.label)
            if task is None:
                task = self._tasks[stage.label] = self._bars.add_task(stage.label, total=1.0, note="")
            self._bars.update(
                task,
                completed=stage.share,
                total=None if stage.total is None else 1.0,
                note=shown(stage.note, self._console).plain,
            )
        self._footer.plain = f"{_files(progress)}; {self.remaining(progress.stages)}"

    def say(self, text: str) -> None:
        """A line that stays, above the bars."""
        self._console.print(shown(text, self._console))

    def remaining(self, stages: Sequence[StageProgress]) -> str:
        """The estimate in words; "estimating" as long as any unfinished stage's pace is unknown."""
        left = [self._estimates[stage.label].remaining_s for stage in stages if not stage.finished]
        known = [seconds for seconds in left if seconds is not None]
        if not left:
            return "finishing"
        return f"about {roughly(max(known))} left" if len(known) == len(left) else "estimating the time left"

    def _print_line(self, progress: RunProgress) -> None:
        stages = ", ".join(
            f"{stage.label} {stage.share:.0%}" + (f" ({stage.note})" if stage.note else "") for stage in progress.stages
        )
        elapsed = int(self._clock() - self._began)
        line = (
            f"[{elapsed // 60:02d}:{elapsed % 60:02d}] {stages}; {_files(progress)}; {self.remaining(progress.stages)}"
        )
        self._console.print(shown(line, self._console), soft_wrap=True)


def _files(progress: RunProgress) -> str:
    if not progress.files_total and not all(stage.finished for stage in progress.stages):
        return "looking for files"
    failed = f", {counted(progress.files_failed, 'failed', 'failed')}" if progress.files_failed else ""
    return f"{progress.files_done:,} of {counted(progress.files_total, 'file', 'files')}{failed}"
