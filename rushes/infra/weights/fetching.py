"""Weights from their sources to the shelf, a model at a time.

What came first is pinned: the manifest keeps the revision and the hash of every file, and a file that is missing or
changed later must come back as the same bytes, unless the caller forces a new start. A gated model that is refused is
replaced by the edition that the registry names for that case, and the caller is told.
"""

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Protocol

from rushes.infra.settings import ModelSettings
from rushes.infra.weights.download import NotAllowed, NotThere, Pause, Wanted, download
from rushes.infra.weights.registry import MODELS, KnownModel
from rushes.infra.weights.shelf import KeptFile, Manifest, Shelf, by_hand, kept, safe_path, sha256_of
from rushes.infra.weights.sources import Sources
from rushes.schemas.errors import WeightsMissing, WeightsRejected, WeightsUnavailable


class Progress(Protocol):
    """Hears how a fetch goes on."""

    def file(self, name: str, done: int, total: int | None) -> None: ...


class Silent:
    """Nobody listens."""

    def file(self, name: str, done: int, total: int | None) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Fetched:
    """What lies on the shelf now. `instead_of`: the model that was asked for, and why it could not be had."""

    model: KnownModel
    manifest: Manifest
    instead_of: tuple[str, str] | None = None


class Fetcher:
    """Gets models onto the shelf. `pause` waits between attempts (seconds)."""

    def __init__(self, settings: ModelSettings, pause: Pause, progress: Progress | None = None) -> None:
        self._settings = settings
        self._shelf = Shelf(settings.folder)
        self._sources = Sources(settings)
        self._pause = pause
        self._progress = progress or Silent()

    def fetch(self, model: KnownModel, *, force: bool = False, other_edition: bool = True) -> Fetched:
        """The model on the shelf, whole; files that are there and right are kept, unless `force` has all of them anew.
        Where a gated one is refused, its `other_edition` comes.

        Raises WeightsUnavailable (try again later), WeightsMissing (no source has it, or it wants a token),
        WeightsRejected (a source gave other bytes) and ConfigurationError.
        """
        try:
            with self._alone(model):
                return Fetched(model, self._fetch(model, force=force))
        except NotAllowed as error:
            if model.otherwise is None or not other_edition:
                raise WeightsMissing(self._how_to_be_allowed(model, error)) from error
            other = MODELS[model.otherwise]
            fetched = self.fetch(other, force=force)
            return Fetched(fetched.model, fetched.manifest, (model.name, self._how_to_be_allowed(model, error)))
        except WeightsUnavailable as error:
            told = f"{error}. Without a network: {by_hand(model, self._shelf.folder(model))}"
            raise WeightsUnavailable(told, retry_after_s=error.retry_after_s) from error

    def _fetch(self, model: KnownModel, *, force: bool) -> Manifest:
        if not force:
            with suppress(WeightsRejected):  # put there by hand and not the right one: it comes anew
                known = self._shelf.verify(model)
                if known.state == "installed" and known.manifest is not None:
                    return known.manifest
        before = None if force else self._shelf.manifest(model)
        source = self._sources.of(model, before.revision if before is not None else None)
        files: dict[str, KeptFile] = dict(before.files) if before is not None else {}
        manifest = Manifest(model=model.name, source=source.name, revision=source.revision, files=files)
        for name, addresses in source.files.items():
            had = files.get(name)
            wanted = [_pinned(one, had, model) for one in addresses]
            files[name] = self._still_there(model, name, had) or self._file(model, name, wanted)
            manifest = manifest.model_copy(update={"files": dict(files)})
            self._shelf.write(model, manifest)
        self._shelf.write_sidecar(model)
        listed = {name: files[name] for name in source.files}
        manifest = manifest.model_copy(update={"complete": True, "files": listed})
        self._shelf.write(model, manifest)
        return manifest

    def _file(self, model: KnownModel, name: str, addresses: Sequence[Wanted]) -> KeptFile:
        """The file from the first address that has it."""
        target = safe_path(self._shelf.folder(model), name)
        failures: list[str] = []
        last: WeightsUnavailable | NotThere | WeightsRejected | NotAllowed | None = None
        for wanted in addresses:
            try:
                return download(wanted, target, self._pause, lambda done, total: self._progress.file(name, done, total))
            except (WeightsUnavailable, NotThere, WeightsRejected, NotAllowed) as error:
                failures.append(str(error))
                last = error
        if last is None or len(failures) == 1 or isinstance(last, NotAllowed):
            raise last or WeightsMissing(f"no source is known of {name} of {model.name}")
        raise WeightsUnavailable(f"no source gave {name} of {model.name}: {'; '.join(failures)}", retry_after_s=60)

    def _still_there(self, model: KnownModel, name: str, had: KeptFile | None) -> KeptFile | None:
        """The record of a file that an earlier fetch brought; None where it must come anew."""
        path = safe_path(self._shelf.folder(model), name)
        if had is None or not path.is_file() or path.stat().st_size != had.size_bytes:
            return None
        return kept(path, had.sha256, had.checked_by) if sha256_of(path) == had.sha256 else None

    def _how_to_be_allowed(self, model: KnownModel, error: NotAllowed) -> str:
        if model.hub is None:
            return str(error)
        return (
            f"{error}. {model.name} is under the {model.licence.name}: accept it at "
            f"{self._settings.hub}/{model.hub.repo} and set RUSHES_MODELS__HUB_TOKEN (or HF_TOKEN)"
        )

    @contextmanager
    def _alone(self, model: KnownModel) -> Iterator[None]:
        """One process fetches a model; others wait, and find it there."""
        self._shelf.root.mkdir(parents=True, exist_ok=True)
        with (self._shelf.root / f"{model.name}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _pinned(wanted: Wanted, had: KeptFile | None, model: KnownModel) -> Wanted:
    """The file as it came first. Raises WeightsRejected where its source says now that it is another one."""
    if had is None:
        return wanted
    if wanted.sha256 is not None and wanted.sha256 != had.sha256:
        raise WeightsRejected(
            f"expected {wanted.url} with SHA-256 {had.sha256}, as it was fetched first; the source has "
            f"{wanted.sha256} now: take the new one with `rushes models fetch {model.name} --force`"
        )
    return replace(wanted, sha256=had.sha256)
