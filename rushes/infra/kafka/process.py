"""A worker process: signals, exit codes, and an end within bounds whatever hangs.

| exit code | meaning | what a supervisor does |
|---|---|---|
| 0 | SIGTERM or SIGINT: drained, committed, left the group | nothing |
| 70 | unexpected, or stalled | start again |
| 75 | a dependency stayed away | start again after a pause |
| 78 | a setting is wrong | wait for the operator |
"""

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Final, NoReturn, Protocol

import structlog

from rushes.schemas.errors import ConfigurationError, DependencyUnavailable, WeightsUnavailable

EX_OK: Final = 0
EX_SOFTWARE: Final = 70
EX_TEMPFAIL: Final = 75
EX_CONFIG: Final = 78

FAILED_LEAVE_S: Final = 1.0
"""After a failure nothing is worth finishing; what is settled is still committed."""

OVERTIME_S: Final = 12.0
"""Commit and leaving the group have limits of 5 s each; past them, and this, the process ends as it is."""

CLOSE_WITHIN_S: Final = 3.0

log = structlog.get_logger(__name__)


class Service(Protocol):
    """What a process runs."""

    async def start(self) -> None: ...

    async def join(self) -> None:
        """Returns when it is over; raises what it failed with."""
        ...

    async def leave(self, within_s: float) -> bool:
        """Finish within this time, commit, leave the groups."""
        ...

    def close(self) -> None:
        """End child processes and connections."""
        ...


def run_process(service: Callable[[], Service], drain_s: float) -> NoReturn:
    """Run a service, made within the event loop's thread, until a signal or a failure; end the process."""
    code = EX_SOFTWARE
    try:
        code = asyncio.new_event_loop().run_until_complete(_Life(service(), drain_s).run())
    except BaseException as error:  # noqa: BLE001 - every error ends the process, and its kind gives the code
        code = _code_of(error)
    finally:
        _end(code)


class _Life:
    def __init__(self, service: Service, drain_s: float) -> None:
        self._service = service
        self._drain_s = drain_s
        self._asked = asyncio.Event()

    async def run(self) -> int:
        """The exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ask)
        try:
            if await self._unless_asked(self._service.start()):
                await self._unless_asked(self._service.join())
        except BaseException as error:  # noqa: BLE001 - every error ends the process, and its kind gives the code
            code = _code_of(error)
            _end_after(FAILED_LEAVE_S + OVERTIME_S, code)
            await self._wind_up(FAILED_LEAVE_S)
            return code
        _end_after(self._drain_s + OVERTIME_S, EX_OK)
        finished = await self._wind_up(self._drain_s)
        log.info("stopped", drained=finished)
        return EX_OK

    def _ask(self) -> None:
        log.info("asked to stop")
        self._asked.set()

    async def _unless_asked(self, work: Coroutine[None, None, None]) -> bool:
        """Wait for work; False where a signal came first."""
        task = asyncio.create_task(work)
        asked = asyncio.create_task(self._asked.wait())
        await asyncio.wait({task, asked}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if task.done():
            task.result()
            return not self._asked.is_set()
        task.cancel()
        return False

    async def _wind_up(self, within_s: float) -> bool:
        try:
            return await self._service.leave(within_s)
        except Exception:
            log.exception("leaving the groups failed; their other members wait for the session to end")
            return False
        finally:
            closing = threading.Thread(target=self._service.close, daemon=True)
            closing.start()
            closing.join(CLOSE_WITHIN_S)


def _code_of(error: BaseException) -> int:
    match error:
        case DependencyUnavailable() | WeightsUnavailable():
            log.error("a dependency stayed away", reason=str(error))
            return EX_TEMPFAIL
        case ConfigurationError():
            log.error("a setting is wrong", reason=str(error))
            return EX_CONFIG
        case _:
            log.critical("the process ends on an unexpected error", error=repr(error), exc_info=error)
            return EX_SOFTWARE


def _end_after(seconds: float, code: int) -> None:
    """A thread that ends the process, even with a blocked event loop."""
    timer = threading.Timer(seconds, _end, (code,))
    timer.daemon = True
    timer.start()


def _end(code: int) -> NoReturn:
    """End without waiting for threads: a stage may sit in one."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
