"""The stage `embed`: keyframes become vectors in the library's log, in batches across all shots and media in hand."""

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import structlog

from rushes.infra.blobs.port import BlobStore
from rushes.infra.blobs.removal import removed_version
from rushes.infra.cache.port import EmbeddingCache
from rushes.processors.embedding.protocol import Embedder, FaceEmbedder
from rushes.processors.faces.detector import FaceDetector
from rushes.processors.persons.detector import PersonModels
from rushes.schemas.channels import Channel
from rushes.schemas.errors import PermanentError, TransientError
from rushes.schemas.ids import EventId, LibraryId, MediaId, quantise
from rushes.schemas.log import ItemsEmbedded, MediaTotals
from rushes.schemas.media import ProducerBox
from rushes.schemas.shots import ErasedKeyframe, Keyframe, MediaErased, MediaSplit, ShotSplit
from rushes.schemas.status import DeadLetter
from rushes.streams.stage import Incoming, NoHooks, Outcome, Output
from rushes.streams.stages.embed_reading import Chunk, KeyframeReader, Read
from rushes.streams.stages.embedded_entries import Models, failed_entry, shot_entries, totals_entries
from rushes.streams.stages.secondary import SecondaryStore
from rushes.streams.stages.seen import Seen, SeenCache, unseen
from rushes.streams.stages.shot_clips import ClipSource, ShotClip
from rushes.streams.stages.vision import Picture, Vision, is_sample

log = structlog.get_logger(__name__)

DECODE_THREADS: Final = 2
"""Where nobody says how many cores there are."""

Taken = ShotSplit | MediaSplit | MediaErased
Source = Incoming[Taken]


@dataclass(slots=True)
class _Work:
    """An event on its way through the batch; one without keyframes to see is ready at once."""

    source: Source
    seen: list[Seen | None] = field(default_factory=list)
    failure: PermanentError | TransientError | None = None

    @property
    def ready(self) -> bool:
        return self.failure is not None or all(seen is not None for seen in self.seen)


@dataclass(frozen=True, slots=True)
class _Task:
    """A keyframe that the cache does not have."""

    work: _Work
    index: int
    keyframe: Keyframe
    key: str
    clip: ShotClip | None = None


@dataclass(frozen=True, slots=True)
class _Seeing:
    """Keyframes at the models, each with whether its bytes are genuine; `result`: one for each."""

    tasks: Sequence[tuple[_Task, bool]]
    result: Future[list[Seen]]


