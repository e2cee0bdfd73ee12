"""Settings: read once at the entry from the environment (`RUSHES_*`, nested with two underscores) and handed down.

Example: ``RUSHES_KAFKA__BOOTSTRAP=broker:9092 RUSHES_REDIS__URL=redis://cache:6379/0 rushes worker embed``.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

Positive = Annotated[float, Field(gt=0)]
PositiveInt = Annotated[int, Field(gt=0)]


class Section(BaseModel):
    """A frozen group of settings; an unknown name in it is an error, not a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaSettings(Section):
    bootstrap: str = "127.0.0.1:9092"
    topic_prefix: str = Field(default="", description="Put before every topic name: several systems on one cluster.")
    group_prefix: str = "rushes"
    partitions: PositiveInt = Field(default=12, description="Of each topic, at creation.")
    replication: PositiveInt = 3
    min_insync_replicas: PositiveInt = 2
    session_timeout_s: Positive = 30.0
    commit_interval_s: Positive = 1.0
    metadata_max_age_s: Positive = 30.0
    instance: str | None = Field(default=None, description="Static membership: one id per worker slot.")


class RunnerSettings(Section):
    batch_max: PositiveInt = 32
    batch_within_s: Positive = 0.02
    attempts: PositiveInt = Field(default=6, description="For a transient failure, before the event or process ends.")
    backoff_first_s: Positive = 0.2
    backoff_max_s: Positive = 20.0
    stalled_after_s: Positive = Field(default=300.0, description="No progress on work in hand: the process ends.")
    drain_s: Positive = 20.0
    upkeep_s: Positive = Field(default=5.0, description="How often an idle worker looks for background work.")


class ClusterSettings(Section):
    idle_s: Positive = Field(
        default=30.0, description="A library in which nothing came for so long has its background work finished."
    )
    release_after: PositiveInt | None = Field(
        default=None,
        description="Entries of other libraries after which one with nothing left to do leaves memory; none: never. It "
        "is folded from its partition of the log when it returns.",
    )
    threads: PositiveInt = Field(
        default=1,
        description="Threads in which a worker compares arrivals with large libraries; BLAS gets one. More change no "
        "decision, and help where a worker has cores to itself.",
    )


class MilvusSettings(Section):
    uri: str = Field(default="http://127.0.0.1:19530", description="A server, or a folder for Milvus Lite (*.db).")
    prefix: str = "rushes"
    partitions: PositiveInt = Field(
        default=1, description="Per collection, by library. Keep 1 on servers before 2.4 (upsert routes rows wrongly)."
    )
    timeout_s: Positive = 30.0


class RedisSettings(Section):
    url: str | None = Field(default=None, description="redis://host:6379/0; none: an in-process cache.")
    ttl_s: PositiveInt = 7 * 24 * 3600
    timeout_s: Positive = 0.25


class BlobSettings(Section):
    root: str = Field(default="./blobs", description="A folder, or an fsspec url such as s3://bucket/prefix.")


class SourceSettings(Section):
    """Where producers' uris may point."""

    roots: tuple[Path, ...] = Field(default=(), description="Folders under which file:// uris may lie. None: no files.")
    hosts: tuple[str, ...] = Field(default=(), description="Host names of http(s) uris; none: refused.")
    buckets: tuple[str, ...] = Field(default=(), description="S3 buckets; none: refused.")
    allow_private_addresses: bool = False


class DecodeLimits(Section):
    """Limits of one file's decoding, held by a process of its own that is killed when it goes over."""

    processes: PositiveInt = 1
    no_progress_s: Positive = Field(default=30.0, description="Longest silence of the decoder.")
    wall_s: Positive = Field(default=6 * 3600.0, description="Longest time for one file.")
    claimed_s: Positive = Field(
        default=48 * 3600.0,
        description="Longest film that a header may claim (s); what claims more is refused.",
    )
    memory_bytes: PositiveInt = 3 * 1024**3
    pixels: PositiveInt = Field(default=200_000_000, description="Of one picture: 8K video has 33 million.")
    file_bytes: PositiveInt = 2 * 1024**4
    crashes: PositiveInt = Field(default=3, description="A file is blamed after it ended this many processes, alone.")
    scan: Literal["auto", "exact"] = Field(
        default="auto",
        description="`exact` decodes every frame; `auto` passes over what can hold no cut, where the codec allows.",
    )
    keyframe_lines: PositiveInt = 2160
    thumbnail_pixels: PositiveInt = 320
    jpeg_quality: Annotated[int, Field(ge=50, le=100)] = 90


