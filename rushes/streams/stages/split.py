"""Stage `split`: uploads become shots and keyframes, deletions become removals and erasures.

Photos of a batch are decoded side by side, ahead of their turn; films one after the other, each shot going out as it is
found. Events of one media keep their order. Nothing is decoded in this process.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, assert_never

import structlog

from rushes.infra.blobs.port import BlobStore
from rushes.infra.blobs.removal import mark_removed, removed_version
from rushes.infra.media.decoder import MediaDecoder
from rushes.infra.media.fetch import Fetcher, SourceFile
from rushes.infra.media.sniff import SniffedKind, kind_of
from rushes.schemas.channels import Channel
from rushes.schemas.errors import DamagedMedia, InvalidEvent, PermanentError, TransientError
from rushes.schemas.ids import EventId, LibraryId, MediaId, entry_id
from rushes.schemas.log import MediaRemoved
from rushes.schemas.media import MediaDeleted, MediaUploaded
from rushes.streams.event_time import event_time_us
from rushes.streams.stage import Incoming, NoHooks, Outcome, Output
from rushes.streams.stages.face_samples import FaceSamples
from rushes.streams.stages.split_erasure import erasure_groups
from rushes.streams.stages.split_events import (
    Version,
    closing_outputs,
    facts_of,
    keyframe,
    photo_shot,
    shot_outputs,
)
from rushes.streams.stages.split_film import FilmDelivery
from rushes.streams.stages.split_manifest import Manifest, MediaFolder, Source, Step, Totals

HEARTBEAT_S: Final = 5.0
"""Longest silence towards the watchdog while something is fetched or decoded."""

PHOTO_NAMES: Final = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".heic", ".heif", ".hif", ".avif", ".bmp", ".jp2"}
    | {".dpx", ".exr"}
    | {".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".rw2", ".orf", ".pef", ".srw"}
)
"""Names that let a file be tried ahead of its turn. What it is, its bytes say."""

AHEAD_THREADS: Final = 4
"""Threads that fetch and store photos while others are decoded; decoding itself is bounded by its processes."""

Upload = Incoming[MediaUploaded | MediaDeleted]
SplitOutcome = Outcome[MediaUploaded | MediaDeleted]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Done:
    """Outputs of an event that needs no more decoding, and what to remember once they are delivered.

    `again`: version whose delivered shots are sent again before them.
    """

    outputs: tuple[Output, ...] = ()
    remember: tuple[Manifest, Step] | None = None
    again: int | None = None


@dataclass(frozen=True, slots=True)
class _Film:
    """A film that waits for its turn."""

    file: SourceFile
    source: Source
    manifest: Manifest | None


class SplitStage(NoHooks):
    """Stage of `MediaUploaded` and `MediaDeleted`; see `rushes/streams/stage.py`.

    `blobs` may be used from several threads. `resend`: the transport forgets (an in-process broker), so that shots
    delivered to it by an earlier process are sent again. `samples`: takes further frames of shots with faces; without
    it there are keyframes only.
    """

    name = "split"

    def __init__(
        self,
        blobs: BlobStore,
        fetcher: Fetcher,
        decoder: MediaDecoder,
        *,
        resend: bool = False,
        samples: FaceSamples | None = None,
    ) -> None:
        self._blobs = blobs
        self._fetcher = fetcher
        self._decoder = decoder
        self._resend = resend
        self._samples = samples
        self._threads = ThreadPoolExecutor(max(AHEAD_THREADS, decoder.workers), thread_name_prefix="split")

    def load(self) -> None:
        """Take into memory what looks for shots with faces. Raises ConfigurationError."""
        if self._samples is not None:
            self._samples.load()

    def process(self, batch: Sequence[Upload]) -> Iterator[SplitOutcome]:
        """Outcomes of the batch: photos as they are ready, then the rest in order."""
        lanes: dict[str, list[Upload]] = {}
        for incoming in batch:
            lanes.setdefault(incoming.event.key, []).append(incoming)
        stop = threading.Event()
        ahead: dict[Future[_Done | _Film], str] = {}
        try:
            for key, events in lanes.items():
                if isinstance(events[0].event, MediaUploaded) and _named_like_a_photo(events[0].event):
                    ahead[self._threads.submit(self._prepare, events[0], stop)] = key
            for future in self._as_completed({future: lanes[key][0] for future, key in ahead.items()}):
                if isinstance(future, Outcome):
                    yield future
                else:
                    yield from self._lane(lanes.pop(ahead.pop(future)), stop, future)
            for events in lanes.values():
                yield from self._lane(events, stop, None)
        finally:
            stop.set()
            for future in ahead:
                future.cancel()
                future.add_done_callback(_discard)

    def close(self) -> None:
        """End the threads and the decoding processes."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._decoder.close()
        if self._samples is not None:
            self._samples.close()

    # -- batches and lanes

    def _as_completed(
        self, futures: Mapping[Future[_Done | _Film], Upload]
    ) -> Iterator[Future[_Done | _Film] | SplitOutcome]:
        """Futures as they are done, with heartbeats of those that are not between."""
        order = list(futures)
        pending = set(order)
        while pending:
            done, pending = wait(pending, timeout=HEARTBEAT_S, return_when=FIRST_COMPLETED)
            if not done:
                yield Outcome(futures[min(pending, key=order.index)], done=False)
            yield from sorted(done, key=order.index)

    def _lane(
        self, events: Sequence[Upload], stop: threading.Event, first: Future[_Done | _Film] | None
    ) -> Iterator[SplitOutcome]:
        """Events of one media in order. Behind one that is to be tried again the others wait, with the runner."""
        for incoming in events:
            try:
                yield from self._event(incoming, stop, first)
            except PermanentError as error:
                yield Outcome(incoming, error=error)
            except TransientError as error:
                yield Outcome(incoming, error=error)
                return
            first = None

    def _event(
        self, incoming: Upload, stop: threading.Event, prepared: Future[_Done | _Film] | None
    ) -> Iterator[SplitOutcome]:
        event = incoming.event
        match event:
            case MediaDeleted():
                yield from self._remove(incoming, event)
            case MediaUploaded():
                future = prepared or self._threads.submit(self._prepare, incoming, stop)
                try:
                    for waited in self._as_completed({future: incoming}):
                        if isinstance(waited, Outcome):
                            yield waited
                except GeneratorExit:
                    stop.set()
                    future.add_done_callback(_discard)
                    raise
                match future.result():
                    case _Done() as done:
                        yield from self._finish(incoming, event, done)
                    case _Film() as film:
                        yield from self._film(incoming, event, film)
            case _:
                assert_never(event)

    # -- uploads

    def _prepare(self, incoming: Upload, stop: threading.Event) -> _Done | _Film:
        """Everything up to the outputs of a photo, or up to the decoding of a film. Runs in a thread."""
        assert isinstance(incoming.event, MediaUploaded)
        version = _version_of(incoming, incoming.event)
        version.check_size()
        folder = MediaFolder(self._blobs, version.library_id, version.media_id)
        manifest = folder.manifest()
        removed = removed_version(self._blobs, version.library_id, version.media_id)
        if removed is not None:
            if removed >= version.number:
                return _Done()
            if manifest is not None and manifest.version <= removed:
                manifest = None
        if manifest is not None and manifest.version > version.number:
            return _Done()
        with ExitStack() as held:
            file = held.enter_context(self._fetcher.fetch(version.upload.uri, version.upload.sha256, stop))
            source = Source.of(version.upload.uri, file)
            if manifest is not None and manifest.completed is not None and manifest.source.same_bytes(source):
                number, totals = manifest.version, manifest.completed
                outputs = tuple(closing_outputs(version.library_id, version.media_id, number, totals))
                return _Done(outputs, again=number if self._resend else None)
            if manifest is not None and manifest.version == version.number and not manifest.source.same_bytes(source):
                log.warning("the same version came with other bytes; it is split anew", media=version.media_id)
            if _kind_of(file, version.upload) == "video":
                held.pop_all()  # the film's delivery closes it
                return _Film(file, source, manifest)
            return self._photo(version, folder, file, source)

    def _photo(self, version: Version, folder: MediaFolder, file: SourceFile, source: Source) -> _Done:
        decoded, picture = self._decoder.photo(file.path)
        if self._is_removed(version):
            return _Done()
        facts = facts_of(version, decoded, source.size_bytes)
        shot = photo_shot(version, facts, keyframe(version, folder, picture))
        totals = Totals(shot_ids=(shot.shot_id,), frame_count=1)
        closing = closing_outputs(version.library_id, version.media_id, version.number, totals)
        return _Done(
            outputs=(*shot_outputs(version.library_id, (shot,)), *closing),
            remember=(
                Manifest(version=version.number, source=source, completed=totals),
                Step(shot_id=shot.shot_id, start_us=None, end_us=None, events=(shot,), facts=facts),
            ),
        )

    def _finish(self, incoming: Upload, event: MediaUploaded, done: _Done) -> Iterator[SplitOutcome]:
        version = _version_of(incoming, event)
        folder = MediaFolder(self._blobs, version.library_id, version.media_id)
        if done.remember is not None and self._is_removed(version):
            yield from self._erase(incoming, version.library_id, version.media_id, version.number)
            done = _Done()
        for step in folder.steps(done.again) if done.again is not None else ():
            yield Outcome(incoming, tuple(shot_outputs(version.library_id, step.events)), done=False)
        yield Outcome(incoming, done.outputs)
        if done.remember is not None:
            manifest, only_step = done.remember
            folder.write_step(version.number, 0, only_step)
            folder.write_manifest(manifest)

    def _film(self, incoming: Upload, event: MediaUploaded, film: _Film) -> Iterator[SplitOutcome]:
        version = _version_of(incoming, event)
        folder = MediaFolder(self._blobs, version.library_id, version.media_id)
        delivery = FilmDelivery(version, folder, self._decoder, film.source, resend=self._resend, samples=self._samples)
        with film.file, closing(delivery.deliver(film.file.path, film.manifest)) as groups:
            for outputs in groups:
                if outputs and self._is_removed(version):
                    yield from self._erase(incoming, version.library_id, version.media_id, version.number)
                    break
                yield Outcome(incoming, outputs, done=False)
        yield Outcome(incoming)

    def _is_removed(self, version: Version) -> bool:
        removed = removed_version(self._blobs, version.library_id, version.media_id)
        return removed is not None and removed >= version.number

    # -- deletions

    def _remove(self, incoming: Upload, event: MediaDeleted) -> Iterator[SplitOutcome]:
        """The marker first, so that no split in flight tells of the media any more; then the log; then the bytes.

        Told and erased again where it was interrupted: the bytes go only after all that was known of them is delivered.
        """
        library_id, media_id = LibraryId(event.library_id), MediaId(event.media_id)
        number = _version_number(incoming, event.version)
        mark_removed(self._blobs, library_id, media_id, number)
        entry = MediaRemoved(
            library_id=library_id,
            media_id=media_id,
            version=number,
            entry_id=entry_id(library_id, "MediaRemoved", media_id, number),
        )
        yield Outcome(incoming, (Output(Channel.LIBRARY_LOG, entry, entry.key, EventId(entry.entry_id)),), done=False)
        yield from self._erase(incoming, library_id, media_id, number)
        yield Outcome(incoming)

    def _erase(self, incoming: Upload, library_id: LibraryId, media_id: MediaId, number: int) -> Iterator[SplitOutcome]:
        """Erase versions up to this one, and say before which keyframes that are."""
        folder = MediaFolder(self._blobs, library_id, media_id)
        for outputs in erasure_groups(folder, library_id, media_id, number):
            yield Outcome(incoming, outputs, done=False)
        folder.erase(number)


def _version_of(incoming: Upload, event: MediaUploaded) -> Version:
    return Version(event, _version_number(incoming, event.version))


def _version_number(incoming: Upload, stated: int | None) -> int:
    number = stated if stated is not None else event_time_us(incoming.record, incoming.envelope)
    if number is None:
        raise InvalidEvent("expected a version, or the event's time in ce_time or the record; found none of them")
    return number


def _kind_of(file: SourceFile, upload: MediaUploaded) -> SniffedKind:
    """By its bytes; by what the producer says only where they tell nothing."""
    if file.size_bytes == 0:
        raise DamagedMedia("expected a photo or film, found an empty file; copy it again")
    with file.path.open("rb") as opened:
        return kind_of(opened) or upload.media_kind or "video"


def _named_like_a_photo(upload: MediaUploaded) -> bool:
    if upload.media_kind is not None:
        return upload.media_kind == "photo"
    return PurePosixPath(upload.uri.partition("?")[0]).suffix.lower() in PHOTO_NAMES


def _discard(future: Future[_Done | _Film]) -> None:
    """Release a prepared film that nobody will take."""
    if not future.cancelled() and future.exception() is None:
        result = future.result()
        if isinstance(result, _Film):
            result.file.close()