class EmbedStage(NoHooks):
    """Stage of `ShotSplit` and `MediaSplit`; writes `ItemsEmbedded` and `MediaTotals` to the library's log.

    A media whose removal marker covers the event's version yields nothing more, and the cache forgets the shot; on
    `MediaErased` it forgets all keyframes named there, as seen by the models of this stage. A keyframe that is no
    picture costs only itself; one that is missing from the store fails its shot. Where the scene model sees motion, the
    scenes of a film's shot are of its clip: all have one vector, or the reason why the clip can't be seen.
    """

    name = "embed"

    def __init__(
        self,
        *,
        blobs: BlobStore,
        cache: EmbeddingCache,
        scene: Embedder,
        detector: FaceDetector | None,
        face: FaceEmbedder | None,
        persons: PersonModels | None = None,
        pool_regions: bool = False,
        decode_threads: int = DECODE_THREADS,
        chunk_frames: int | None = None,
        clips: ClipSource | None = None,
    ) -> None:
        """`decode_threads` read ahead of the models: as many as there are cores. `chunk_frames`: pictures that go
        through the models together; None: whole batches of the scene model. `clips`: where the frames of shots come
        from; without it a model that sees motion sees keyframes that stand still."""
        self._blobs = blobs
        self._vision = Vision(scene, detector, face, persons, pool_regions=pool_regions)
        self._models = Models.of(self._vision)
        self._clips = clips
        self.cache = SeenCache(cache, self._vision.models)
        self._reader = KeyframeReader(blobs, self._vision, threads=decode_threads, frames=chunk_frames)
        self._seeing = ThreadPoolExecutor(1, thread_name_prefix="models")
        if face is not None and face.weak:
            log.warning(
                "faces have no real model: people are grouped only where their pictures are nearly the same",
                model=str(face.model_id),
                do="`rushes models fetch faces`, then RUSHES_MODELS__PRESET=faces; or RUSHES_MODELS__FACE=FAMILY:FILE",
            )

        if persons is None:
            log.info(
                "persons are off: bodies are not looked for",
                do="set RUSHES_MODELS__PERSON_DETECTOR to rtdetr:FOLDER, dfine:FOLDER or onnx:FILE",
            )

    def load(self) -> None:
        """Take the models into memory now rather than at the first picture. Raises ConfigurationError."""
        self._vision.load()
        for kind, embedder in self._vision.embedders().items():
            facts = embedder.facts
            log.info(
                "model ready",
                kind=kind,
                model=str(embedder.model_id),
                device=facts.device,
                precision=facts.precision,
                threads=facts.threads,
                batch=facts.batch,
                compiled=facts.compiled,
            )
            for note in facts.notes:
                log.warning(
                    "a model does not run as it was asked to", kind=kind, model=str(embedder.model_id), why=note
                )

    def process(self, batch: Sequence[Source]) -> Iterator[Outcome[Taken]]:
        """Outcomes in the order of the batch, as soon as each is ready."""
        works = [_Work(source, [None] * len(_frames(source))) for source in batch]
        waiting = deque(works)
        hits, misses = self.cache.hits, self.cache.misses
        tasks = self._look_up(works)
        yield from self._settle(waiting)
        for seeing in self._one_ahead(map(self._begin, self._reader.ahead(tasks))):
            self._finish(seeing)
            yield from self._settle(waiting)
            if waiting:
                yield Outcome(waiting[0].source, done=False)
        log.info(
            "embedded",
            events=len(works),
            frames=sum(len(work.seen) for work in works),
            cache_hits=self.cache.hits - hits,
            cache_misses=self.cache.misses - misses,
            cache=self.cache.state,
        )

    def failed(self, incoming: Incoming[Taken], letter: DeadLetter) -> tuple[Output, ...]:
        """A shot that can't be embedded is told to the log, so that its media can become complete without it."""
        event = incoming.event
        if not isinstance(event, ShotSplit):
            return ()
        entry = failed_entry(event, letter.code, letter.reason, letter.letter_id)
        return (Output(Channel.LIBRARY_LOG, entry, entry.key, EventId(entry.entry_id)),)

    def close(self) -> None:
        self._reader.close()
        self._seeing.shutdown(wait=True, cancel_futures=True)
        if self._clips is not None:
            self._clips.close()
        self._vision.unload()

    def _look_up(self, works: Sequence[_Work]) -> list[_Task]:
        """Fill in what the cache has; the rest is to do. Of a removed media there is nothing to do."""
        for work in works:
            try:
                if work.seen and self._removed(work.source):
                    work.seen = []
            except (PermanentError, TransientError) as error:
                work.failure = error
        tasks = [task for work in works if work.seen and work.failure is None for task in self._tasks(work)]
        found = self.cache.look_up([(task.key, self._vision.kinds_of(task.keyframe), _clip_of(task)) for task in tasks])
        for task, seen in zip(tasks, found, strict=True):
            task.work.seen[task.index] = seen
        return [task for task, seen in zip(tasks, found, strict=True) if seen is None]

    def _tasks(self, work: _Work) -> Iterator[_Task]:
        event, clip = work.source.event, None
        if isinstance(event, ShotSplit) and event.clip is not None and self._clips and self._vision.clips:
            clip = ShotClip(event, self._clips, self._vision.clips)
        for index, keyframe in enumerate(_frames(work.source)):
            key = self._key(LibraryId(event.library_id), keyframe)
            yield _Task(work, index, keyframe, key, None if is_sample(keyframe) else clip)

    @staticmethod
    def _one_ahead(seeing: Iterator[_Seeing]) -> Iterator[_Seeing]:
        """Each when the one behind it has begun: the models go on while this thread settles what they saw."""
        last = next(seeing, None)
        for one in seeing:
            if last is not None:
                yield last
            last = one
        if last is not None:
            yield last

    def _begin(self, chunk: Chunk[_Task]) -> _Seeing:
        """Give the chunk's pictures to the models, in their thread."""
        pictures: list[Picture] = []
        tasks: list[tuple[_Task, bool]] = []
        for task, read in zip(chunk.tasks, chunk.answers, strict=True):
            if task.work.failure is not None:
                continue
            if not isinstance(read, Read):
                task.work.failure = read
            elif read.picture is None:
                why = f"expected a JPEG at {task.keyframe.image_uri}, found other bytes: upload it anew"
                task.work.seen[task.index] = unseen(self._vision.kinds_of(task.keyframe), why)
                log.warning("a keyframe does not decode", uri=task.keyframe.image_uri, frame_id=task.keyframe.frame_id)
            else:
                if read.picture.no_scene is not None:
                    log.warning("a scene is not seen", frame_id=task.keyframe.frame_id, why=read.picture.no_scene)
                pictures.append(read.picture)
                tasks.append((task, read.genuine))
        return _Seeing(tasks, self._seeing.submit(self._see, pictures))

    def _see(self, pictures: Sequence[Picture]) -> list[Seen]:
        return self._vision.see(pictures) if pictures else []

    def _finish(self, seeing: _Seeing) -> None:
        """Keep what was seen, in the shots and in the cache."""
        keep: dict[str, Seen] = {}
        for (task, genuine), seen in zip(seeing.tasks, seeing.result.result(), strict=True):
            if task.work.failure is not None:
                continue  # settled perhaps: what is kept now could come behind its erasure
            task.work.seen[task.index] = seen
            if genuine:
                keep[task.key] = seen
            else:
                log.warning(
                    "a keyframe is not the one that split described: embedded as found, not cached",
                    uri=task.keyframe.image_uri,
                    sha256=task.keyframe.sha256,
                )
        self.cache.keep(keep)

    def _settle(self, waiting: deque[_Work]) -> Iterator[Outcome[Taken]]:
        """Outcomes of all that is ready at the head: in order, so that a shot's last part stays its last."""
        while waiting and waiting[0].ready:
            work = waiting.popleft()
            try:
                yield self._outcome(work)
            except (PermanentError, TransientError) as error:
                yield Outcome(work.source, error=error)

    def _outcome(self, work: _Work) -> Outcome[Taken]:
        event = work.source.event
        if isinstance(event, MediaErased):
            self._forget(event, event.keyframes)
            return Outcome(work.source)
        if self._removed(work.source):
            log.info("dropped, its media is removed", media_id=event.media_id)
            # Kept perhaps behind `MediaErased`, by a worker that was slow or killed.
            self._forget(event, _frames(work.source))
            return Outcome(work.source)
        if work.failure is not None:
            return Outcome(work.source, error=work.failure)
        match event:
            case ShotSplit() as shot:
                seen = [seen for seen in work.seen if seen is not None]
                store = SecondaryStore(self._blobs, shot.library_id, shot.media_id, shot.version, self._vision.models)
                entries: Sequence[ItemsEmbedded | MediaTotals] = shot_entries(shot, seen, self._models, store.fitted)
                if store.wrote and self._removed(work.source):  # between the look above and the writing
                    store.forget()
                    return Outcome(work.source)
            case MediaSplit() as split:
                entries = totals_entries(split)
        outputs = tuple(Output(Channel.LIBRARY_LOG, entry, entry.key, EventId(entry.entry_id)) for entry in entries)
        return Outcome(work.source, outputs)

    def _removed(self, source: Source) -> bool:
        event = source.event
        gone = removed_version(self._blobs, LibraryId(event.library_id), MediaId(event.media_id))
        return gone is not None and event.version <= gone

    def _forget(self, event: Taken, keyframes: Sequence[Keyframe | ErasedKeyframe]) -> None:
        if keyframes and not self.cache.forget([self._key(LibraryId(event.library_id), known) for known in keyframes]):
            log.warning(
                "the embedding cache is away: what it holds of an erased media stays there until it expires",
                library_id=event.library_id,
                media_id=event.media_id,
                keyframes=len(keyframes),
                cache=self.cache.state,
            )

    def _key(self, library_id: LibraryId, keyframe: Keyframe | ErasedKeyframe) -> str:
        return self.cache.key(library_id, keyframe.sha256, _digest(keyframe.boxes))


def _clip_of(task: _Task) -> str | None:
    return None if task.clip is None else task.clip.digest


def _frames(source: Source) -> tuple[Keyframe, ...]:
    return source.event.frames if isinstance(source.event, ShotSplit) else ()


def _digest(boxes: Sequence[ProducerBox]) -> str:
    """Of the producer's boxes and labels; empty without any."""
    if not boxes:
        return ""
    origin = repr([(quantise(box.box), box.label) for box in boxes])
    return hashlib.sha256(origin.encode()).hexdigest()[:16]
