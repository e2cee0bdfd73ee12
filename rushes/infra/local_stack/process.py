"""An engine as a process group of ours: started, asked whether it is ready, stopped, killed, started again."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from rushes.infra.local_stack.errors import EngineFailed, EngineMissing

PROBE_EVERY_S = 0.1
LOG_TAIL_BYTES = 4_000
"""Shown in an error: enough for a Java stack trace's head."""

# Reads until its input ends, which it does when the process that started it is gone, however it ended. A pipe and not
# PR_SET_PDEATHSIG: that one fires also when merely the thread that started the engine ends, and exists on Linux only.
_REAPER = 'read -r _; kill -s KILL -- "-$1"'


class LocalProcess(ABC):
    """One engine in one folder. Not for concurrent use: one owner starts and stops it.

    The engine runs in a session of its own (Ctrl-C in a terminal does not reach it) and is killed when the process
    that started it ends, even by kill -9.
    """

    name: ClassVar[str]
    start_within_s: ClassVar[float] = 60.0
    stop_within_s: ClassVar[float] = 20.0

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._process: subprocess.Popen[bytes] | None = None
        self._reaper: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def _prepare(self) -> None:
        """Write configuration and formats that are not there yet. Raises EngineMissing."""

    @abstractmethod
    def _command(self) -> Sequence[str]:
        """Program and arguments; it must stay in the foreground."""

    def _environment(self) -> Mapping[str, str]:
        """Variables beside the inherited ones."""
        return {}

    @abstractmethod
    def _is_ready(self) -> bool:
        """Whether the engine answers a question of its protocol now. Must return within seconds and not raise."""

    @property
    def log_file(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Process id. Raises EngineFailed when it does not run."""
        if self._process is None or not self.running:
            raise EngineFailed(f"{self.name} is not running; start it first")
        return self._process.pid

    def start(self) -> Self:
        """Start and wait until it answers. Raises EngineMissing or EngineFailed. No-op while it runs."""
        if self.running:
            return self
        self.folder.mkdir(parents=True, exist_ok=True)
        self._prepare()
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the command is made here, of no user's text
                self._command(),
                cwd=self.folder,
                env={**os.environ, **self._environment()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._reaper = subprocess.Popen(  # noqa: S603 - a constant script and a process id
            ["/bin/sh", "-c", _REAPER, "reaper", str(self._process.pid)], stdin=subprocess.PIPE, start_new_session=True
        )
        try:
            self._wait_until_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def stop(self) -> None:
        """Ask it to end (SIGTERM), and kill it when it has not within `stop_within_s`. No-op when it does not run."""
        if self._process is not None and self.running:
            self._process.terminate()
            os.killpg(self._process.pid, signal.SIGCONT)  # a frozen process hears nothing
            with contextlib.suppress(subprocess.TimeoutExpired):  # `stop` promises an end, not a clean one
                self._process.wait(self.stop_within_s)
        self.kill()

    def kill(self) -> None:
        """End it at once (SIGKILL to its group). No-op when it does not run."""
        process, reaper = self._process, self._reaper
        self._process = self._reaper = None
        if process is not None:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if reaper is not None:
            reaper.kill()
            reaper.communicate()

    def restart(self) -> Self:
        """Stop if it runs, then start on the same ports and data."""
        self.stop()
        return self.start()

    def pause(self) -> None:
        """Freeze it (SIGSTOP): connections stay open and nothing answers. `resume` undoes it."""
        os.killpg(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.killpg(self.pid, signal.SIGCONT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self.start_within_s
        while not self._is_ready():
            if not self.running:
                raise EngineFailed(f"{self.name} ended while it started:\n{self._log_tail()}")
            if time.monotonic() > deadline:
                raise EngineFailed(
                    f"{self.name} did not answer within {self.start_within_s:.0f} s:\n{self._log_tail()}"
                )
            time.sleep(PROBE_EVERY_S)

    def _log_tail(self) -> str:
        return self.log_file.read_bytes()[-LOG_TAIL_BYTES:].decode("utf-8", "replace")


def program(name: str, how_to_get: str) -> str:
    """Path of a program. Raises EngineMissing, which says how to get it."""
    found = shutil.which(name)
    if found is None:
        raise EngineMissing(f"expected the program `{name}` on the PATH, found none; {how_to_get}")
    return found
