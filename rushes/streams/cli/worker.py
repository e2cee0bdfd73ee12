"""`rushes worker ROLE`: one role of the pipeline in a process of its own."""

from enum import StrEnum
from typing import Annotated

import typer


class RoleName(StrEnum):
    """The roles that run as workers."""

    SPLIT = "split"
    EMBED = "embed"
    FEEDBACK = "feedback"
    CLUSTER = "cluster"


def worker(
    role: Annotated[RoleName, typer.Argument(help="Which stage this process runs.")],
    instance: Annotated[
        str | None,
        typer.Option(help="Static membership: a name unique among the workers of the role, kept over restarts."),
    ] = None,
) -> None:
    """Run one role until SIGTERM: finishes what is in hand, commits, leaves its group.

    Start as many of each role as there is work for, up to the partitions of its topic. Exit codes: 0 after SIGTERM,
    70 on an unexpected error, 75 when Kafka, Milvus or the blob store stayed away; in both cases nothing is lost and a
    supervisor should start it again.
    """
    import os
    import signal

    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # nothing is in hand before the stage is made
    from rushes.infra.logging import configure_logging
    from rushes.infra.settings import Settings
    from rushes.streams.composition import run_role

    settings = Settings()
    if instance is not None:
        kafka = settings.kafka.model_copy(update={"instance": instance})
        settings = settings.model_copy(update={"kafka": kafka})
    configure_logging(settings.log_format, settings.log_level)
    run_role(role.value, settings)
