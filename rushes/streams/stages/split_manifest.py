"""What split knows of a media across restarts: a manifest, and a step for each shot delivered.

All of it lies in the media's folder of the blob store. The manifest is written when a version begins and when it is
complete; each step is written once, after its shot was delivered. A restart at any moment finds a prefix of the shots.
"""

import hashlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Annotated, Final, Literal

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rushes.infra.blobs.port import BlobStore
from rushes.infra.media.fetch import SourceFile
from rushes.infra.media.messages import FilmEnded, ResumePoint
from rushes.schemas.errors import MediaNotFound
from rushes.schemas.event import TimeUs, Uuid
from rushes.schemas.ids import LibraryId, MediaId, media_folder
from rushes.schemas.media import MediaFacts
from rushes.schemas.shots import ErasedKeyframe, PartFailure, ShotSplit

MANIFEST_NAME: Final = "manifest.json"
ANCHORS_NAME: Final = "anchors.json"

log = structlog.get_logger(__name__)


class Stored(BaseModel):
    """What is read back from the blob store; unknown fields are a newer version's business."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Source(Stored):
    """The bytes a version was made of."""

    uri: str
    size_bytes: int
    fingerprint: str
    sha256: str | None

    @classmethod
    def of(cls, uri: str, file: SourceFile) -> "Source":
        return cls(uri=uri, size_bytes=file.size_bytes, fingerprint=file.fingerprint, sha256=file.sha256)

    def same_bytes(self, other: "Source") -> bool:
        """Whether both are the same bytes, as far as is known: by hash, else by place, size and time."""
        if self.sha256 is not None and other.sha256 is not None:
            return self.sha256 == other.sha256
        return (self.uri, self.fingerprint) == (other.uri, other.fingerprint)


class Totals(Stored):
    """What the closing `MediaSplit` says."""

    shot_ids: tuple[Uuid, ...]
    frame_count: Annotated[int, Field(ge=0)]
    duration_us: TimeUs | None = None
    frame_duration_us: TimeUs | None = None
    partial: str | None = None
    failed: tuple[PartFailure, ...] = ()


class Manifest(Stored):
    """One version of a media. `completed`: all was delivered, the closing events too."""

    format: Literal[1] = 1
    version: int
    source: Source
    completed: Totals | None = None


class Step(Stored):
    """A delivered shot: its events, and where to go on; or, of a film's last shot, how the film ended.

    `failed`: what could not be had of the shot itself.
    """

    format: Literal[1] = 1
    shot_id: Uuid
    start_us: TimeUs | None
    end_us: TimeUs | None
    events: tuple[ShotSplit, ...]
    facts: MediaFacts
    resume: ResumePoint | None = None
    ended: FilmEnded | None = None
    failed: tuple[PartFailure, ...] = ()


class _Anchors(Stored):
    times_us: tuple[TimeUs, ...] = ()


class MediaFolder:
    """The folder of one media: manifest, steps, anchors, and the paths of its pictures."""

    def __init__(self, blobs: BlobStore, library_id: LibraryId, media_id: MediaId) -> None:
        self._blobs = blobs
        self._folder = media_folder(library_id, media_id)

    def manifest(self) -> Manifest | None:
        """The newest version split begun. One that can't be read counts as none: the split is done anew."""
        try:
            return Manifest.model_validate_json(self._blobs.get(self._path(MANIFEST_NAME)))
        except (MediaNotFound, ValidationError):
            return None

    def write_manifest(self, manifest: Manifest) -> None:
        self._blobs.put(self._path(MANIFEST_NAME), manifest.model_dump_json().encode())

    def steps(self, version: int) -> list[Step]:
        """Steps of a version in order, up to the first that is missing or can't be read."""
        found: list[Step] = []
        known = set(self._blobs.list(self._path(f"v{version}/steps")))
        while (path := self._step_path(version, len(found))) in known:
            try:
                found.append(Step.model_validate_json(self._blobs.get(path)))
            except (MediaNotFound, ValidationError):
                break
        return found

    def facts(self, version: int) -> MediaFacts | None:
        """What the container of a version says; None before its first shot."""
        try:
            return Step.model_validate_json(self._blobs.get(self._step_path(version, 0))).facts
        except (MediaNotFound, ValidationError):
            return None

    def write_step(self, version: int, number: int, step: Step) -> None:
        self._blobs.put(self._step_path(version, number), step.model_dump_json().encode())

    def forget_steps(self, version: int) -> None:
        self._blobs.delete_folder(self._path(f"v{version}/steps"))

    def anchors_us(self) -> tuple[int, ...]:
        """Times of frames that bear human decisions, written by the library's owner."""
        try:
            return _Anchors.model_validate_json(self._blobs.get(self._path(ANCHORS_NAME))).times_us
        except MediaNotFound:
            return ()

    def put_picture(self, version: int, frame_id: str, image: bytes, thumbnail: bytes) -> tuple[str, str]:
        """Store a keyframe and its thumbnail; gives their uris. Without a thumbnail the picture is its own."""
        image_uri = self._blobs.put(self._path(f"v{version}/frames/{frame_id}.jpg"), image)
        if not thumbnail:
            return image_uri, image_uri
        return image_uri, self._blobs.put(self._path(f"v{version}/thumbs/{frame_id}.jpg"), thumbnail)

    def known_keyframes(self, up_to_version: int) -> Iterator[tuple[ErasedKeyframe, ...]]:
        """Keyframes of versions up to this one, for each blob read: of a step, its own; of a picture that no step
        tells of (its split was killed, or had other bytes), its hash alone, for its boxes are not known.
        """
        for version in self._versions(up_to_version):
            told: set[str] = set()
            for path in self._blobs.list(self._path(f"{version}/steps")):
                try:
                    step = Step.model_validate_json(self._blobs.get(path))
                except MediaNotFound:
                    continue
                except ValidationError as error:
                    log.warning(
                        "a step does not read; its keyframes count by their pictures", path=path, why=str(error)
                    )
                    continue
                frames = [frame for event in step.events for frame in event.frames]
                told.update(frame.frame_id for frame in frames)
                yield tuple(ErasedKeyframe(sha256=frame.sha256, boxes=frame.boxes) for frame in frames)
            for path in self._blobs.list(self._path(f"{version}/frames")):
                if PurePosixPath(path).stem in told:
                    continue
                try:
                    yield (ErasedKeyframe(sha256=hashlib.sha256(self._blobs.get(path)).hexdigest()),)
                except MediaNotFound:
                    continue

    def erase(self, up_to_version: int) -> None:
        """Delete everything made of versions up to this one. What a later version made stays."""
        manifest = self.manifest()
        if manifest is None or manifest.version <= up_to_version:
            self._blobs.delete(self._path(MANIFEST_NAME))
            self._blobs.delete(self._path(ANCHORS_NAME))
        for version in self._versions(up_to_version):
            self._blobs.delete_folder(self._path(version))

    def _versions(self, up_to_version: int) -> list[str]:
        """Names of the folders of these versions."""
        start = len(self._folder) + 1
        names = {path[start:].partition("/")[0] for path in self._blobs.list(self._folder)}
        return sorted(
            name for name in names if name[0] == "v" and name[1:].isdecimal() and int(name[1:]) <= up_to_version
        )

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}"

    def _step_path(self, version: int, number: int) -> str:
        return self._path(f"v{version}/steps/{number:06d}.json")
