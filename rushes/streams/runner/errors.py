"""What ends a process: errors that no event is to blame for, and that another attempt in it would not cure.

Fatal
├── StageExited              a stage called sys.exit in its thread
├── Stalled                  work is waiting and nothing moves
├── RunnerBroken             a defect of the runner itself
├── LetterUndeliverable      a dead letter itself could not be made or delivered
└── DependencyStayedAway     the last attempt failed; `error` says what is away
"""

from rushes.schemas.errors import DependencyUnavailable


class Fatal(Exception):
    """The process must end; nothing unsettled is acknowledged."""


class StageExited(Fatal):
    """A stage called `sys.exit`, or was interrupted, in its thread."""


class Stalled(Fatal):
    """Work is waiting and nothing moves."""


class RunnerBroken(Fatal):
    """A defect of the runner itself."""


class LetterUndeliverable(Fatal):
    """A dead letter could not be delivered, though Kafka answers: nowhere is left for the event to go."""


class DependencyStayedAway(Fatal):
    """A dependency was away at the last attempt."""

    def __init__(self, error: DependencyUnavailable) -> None:
        super().__init__(str(error))
        self.error = error


class StageContractBroken(Exception):
    """A stage gave an outcome too few, or of an event it was not given: to blame is the event, as for any defect."""
