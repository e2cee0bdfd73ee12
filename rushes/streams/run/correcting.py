"""`rushes feedback --out`: a correction of the results of a run, without Kafka."""

from collections.abc import Iterator

from rushes.infra.settings import Settings
from rushes.schemas.decisions import ClusterAssigned
from rushes.schemas.errors import ConfigurationError, InvalidFeedback
from rushes.schemas.feedback import FeedbackGiven
from rushes.schemas.ids import LibraryId
from rushes.schemas.status import DeadLetter
from rushes.streams.run.consolidating import consolidate, decide_entry
from rushes.streams.run.held import held
from rushes.streams.run.out_folder import OutFolder
from rushes.streams.run.session import write_folder
from rushes.streams.stages.feedback import submitted


def correct_folder(out: OutFolder, base: Settings, given: FeedbackGiven) -> Iterator[str]:
    """Append the correction to the folder's journal, carry it out, write the results anew; lines that say what
    changed. Raises InvalidFeedback with the reason where it can't be carried out.
    """
    if not out.exists():
        raise ConfigurationError(f"{out.root} holds no results: run `rushes run FOLDER --out {out.root}` first")
    library_id = LibraryId(given.library_id)
    with out.writing(), held(out, out.settings(base), library_id) as parts:
        told = decide_entry(parts, submitted(given))
        refused = next((event.reason for event in told if isinstance(event, DeadLetter)), None)
        if refused is not None:
            raise InvalidFeedback(refused)
        told += consolidate(parts, "asked")
        write_folder(out, parts, out.file_results())
        lines = [_line(event) for event in told if isinstance(event, ClusterAssigned)]
        yield from lines or ["noted: it takes effect when the item comes"]


def _line(record: ClusterAssigned) -> str:
    place = f"cluster {record.cluster_id}" if record.cluster_id else "waiting, in no cluster"
    if record.cluster_id == record.previous_cluster_id:
        return f"{record.decision}: {record.kind} {record.item_id} stays {'in ' if record.cluster_id else ''}{place}"
    before = f" (was {record.previous_cluster_id})" if record.previous_cluster_id else ""
    return f"{record.decision}: {record.kind} {record.item_id} is now {place}{before}"
