"""What tests of the split stage share: a stage on a folder, events for it, and a reader of its outcomes."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from rushes.infra.blobs.local import LocalBlobStore
from rushes.infra.media.decoder import MediaDecoder
from rushes.infra.media.fetch import Fetcher
from rushes.infra.media.sandbox import ChildPool
from rushes.infra.settings import DecodeLimits, SourceSettings
from rushes.schemas.envelope import Envelope, Record, encode
from rushes.schemas.ids import EventId
from rushes.schemas.media import MediaDeleted, MediaUploaded
from rushes.schemas.shots import MediaSplit, ShotSplit
from rushes.schemas.status import MediaStatus
from rushes.streams.stage import Incoming, Outcome, Output
from rushes.streams.stages.split import SplitStage

LIBRARY = "library"


class Rig:
    """A split stage over a folder: media in `media/`, blobs in `blobs/`."""

    def __init__(self, folder: Path, command: Sequence[str] | None = None, **how) -> None:
        self.media = folder / "media"
        self.media.mkdir(exist_ok=True)
        self.limits = DecodeLimits(processes=2, no_progress_s=how.pop("no_progress_s", 30.0))
        self.blobs = LocalBlobStore(folder / "blobs", fsync=False)
        pool = ChildPool(self.limits, command) if command else ChildPool(self.limits)
        self.decoder = MediaDecoder(self.limits, pool)
        self.fetcher = Fetcher(SourceSettings(roots=(self.media,)), self.limits)
        self.stage = SplitStage(self.blobs, self.fetcher, self.decoder, **how)
        self._offset = 0

    def upload(self, name: str, *, media_id: str = "", version: int | None = 1, **fields) -> Incoming:
        event = MediaUploaded(
            library_id=LIBRARY,
            media_id=media_id or name,
            version=version,
            uri=fields.pop("uri", (self.media / name).as_uri()),
            **fields,
        )
        return self.incoming(event)

    def delete(self, media_id: str, version: int | None = 1) -> Incoming:
        return self.incoming(MediaDeleted(library_id=LIBRARY, media_id=media_id, version=version))

    def incoming(self, event, time: str | None = None) -> Incoming:
        self._offset += 1
        record = Record(
            "media-uploaded", 0, self._offset, event.key.encode(), encode(event), timestamp_ms=1_700_000_000_000
        )
        return Incoming(record, event, Envelope(EventId(f"event-{self._offset}"), time=time))

    def run(self, *batch: Incoming) -> "Sent":
        return Sent(self.stage.process(list(batch)))

    def run_until(self, enough: Callable[[Outcome], bool], *batch: Incoming) -> "Sent":
        """Stop like a process that dies: the outcome that was enough is delivered, and the stage never told."""
        outcomes = self.stage.process(list(batch))
        taken: list[Outcome] = []
        for outcome in outcomes:
            taken.append(outcome)
            if enough(outcome):
                break
        outcomes.close()
        return Sent(taken)

    def close(self) -> None:
        self.stage.close()


class Sent:
    """Outcomes of a batch, by what they hold."""

    def __init__(self, outcomes: Iterable[Outcome]) -> None:
        self.outcomes = list(outcomes)
        self.outputs: list[Output] = [output for outcome in self.outcomes for output in outcome.outputs]

    def of(self, kind: type) -> list:
        return [output.event for output in self.outputs if isinstance(output.event, kind)]

    @property
    def shots(self) -> list[ShotSplit]:
        return self.of(ShotSplit)

    @property
    def splits(self) -> list[MediaSplit]:
        return self.of(MediaSplit)

    @property
    def statuses(self) -> list[MediaStatus]:
        return self.of(MediaStatus)

    @property
    def errors(self) -> dict[str, str]:
        """Error codes by media id."""
        return {o.source.event.media_id: o.error.code for o in self.outcomes if o.error is not None}

    def last_outcomes(self) -> int:
        return sum(outcome.done or outcome.error is not None for outcome in self.outcomes)


def told(shots: Iterable[ShotSplit]) -> list[str]:
    """Shots as JSON, so that two splits can be compared byte for byte."""
    return [json.dumps(shot.model_dump(mode="json"), sort_keys=True) for shot in shots]
