"""A library's state for looking at: folded from the journal of a run, or from the log of a running system."""

from pathlib import Path

from rushes.infra.library_log.journal import JournalLibraryLog
from rushes.infra.settings import Settings
from rushes.processors.clustering.library import Library
from rushes.schemas.errors import ConfigurationError
from rushes.schemas.ids import Generation, LibraryId
from rushes.streams.run.out_folder import OutFolder
from rushes.streams.stages.log_folding import fold_libraries


def library_of_folder(out: Path, settings: Settings) -> Library:
    """The library of a run's results. Raises ConfigurationError where there are none."""
    folder = OutFolder(out)
    library_id = LibraryId(folder.library or "local")
    if not folder.exists():
        raise ConfigurationError(f"{out} holds no results: run `rushes run FOLDER --out {out}` first")
    log = JournalLibraryLog(folder.journal, writable=False)
    partition = log.partition_of(library_id)
    held = fold_libraries(log, Generation(settings.generation), partition, None, only={library_id})
    return held.get(library_id) or Library(library_id, Generation(settings.generation))


def path_in(out: Path, media_id: str) -> str | None:
    """Where a media was found when it was sorted; None where that is not known any more."""
    known = OutFolder(out).known_files().values()
    return min((seen.path for seen in known if seen.sha256 == media_id), default=None)


def library_of_log(name: str, settings: Settings) -> Library:
    """The library as its log has it now, over Kafka. Raises DependencyUnavailable, and ConfigurationError where the log
    holds nothing of it.
    """
    from rushes.infra.library_log.kafka import KafkaLibraryLog  # noqa: PLC0415 - the client takes long to load

    library_id = LibraryId(name)
    log = KafkaLibraryLog(settings.kafka, source="rushes/command-line")
    partition = log.partition_of(library_id)
    held = fold_libraries(log, Generation(settings.generation), partition, None, only={library_id})
    if library_id not in held:
        raise ConfigurationError(f"the log holds nothing of library {name!r}: look at `rushes status` for its media")
    return held[library_id]
