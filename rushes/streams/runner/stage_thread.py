"""Runs a stage in its one thread, outcome by outcome."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor, Future
from typing import Generic, TypeVar

import structlog
from pydantic import BaseModel

from rushes.streams.runner.errors import StageExited
from rushes.streams.stage import Incoming, Outcome, Stage

E = TypeVar("E", bound=BaseModel)
R = TypeVar("R")

log = structlog.get_logger(__name__)


class StageThread(Generic[E]):
    """A stage and the executor of one thread that all its calls go through, one after the other.

    `in_flight` is how many outcomes may wait for their delivery. 1 is the contract of `Stage`: it goes on when its
    outcome is delivered. More is faster, for stages that do nothing between outcomes that relies on it.
    """

    def __init__(self, stage: Stage[E], executor: Executor, in_flight: int = 1) -> None:
        self.stage = stage
        self._executor = executor
        self._in_flight = in_flight

    async def call(self, work: Callable[[], R]) -> R:
        """Run something of the stage's in its thread."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, _contained, work)

    async def outcomes(self, batch: Sequence[Incoming[E]]) -> AsyncGenerator[list[Outcome[E]], None]:
        """Outcomes of `process`, in its order; several at once where the stage went ahead.

        Close this generator (`contextlib.aclosing`): the stage's own is then closed in its thread.
        """
        iterator = await self.call(lambda: self.stage.process(batch))
        room = asyncio.Semaphore(self._in_flight)
        queue: asyncio.Queue[Outcome[E] | None] = asyncio.Queue()
        puller = asyncio.create_task(self._pull(iterator, queue, room))
        try:
            over = False
            while not over:
                chunk: list[Outcome[E]] = []
                found = await queue.get()
                while found is not None:
                    chunk.append(found)
                    if queue.empty():
                        break
                    found = queue.get_nowait()
                over = found is None
                if chunk:
                    yield chunk
                for _ in chunk:
                    room.release()
            await puller
        finally:
            puller.cancel()
            if isinstance(iterator, Generator):
                # behind the call that may still run; nobody waits for it
                self._executor.submit(iterator.close).add_done_callback(self._report_close)

    async def _pull(
        self, iterator: Iterator[Outcome[E]], queue: "asyncio.Queue[Outcome[E] | None]", room: asyncio.Semaphore
    ) -> None:
        try:
            outcome: Outcome[E] | None
            await room.acquire()
            while (outcome := await self.call(lambda: next(iterator, None))) is not None:
                queue.put_nowait(outcome)
                await room.acquire()
        finally:
            queue.put_nowait(None)

    def _report_close(self, closed: Future[None]) -> None:
        if not closed.cancelled() and (error := closed.exception()) is not None:
            log.warning("a stage did not end cleanly", stage=self.stage.name, error=repr(error))


def _contained(work: Callable[[], R]) -> R:
    """The result of work in a thread. An exit asked for there would otherwise tear down the event loop half-way."""
    try:
        return work()
    except (SystemExit, KeyboardInterrupt) as error:
        raise StageExited(f"the stage ended its thread by {error!r}") from error
