"""Lets a stage speak of its own accord while its worker is idle: background work that no record asks for."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

import structlog
from pydantic import BaseModel

from rushes.schemas.envelope import Envelope
from rushes.schemas.errors import DependencyUnavailable
from rushes.streams.runner.outlet import Delivery, Outlet
from rushes.streams.runner.progress import Progress
from rushes.streams.runner.stage_thread import StageThread

E = TypeVar("E", bound=BaseModel)

SOON_S: Final = 0.05
SOON_TIMES: Final = 20
"""What was said comes back from the log after some ten milliseconds; a second of that is waited for."""

log = structlog.get_logger(__name__)


class Upkeep(Generic[E]):
    """Asks the stage, in its thread, every `period_s` (seconds) in which nothing is in hand, and delivers what it says.
    Who said something is asked again soon: there may be more of it. What could not be delivered it will say again.
    """

    def __init__(
        self,
        thread: StageThread[E],
        outlet: Outlet,
        progress: Progress,
        *,
        period_s: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._thread = thread
        self._outlet = outlet
        self._progress = progress
        self._period_s = period_s
        self._sleep = sleep

    async def run(self) -> None:
        """Ask until cancelled."""
        soon = 0
        while True:
            await self._sleep(min(SOON_S, self._period_s) if soon else self._period_s)
            soon = SOON_TIMES if await self.ask() else max(soon - 1, 0)

    async def ask(self) -> int:
        """Ask once; how much was delivered."""
        if self._progress.oldest is not None:
            return 0
        outputs = await self._thread.call(self._thread.stage.idle)
        if not outputs:
            return 0
        try:
            await self._outlet.deliver([Delivery(output, Envelope(output.event_id)) for output in outputs])
        except DependencyUnavailable as error:
            log.warning("what an idle stage had to say waits", stage=self._thread.stage.name, reason=str(error))
            return 0
        return len(outputs)
