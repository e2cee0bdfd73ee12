"""The composition root: adapters to stages, by the settings. Workers and `rushes run` are wired here, and only here."""

import os
import time
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NoReturn

from rushes.infra.blas import limit_blas
from rushes.infra.blobs.port import BlobStore
from rushes.infra.cache.port import EmbeddingCache
from rushes.infra.library_log.port import LibraryLog
from rushes.infra.metrics import Metrics
from rushes.infra.models import VisionModels, face_detectors, vision_models
from rushes.infra.settings import Settings
from rushes.infra.store.port import ItemStore
from rushes.infra.weights.choosing import looks_for_persons
from rushes.processors.embedding.protocol import ClipEmbedder
from rushes.processors.gallery import threads
from rushes.schemas.channels import Channel
from rushes.schemas.errors import ConfigurationError
from rushes.schemas.feedback import FeedbackGiven
from rushes.schemas.ids import Generation
from rushes.schemas.media import MediaDeleted, MediaUploaded
from rushes.schemas.shots import MediaErased, MediaSplit, ShotSplit
from rushes.streams.runner.worker import Role, run_worker, system_surroundings
from rushes.streams.stage import Stage
from rushes.streams.stages.cluster import ClusterStage, Timing
from rushes.streams.stages.feedback import FeedbackStage

EMBED_BATCH: Final = 128
"""Messages: four times what goes through the models together, so that the wait for the next batch, in which nothing is
read or embedded, costs little. Each is acknowledged by itself; a shot's entries are under 512 KB."""

CLUSTER_BATCH: Final = 128
"""Entries, of some three items each: a large library is read once for all of them, and the store is called once."""

EMBED_IN_FLIGHT: Final = 32
"""Outcomes that may wait for their delivery while the models go on: a photo's is small, and a round trip to Kafka (5 to
10 ms) for each would cost as much as the photo. The stage relies on nothing that is delivered: its effects are cache
entries, which a shot that comes again finds or forgets."""

if TYPE_CHECKING:
    from rushes.infra.media.clips import ClipReader
    from rushes.streams.stages.embed import EmbedStage
    from rushes.streams.stages.face_samples import FaceSamples
    from rushes.streams.stages.split import SplitStage


def split_stage(settings: Settings, blobs: BlobStore, *, resend: bool) -> "SplitStage":
    """The stage `split`. `resend`: the transport forgets, so shots delivered to it before are sent again."""
    from rushes.infra.media.decoder import MediaDecoder
    from rushes.infra.media.fetch import Fetcher
    from rushes.streams.stages.split import SplitStage

    return SplitStage(
        blobs=blobs, fetcher=Fetcher(settings.sources, settings.decode), decoder=MediaDecoder(settings.decode),
        resend=resend, samples=_face_samples(settings),
    )  # fmt: skip


def _face_samples(settings: Settings) -> "FaceSamples | None":
    """What looks for shots with faces; None where no samples are wanted, or no faces are looked for.

    Samples stay whole where bodies are looked for in them, or where that is wished.
    """
    from rushes.infra.media.sampler import FilmSampler
    from rushes.streams.stages.face_samples import FaceSamples
    from rushes.streams.stages.faces_kept import FacesKept

    samples, models = settings.samples, settings.models
    if samples.faces_per_s <= 0:
        return None
    detectors = face_detectors(models, samples.check_pixels, models.detector_pixels)
    if not detectors:
        return None
    check, finding = detectors
    whole = samples.whole or looks_for_persons(models)
    kept = None if whole else FacesKept(finding, settings.decode.jpeg_quality)
    return FaceSamples(check, FilmSampler(settings.decode), samples, kept)


def _clips(settings: Settings, models: VisionModels) -> "ClipReader | None":
    """What reads shots from their films, for a scene model that sees motion; None for all others."""
    from rushes.infra.media.clips import ClipReader
    from rushes.infra.media.fetch import Fetcher
    from rushes.infra.media.sampler import FilmSampler

    if not isinstance(models.scene, ClipEmbedder):
        return None
    return ClipReader(Fetcher(settings.sources, settings.decode), FilmSampler(settings.decode))


