"""Decoding in child processes that can be killed: nothing a file contains can hang, crash or bloat the worker.

Children live on from job to job and do one job at a time, so a death has one file to blame. The parent watches the
clock, the silence and every length; what goes over is killed, and the next job gets a fresh process.
"""

import os
import queue
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import IO, Final

import structlog
from pydantic import BaseModel, ValidationError

import rushes
from rushes.infra.media.messages import (
    LAST_REPLIES,
    LENGTHS,
    MAX_HEADER_BYTES,
    MAX_PAYLOAD_BYTES,
    REPLY,
    Hello,
    JobFailed,
    Reply,
    pack,
)
from rushes.infra.settings import DecodeLimits
from rushes.schemas.errors import DependencyUnavailable, LimitExceeded, PermanentError, RushesError

CHILD: Final = (sys.executable, "-m", "rushes.infra.media.child")
JOBS_PER_CHILD: Final = 500
"""A child is replaced after this many: decoders leak, and its memory is limited."""

START_S: Final = 60.0
"""Longest start of a child: half a second of imports, on a machine that may be swamped."""

LAST_WORDS_BYTES: Final = 400

log = structlog.get_logger(__name__)


class ChildDied(Exception):
    """The child ended in the middle of a job: killed by the system, or crashed. Says how."""


class ChildPool:
    """Up to `limits.processes` children, started when first needed. Threads may share it.

    `command`: how a child is started; its limits and lifeline are appended.
    """

    def __init__(self, limits: DecodeLimits, command: Sequence[str] = CHILD) -> None:
        self._limits = limits
        self._command = tuple(command)
        self._slots: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        for _ in range(limits.processes):
            self._slots.put(None)

    @property
    def size(self) -> int:
        return self._limits.processes

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the children that are idle now."""
        return tuple(child.pid for child in list(self._slots.queue) if child is not None)

    def run(self, job: BaseModel) -> Generator[tuple[Reply, bytes], None, None]:
        """Replies of one job with their payloads, up to the last one; waits for a free child.

        Raises the error of the tree that the child reports, LimitExceeded where it was killed for the clock or for
        silence, ChildDied where it ended by itself, DependencyUnavailable where none can be started. A caller that
        stops listening ends the job.
        """
        child = self._slots.get()
        reusable = False
        try:
            if child is not None and not child.alive:
                child.kill()
                child = None
            if child is None:
                child = _Child(self._limits, self._command)
            for reply, payload in child.run(job):
                if isinstance(reply, JobFailed):
                    reusable = not reply.memory
                    if reply.memory and child.jobs > 1:
                        raise ChildDied("out of memory after other jobs")
                    raise _error_of(reply)
                reusable = isinstance(reply, LAST_REPLIES)
                yield reply, payload
        finally:
            if child is not None and not (reusable and child.jobs < JOBS_PER_CHILD):
                child.kill()
                child = None
            self._slots.put(child)

    def close(self) -> None:
        """End the idle children. To be called when no job runs."""
        while True:
            try:
                child = self._slots.get_nowait()
            except queue.Empty:
                return
            if child is not None:
                child.kill()


class _Child:
    """One child process and the pipes to it."""

    def __init__(self, limits: DecodeLimits, command: tuple[str, ...]) -> None:
        self._limits = limits
        self.jobs = 0
        self._words: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the child
        lifeline, self._lifeline = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603  our own interpreter and module
                [*command, limits.model_dump_json(), str(lifeline)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._words,
                pass_fds=(lifeline,),
                start_new_session=True,  # Ctrl-C in a terminal is for the parent to handle
                env=_environment(),
                bufsize=0,
            )
        except OSError as error:
            os.close(self._lifeline)
            self._words.close()
            raise DependencyUnavailable(f"no decoding process can be started: {error}", retry_after_s=2) from error
        finally:
            os.close(lifeline)
        try:
            hello, _ = self._receive(START_S, time.monotonic() + START_S)
        except (ChildDied, LimitExceeded) as error:
            self.kill()
            raise DependencyUnavailable(
                f"the decoding process does not start ({error}); check RUSHES_DECODE__MEMORY_BYTES"
            ) from error
        if isinstance(hello, Hello) and hello.unlimited:
            log.warning("decoding runs without some of its limits", missing=hello.unlimited)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def run(self, job: BaseModel) -> Iterator[tuple[Reply, bytes]]:
        self.jobs += 1
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(pack(job))
        except BrokenPipeError:
            raise self._died() from None
        waited_s = 0.0
        while True:
            before_s = time.monotonic()
            reply, payload = self._receive(self._limits.no_progress_s, before_s + self._limits.wall_s - waited_s)
            waited_s += time.monotonic() - before_s
            yield reply, payload
            if isinstance(reply, LAST_REPLIES):
                return

    def kill(self) -> None:
        """End the process and release what belongs to it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._words):
            if pipe is not None:
                pipe.close()
        os.close(self._lifeline)

    def _receive(self, patience_s: float, deadline_s: float) -> tuple[Reply, bytes]:
        """The next message: no silence longer than `patience_s`, and all of it by `deadline_s` (monotonic)."""
        header_size, payload_size = LENGTHS.unpack(self._read(LENGTHS.size, patience_s, deadline_s))
        if header_size > MAX_HEADER_BYTES or payload_size > MAX_PAYLOAD_BYTES:
            raise ChildDied(f"it sent a message of {header_size} + {payload_size} bytes, which no decoder of ours does")
        header = self._read(header_size, patience_s, deadline_s)
        payload = self._read(payload_size, patience_s, deadline_s)
        try:
            return REPLY.validate_json(header), payload
        except ValidationError as error:
            raise ChildDied(f"it sent no known message: {error.error_count()} faults") from error

    def _read(self, size: int, patience_s: float, deadline_s: float) -> bytes:
        assert self._process.stdout is not None
        fd = self._process.stdout.fileno()
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        data = bytearray()
        while len(data) < size:
            left_s = deadline_s - time.monotonic()
            readable = poll.poll(1000 * max(0.0, min(patience_s, left_s)))
            if not readable and left_s <= patience_s:
                raise LimitExceeded(f"decoding took longer than {self._limits.wall_s:.0f} s (RUSHES_DECODE__WALL_S)")
            if not readable:
                raise LimitExceeded(
                    f"the decoder made no progress for {patience_s:.0f} s and was ended (RUSHES_DECODE__NO_PROGRESS_S)"
                )
            part = os.read(fd, min(size - len(data), 1 << 20))
            if not part:
                raise self._died()
            data += part
        return bytes(data)

    def _died(self) -> ChildDied:
        code = self._process.wait()
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        size = self._words.seek(0, os.SEEK_END)
        self._words.seek(max(0, size - LAST_WORDS_BYTES))
        words = " ".join(self._words.read().decode("utf-8", "replace").split())
        return ChildDied(f"{how}{': ' + words if words else ''}")


def _environment() -> dict[str, str]:
    """What a child gets of the environment: no credentials, and one thread for matrices (they are tiny)."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH") if name in os.environ}
    package_root = str(Path(rushes.__file__).parent.parent)
    return {**kept, "PYTHONPATH": package_root, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def _error_of(reply: JobFailed) -> RushesError:
    classes: dict[str, type[PermanentError]] = {kind.code: kind for kind in PermanentError.__subclasses__()}
    return classes.get(reply.code, PermanentError)(reply.reason)
