"""`rushes calibration import`: a profile as an entry of the log, in a folder of results or over Kafka."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from rushes.infra.settings import Settings
from rushes.processors.clustering.library import Library
from rushes.schemas.errors import ConfigurationError
from rushes.schemas.ids import LibraryId, entry_id
from rushes.schemas.log import ProfileImported
from rushes.schemas.profile import Profile
from rushes.streams.run.consolidating import consolidate, decide_entry
from rushes.streams.run.held import held
from rushes.streams.run.out_folder import OutFolder
from rushes.streams.run.session import write_folder


def imported(library_id: LibraryId, profile: Profile, path: Path) -> ProfileImported:
    """The log entry; the same profile is the same entry."""
    sha256 = hashlib.sha256(profile.model_dump_json().encode()).hexdigest()
    return ProfileImported(
        library_id=library_id,
        entry_id=entry_id(library_id, "ProfileImported", sha256),
        kind=profile.kind,
        model_id=profile.model_id,
        profile_uri=path.absolute().as_uri(),
        profile_sha256=sha256,
        profile=profile,
    )


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of it: `moved` items, and whether the library has any item that the profile speaks of."""

    moved: int
    of_use: bool


def import_into_folder(out: OutFolder, base: Settings, profile: Profile, path: Path) -> Imported:
    """Append it to the folder's journal, look at everything again, write the results anew."""
    if not out.exists():
        raise ConfigurationError(f"{out.root} holds no results: run `rushes run FOLDER --out {out.root}` first")
    library_id = LibraryId(out.library or "local")
    with out.writing(), held(out, out.settings(base), library_id) as parts:
        before = _places(parts.library)
        decide_entry(parts, imported(library_id, profile, path))
        consolidate(parts, "asked")
        write_folder(out, parts, out.file_results())
        after = _places(parts.library)
        of_use = parts.library is not None and any(
            (item.kind, item.model_id) == (profile.kind, profile.model_id) for item in parts.library.items.values()
        )
    return Imported(sum(before.get(item) != cluster for item, cluster in after.items()), of_use)


def _places(library: Library | None) -> dict[str, str | None]:
    return {item_id: item.cluster_id for item_id, item in library.items.items()} if library is not None else {}
