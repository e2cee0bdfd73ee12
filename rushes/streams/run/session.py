"""One `rushes run`: look at the folder, do what is missing, write the results."""

import asyncio
import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from rushes.infra.cache.opening import open_cache
from rushes.infra.cache.port import EmbeddingCache
from rushes.infra.inventory import Inventory, SeenMedia, still_elsewhere, take_inventory
from rushes.infra.models import VisionModels, vision_models
from rushes.infra.results.rows import FileResult
from rushes.infra.results.summary import Summary
from rushes.infra.results.writer import write_results
from rushes.infra.settings import RedisSettings, Settings
from rushes.infra.weights.choosing import Fallback
from rushes.processors.clustering.library import Library
from rushes.schemas.ids import LibraryId, MediaId
from rushes.schemas.status import DeadLetter
from rushes.streams.composition import embed_stage, split_stage
from rushes.streams.run.consolidating import consolidate
from rushes.streams.run.held import Held, held
from rushes.streams.run.library_results import file_results, film_facts, narrowed, results_of, unfinished
from rushes.streams.run.out_folder import OutFolder
from rushes.streams.run.pipeline import Pipeline, Stages, Watcher


class RunWatcher(Watcher, Protocol):
    """Who shows the run to a person."""

    def looking(self, fallbacks: Sequence[Fallback]) -> None: ...

    def reading(self, done_bytes: int, total_bytes: int) -> None: ...

    def starting(self, media: Sequence[SeenMedia], done_before: int) -> None: ...


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What came of it. `unfinished` files were not reached; `interrupted`: somebody asked to stop."""

    summary: Summary
    files: Sequence[FileResult]
    unfinished: int
    interrupted: bool
    seconds: float
    done_before: int


def sort_folder(folder: Path, out: OutFolder, library_id: LibraryId, base: Settings, watcher: RunWatcher) -> RunOutcome:
    """Sort everything below `folder` into `out`. Repeating it finishes what is missing and redoes nothing complete.
    What was sorted from another folder before, and still lies there, stays in the results beside it.

    Raises ConfigurationError where the folder or the settings do not fit, DependencyUnavailable where the in-process
    engines fail. Ctrl-C stops it after the batches in hand; the results so far are written.
    """
    started = time.monotonic()
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 - `..` goes, links stay: the paths are shown to a person
    settings = out.settings(base)
    with out.writing():
        out.remember_library(library_id)
        models = vision_models(settings.models)
        watcher.looking(models.fallbacks)
        out.check_models(_names(models), settings.models)
        out.remember_source(folder)
        known = out.known_files()
        inventory = take_inventory(folder, out.root, known, watcher.reading)
        elsewhere = still_elsewhere(known, folder)
        out.save_inventory(Inventory((*inventory.files, *elsewhere)))
        with held(out, settings, library_id) as parts:
            everything = inventory.media()
            missing = [one for one in everything if not _complete(parts.library, one.media_id)]
            watcher.starting(missing, len(everything) - len(missing))
            work = _Work(out, parts, settings, models, watcher)
            letters, interrupted = asyncio.run(work.on(missing))
            if not interrupted:
                consolidate(parts, "end_of_run")
            files = file_results(inventory, parts.library, letters)
            everywhere = [*files, *narrowed(out.file_results(), {file.path for file in elsewhere})]
            out.save_file_results(everywhere)
            summary = write_folder(out, parts, everywhere)
        return RunOutcome(
            summary=summary,
            files=files,
            unfinished=unfinished(inventory, files),
            interrupted=interrupted,
            seconds=time.monotonic() - started,
            done_before=len(everything) - len(missing),
        )


def write_folder(out: OutFolder, parts: Held, files: Sequence[FileResult]) -> Summary:
    """Write the results of the state as it is now."""
    paths: dict[str, tuple[str, ...]] = {}
    for seen in out.known_files().values():
        if seen.sha256 is not None:
            paths[seen.sha256] = (*paths.get(seen.sha256, ()), seen.path)
    facts = film_facts(parts.blobs, parts.library)
    title = Path(out.source).name if out.source else out.root.name
    results = results_of(parts.library, paths, files, facts, out.place_of())
    results = replace(results, off=out.kinds_off, detectors=out.detectors)
    return write_results(out.root, results, title)


@dataclass(frozen=True, slots=True)
class _Work:
    """The pipeline over what is missing, with Ctrl-C and SIGTERM as a wish to stop."""

    out: OutFolder
    parts: Held
    settings: Settings
    models: VisionModels
    watcher: Watcher

    async def on(self, media: Sequence[SeenMedia]) -> tuple[Mapping[MediaId, DeadLetter], bool]:
        """Letters of what failed, and whether somebody asked to stop."""
        if not media:
            return {}, False
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(signum, stop.set)
        try:
            with closing(open_cache(RedisSettings(), self.out.cache)) as cached:
                failed_before = {file.media for file in self.out.file_results() if file.status == "failed"}
                fresh = any(one.media_id not in failed_before for one in media)
                pipeline = self._pipeline(cached, fresh=fresh)
                await pipeline.run(media, stop)
        finally:
            for signum in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(signum)
        return pipeline.letters, stop.is_set()

    def _pipeline(self, cached: EmbeddingCache, *, fresh: bool) -> Pipeline:
        parts = self.parts
        embed = embed_stage(self.settings, self.models, parts.blobs, cached)
        split = split_stage(self.settings, parts.blobs, resend=True)
        stages = Stages(split, embed, parts.cluster, embed.load if fresh else _nothing)
        return Pipeline(
            stages,
            parts.journal,
            library_id=parts.library_id,
            journaled=tuple(parts.library.applied) if parts.library is not None else (),
            next_offset=parts.end,
            settings=self.settings,
            watcher=self.watcher,
        )


def _nothing() -> None:
    """What has failed before will most likely fail again, and needs no models."""


def _names(models: VisionModels) -> dict[str, str]:
    face = models.face.model_id if models.face is not None else "off"
    detector = models.detector.detector_id if models.detector is not None else "off"
    persons = models.persons
    return {
        "scene": models.scene.model_id,
        "face": face,
        "face detector": detector,
        "person": str(persons.model_id) if persons is not None else "off",
        "person detector": persons.detector.detector_id if persons is not None else "off",
    }


def _complete(library: Library | None, media_id: MediaId) -> bool:
    state = library.media.get(media_id) if library is not None else None
    return state is not None and state.complete
