"""Worker processes as a supervisor keeps them: started again whenever they end, until told to stop."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

RESTART_PAUSE_S = 0.3
"""Between the end of a worker and its next start, as a supervisor's back-off."""


@dataclass
class Slot:
    """One place for a worker: its role, its static member id, its process and how it ended so far."""

    role: str
    name: str
    process: subprocess.Popen[bytes] | None = None
    exits: list[int] = field(default_factory=list)
    stopped: bool = False


class Supervisor:
    """Runs slots. Every child dies with `close`, whatever the test did."""

    def __init__(self, environment: dict[str, str], logs: Path) -> None:
        self._environment = {**os.environ, **environment}
        self._logs = logs
        self._lock = threading.Lock()
        self.slots: list[Slot] = []
        self._closing = threading.Event()
        self._watch = threading.Thread(target=self._keep_alive, daemon=True)
        self._watch.start()

    def add(self, role: str) -> Slot:
        """A further worker of the role joins."""
        with self._lock:
            slot = Slot(role, f"{role}-{sum(s.role == role for s in self.slots)}")
            self._start(slot)
            self.slots.append(slot)
            return slot

    def kill(self, slot: Slot, signum: int) -> None:
        """Send the signal to the slot's process; it is started again when it has ended."""
        with self._lock:
            if slot.process is not None and slot.process.poll() is None:
                slot.process.send_signal(signum)

    def unexpected_exits(self) -> list[tuple[str, int]]:
        """Ends that nobody asked for: neither 0 (SIGTERM), nor by a signal before or in spite of Python, nor 75 (a part
        that was away).
        """
        asked = {0, 75, -signal.SIGKILL, -signal.SIGTERM}
        return [(s.name, code) for s in self.slots for code in s.exits if code not in asked]

    def close(self) -> None:
        """End all: first politely."""
        self._closing.set()
        self._watch.join()
        for signum, wait_s in ((signal.SIGTERM, 30.0), (signal.SIGKILL, 10.0)):
            for slot in self.slots:
                if slot.process is not None and slot.process.poll() is None:
                    slot.process.send_signal(signum)
            deadline = time.monotonic() + wait_s
            for slot in self.slots:
                if slot.process is not None:
                    try:
                        slot.process.wait(max(0.1, deadline - time.monotonic()))
                    except subprocess.TimeoutExpired:
                        continue

    def _start(self, slot: Slot) -> None:
        with (self._logs / f"{slot.name}.log").open("ab") as log:
            slot.process = subprocess.Popen(
                [sys.executable, "-m", "rushes.streams.cli", "worker", slot.role, "--instance", slot.name],
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _keep_alive(self) -> None:
        while not self._closing.wait(RESTART_PAUSE_S):
            with self._lock:
                for slot in self.slots:
                    code = slot.process.poll() if slot.process is not None else None
                    if code is not None:
                        slot.exits.append(code)
                        self._start(slot)