class SampleSettings(Section):
    """Further frames of shots with faces, looked at for faces only: who is there from when to when."""

    faces_per_s: Annotated[float, Field(ge=0, le=25)] = Field(
        default=2.0, description="Frames for each second of a shot with faces, keyframes among them; 0: none."
    )
    lines: PositiveInt = Field(default=1080, description="Of a sample's picture at most; a keyframe may have more.")
    whole: bool = Field(
        default=False,
        description="Keep all of a sample's picture, four times the bytes, for detectors to come; where persons are"
        " looked for, it is always kept.",
    )
    check_pixels: PositiveInt = Field(
        default=480, description="Longest side at which keyframes are searched for faces, to see which shots have any."
    )


PresetName = Literal["fast", "balanced", "best", "faces", "offline"]


def weights_folder() -> Path:
    """`rushes/models` in the platform's folder for caches."""
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "rushes" / "models"


class ModelSettings(Section):
    """Which models look at the pictures. What is named here wins over the preset; without either, nothing is fetched:
    plain descriptors, and MTCNN from its package.

    A model is named by its registry name (`rushes models list`), as `FAMILY:WEIGHTS`, or `opencv` (no weights).
    """

    preset: PresetName | None = None
    scene: str | None = Field(default=None, description="NAME, FAMILY:WEIGHTS or `opencv` (no weights).")
    face: str | None = Field(default=None, description="NAME, FAMILY:WEIGHTS or `opencv` (no weights; weak).")
    face_detector: str | None = Field(default=None, description="`mtcnn`, `yunet`, `yunet:FILE`, `onnx:FILE` or `off`.")
    person_detector: str | None = Field(
        default=None, description="NAME, `rtdetr:FOLDER`, `dfine:FOLDER`, `onnx:FILE` or `off`."
    )
    person: str | None = Field(default=None, description="NAME, FAMILY:WEIGHTS, or `scene` (its model on bodies).")
    regions: Literal["crops", "pooled"] = Field(
        default="crops", description="Producers' boxes: a pass each, or all from one pass over the picture."
    )
    detector_pixels: PositiveInt = Field(default=1024, description="Longest side of the face detector's input.")
    threads: int = Field(default=0, description="Of the models; 0: all cores.")
    device: str = Field(default="auto", description="`auto` (CUDA, then MPS, then the CPU), `cpu`, `cuda:1`, `mps`.")
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    batch: PositiveInt | None = Field(default=None, description="Pictures of one pass; none: what suits the device.")
    compile: bool = Field(default=False, description="torch.compile: for long work of one kind; a minute to start.")
    image_size: PositiveInt | None = Field(default=None, description="Side of the model's input; none: as trained.")
    folder: Path = Field(default_factory=weights_folder, description="Where fetched weights lie.")
    allow_fallback: bool | None = Field(
        default=None,
        description="Where a preset's weights are missing: go on without them, and say so loudly. None: `rushes run` "
        "and `demo` do, a worker doesn't start.",
    )
    download: bool = Field(default=False, description="Fetch missing weights at start-up instead of failing.")
    mirror: str | None = Field(
        default=None, description="Base url of a copy of a weights folder; then the only source."
    )
    hub: str = Field(
        default_factory=lambda: os.environ.get("HF_ENDPOINT") or "https://huggingface.co",
        description="The model hub; also HF_ENDPOINT.",
    )
    hub_token: SecretStr | None = Field(
        default_factory=lambda: SecretStr(os.environ["HF_TOKEN"]) if os.environ.get("HF_TOKEN") else None,
        description="For gated models; also HF_TOKEN.",
    )


class MetricsSettings(Section):
    port: int | None = Field(default=None, description="Prometheus; none: not served.")


class Settings(BaseSettings):
    """Everything a worker or the command line needs to know."""

    model_config = SettingsConfigDict(
        env_prefix="RUSHES_",
        env_nested_delimiter="__",
        frozen=True,
        extra="ignore",
        nested_model_default_partial_update=True,
    )

    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    generation: str = "g1"
    kafka: KafkaSettings = KafkaSettings()
    runner: RunnerSettings = RunnerSettings()
    cluster: ClusterSettings = ClusterSettings()
    milvus: MilvusSettings = MilvusSettings()
    redis: RedisSettings = RedisSettings()
    blobs: BlobSettings = BlobSettings()
    sources: SourceSettings = SourceSettings()
    decode: DecodeLimits = DecodeLimits()
    samples: SampleSettings = SampleSettings()
    models: ModelSettings = Field(default_factory=ModelSettings)
    metrics: MetricsSettings = MetricsSettings()
    test_data: Path | None = Field(default=None, description="Evaluation data for tests and benchmarks.")
