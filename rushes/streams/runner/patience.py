"""How long a runner waits for a dependency that is away."""

from collections.abc import Awaitable, Callable

import structlog

from rushes.infra.metrics import Metrics
from rushes.schemas.errors import DependencyUnavailable
from rushes.streams.runner.backoff import Backoff
from rushes.streams.runner.errors import DependencyStayedAway

log = structlog.get_logger(__name__)


class Patience:
    """Counts failures in a row, waits after each, and gives up at `attempts`."""

    def __init__(
        self, stage: str, attempts: int, backoff: Backoff, sleep: Callable[[float], Awaitable[None]], metrics: Metrics
    ) -> None:
        self._stage = stage
        self._attempts = attempts
        self._backoff = backoff
        self._sleep = sleep
        self._metrics = metrics
        self._failures = 0

    def renewed(self) -> "Patience":
        """The same, with nothing counted."""
        return Patience(self._stage, self._attempts, self._backoff, self._sleep, self._metrics)

    def reset(self) -> None:
        self._failures = 0

    async def wait(self, error: DependencyUnavailable) -> None:
        """Wait before the next attempt. Raises DependencyStayedAway when this was the last."""
        self._failures += 1
        if self._failures >= self._attempts:
            raise DependencyStayedAway(error)
        delay_s = self._backoff.delay_s(self._failures, error.retry_after_s)
        self._metrics.retries.labels(self._stage, error.code).inc()
        log.warning(
            "a dependency is away",
            stage=self._stage,
            reason=str(error),
            failures=self._failures,
            retry_in_s=round(delay_s, 2),
        )
        await self._sleep(delay_s)
