"""A worker process for tests: a stage that copies deletions to `media-status`, slowly, and fails by name.

`bad...` fails for good, `stuck...` never ends, `away...` waits for a dependency that never comes back.
Settings come from the environment, as in production; ECHO_WORK_MS is the time an event takes.
"""

import os
import sys
import time
from collections.abc import Iterator, Sequence

from rushes.infra.kafka.engine import FaustEngine
from rushes.infra.logging import configure_logging
from rushes.infra.settings import Settings
from rushes.schemas.channels import Channel
from rushes.schemas.errors import DamagedMedia, DependencyUnavailable
from rushes.schemas.ids import EventId
from rushes.schemas.media import MediaDeleted
from rushes.streams.runner.worker import Role, run_worker, system_surroundings
from rushes.streams.stage import Incoming, Outcome, Output

WORK_S = float(os.environ.get("ECHO_WORK_MS", "4")) / 1000


class Echo:
    name = "split"

    def process(self, batch: Sequence[Incoming[MediaDeleted]]) -> Iterator[Outcome[MediaDeleted]]:
        for incoming in batch:
            media = incoming.event.media_id
            if media.startswith("stuck"):
                time.sleep(3600)
            if media.startswith("away"):
                raise DependencyUnavailable("the store is away", retry_after_s=0.05)
            if media.startswith("bad"):
                yield Outcome(incoming, error=DamagedMedia(f"{media} can't be decoded"))
                continue
            time.sleep(WORK_S)
            output = Output(Channel.MEDIA_STATUS, incoming.event, incoming.event.key, EventId(f"echo-{media}"))
            yield Outcome(incoming, outputs=(output,))

    def failed(self, incoming, letter):
        return ()

    def on_assigned(self, partitions: frozenset[tuple[str, int]]) -> None:
        say(f"ASSIGNED {len(partitions)}")

    def on_revoked(self, partitions: frozenset[tuple[str, int]]) -> None:
        say(f"REVOKED {len(partitions)}")

    def close(self) -> None:
        say("CLOSED")


def say(text: str) -> None:
    """For the test that reads this process's output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    settings = Settings()
    configure_logging(settings.log_format, settings.log_level)
    run_worker(
        settings,
        lambda: Role(Echo(), (Channel.MEDIA_UPLOADED,), (MediaDeleted,), in_flight=4),
        None,
        lambda: FaustEngine(settings.kafka, settings.runner.drain_s),
        system_surroundings(),
    )