def embed_stage(settings: Settings, models: VisionModels, blobs: BlobStore, cached: EmbeddingCache) -> "EmbedStage":
    """The stage `embed`."""
    from rushes.streams.stages.embed import EmbedStage

    return EmbedStage(
        blobs=blobs, cache=cached, scene=models.scene, detector=models.detector, face=models.face,
        decode_threads=os.cpu_count() or 1,
        persons=models.persons, pool_regions=models.pool_regions, clips=_clips(settings, models),
    )  # fmt: skip


def embed_role(settings: Settings, stage: Stage[Any]) -> Role[Any]:
    """The stage `embed` on its topic, with enough messages in hand to fill the models' batches from photos."""
    runner = settings.runner.model_copy(update={"batch_max": max(settings.runner.batch_max, EMBED_BATCH)})
    return Role(
        stage, (Channel.FRAMES,), (ShotSplit, MediaSplit, MediaErased), in_flight=EMBED_IN_FLIGHT, runner=runner
    )


def cluster_stage(
    settings: Settings,
    log: LibraryLog,
    store: ItemStore,
    blobs: BlobStore,
    *,
    late_s: float = 0.0,
    metrics: Metrics | None = None,
) -> ClusterStage:
    """The stage `cluster`. `late_s`: how long the writes of an owner before may still land; none in one process."""
    timing = Timing(time.monotonic, late_s, settings.cluster.idle_s)
    churn = (metrics or Metrics()).count_churn
    return ClusterStage(
        log,
        store,
        blobs,
        Generation(settings.generation),
        timing,
        churn=churn,
        release_after=settings.cluster.release_after,
    )


def cluster_role(settings: Settings, stage: ClusterStage) -> Role[Any]:
    """The stage `cluster` on its topic, with enough entries in hand to compare their items together."""
    runner = settings.runner.model_copy(update={"batch_max": max(settings.runner.batch_max, CLUSTER_BATCH)})
    return Role(stage, (Channel.LIBRARY_LOG,), stage.accepts, runner=runner)


def take_threads(count: int) -> None:
    """Let searches of galleries have so many threads, and BLAS one: its products here are too small to share."""
    limit_blas()
    threads.use(count)


def run_role(name: str, settings: Settings) -> NoReturn:
    """Run a role in this process until SIGTERM or a failure."""
    from rushes.infra.blobs.opening import open_blob_store
    from rushes.infra.cache.opening import open_cache
    from rushes.infra.kafka.engine import SEND_WITHIN_S, FaustEngine
    from rushes.infra.library_log.kafka import KafkaLibraryLog

    surroundings = system_surroundings()

    @cache
    def log() -> LibraryLog:
        return KafkaLibraryLog(settings.kafka, source=f"rushes/{name}")

    def role() -> Role[Any]:
        blobs = open_blob_store(settings.blobs)
        match name:
            case "split":
                stage = split_stage(settings, blobs, resend=False)
                stage.load()  # before it takes partitions from another, as below
                return Role(stage, (Channel.MEDIA_UPLOADED,), (MediaUploaded, MediaDeleted))
            case "embed":
                models = vision_models(settings.models)
                surroundings.metrics.set_models(models.ids(), {one.kind: one.wanted for one in models.fallbacks})
                cached = open_cache(settings.redis)
                surroundings.metrics.watch_cache(lambda: cached.counts)
                embedding = embed_stage(settings, models, blobs, cached)
                embedding.load()  # what can't be loaded ends the worker before it takes partitions from another
                return embed_role(settings, embedding)
            case "feedback":
                return Role(FeedbackStage(), (Channel.FEEDBACK,), (FeedbackGiven,))
            case "cluster":
                take_threads(settings.cluster.threads)
                # an owner cut off ends with its session; what it was writing then, when its calls have timed out
                late_s = settings.kafka.session_timeout_s + settings.milvus.timeout_s + SEND_WITHIN_S
                cluster = cluster_stage(
                    settings, log(), open_store(settings), blobs, late_s=late_s, metrics=surroundings.metrics
                )
                return cluster_role(settings, cluster)
            case _:
                raise ConfigurationError(f"expected a role (split, embed, feedback, cluster), found {name!r}")

    run_worker(settings, role, log, lambda: FaustEngine(settings.kafka, settings.runner.drain_s), surroundings)


def open_store(settings: Settings) -> ItemStore:
    """The item store."""
    from rushes.infra.store.milvus import MilvusStore

    return MilvusStore(settings.milvus)
