"""The parts of an output folder, opened: journal, blobs, store, and the library's state folded from the journal."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from rushes.infra.blobs.local import LocalBlobStore
from rushes.infra.blobs.port import BlobStore
from rushes.infra.library_log.journal import JournalLibraryLog
from rushes.infra.library_log.port import LibraryLog
from rushes.infra.settings import Settings
from rushes.processors.clustering.library import Library
from rushes.schemas.ids import LibraryId
from rushes.streams.composition import cluster_stage, open_store
from rushes.streams.run.out_folder import OutFolder
from rushes.streams.stages.cluster import ClusterStage


@dataclass(frozen=True, slots=True)
class Held:
    """An output folder at work. `end` is the offset behind the last entry that the state holds."""

    library_id: LibraryId
    journal: LibraryLog
    blobs: BlobStore
    cluster: ClusterStage
    end: int

    @property
    def library(self) -> Library | None:
        """The library's state; None where its journal is empty."""
        return self.cluster.library(self.library_id)


@contextmanager
def held(out: OutFolder, settings: Settings, library_id: LibraryId) -> Iterator[Held]:
    """Open the parts, fold the journal, and verify the store against it."""
    with (
        closing(JournalLibraryLog(out.journal)) as journal,
        closing(open_store(settings)) as store,
    ):
        blobs = LocalBlobStore(out.keyframes, former=out.former_keyframes)
        cluster = cluster_stage(settings, journal, store, blobs)
        partition = journal.partition_of(library_id)
        end = sum(1 for _ in journal.read(partition))
        cluster.recover(partition, end)
        yield Held(library_id, journal, blobs, cluster, end)
