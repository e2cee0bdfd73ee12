"""What the pipeline reports, as bars: every stage in bytes of media, which is what its work follows."""

from collections.abc import Sequence
from dataclasses import dataclass

from rushes.infra.inventory import SeenMedia
from rushes.infra.weights.choosing import Fallback
from rushes.streams.screens.progress import ProgressScreen, RunProgress, StageProgress
from rushes.streams.screens.wording import counted


@dataclass(slots=True)
class _Media:
    size_bytes: int
    split: float = 0.0
    found: int = 0
    embedded: int = 0
    decided: int = 0
    finished: bool = False

    @property
    def embed(self) -> float:
        """Share of the media embedded: of what split has found so far."""
        return self._share(self.embedded)

    @property
    def sort(self) -> float:
        """Share of the media sorted, likewise."""
        return self._share(self.decided)

    def _share(self, frames: int) -> float:
        if self.finished:
            return 1.0
        return self.split * min(1.0, frames / self.found) if self.found else 0.0


class ScreenWatcher:
    """Sums up per media, shows on a screen. All calls come from one event loop, or before it runs."""

    def __init__(self, screen: ProgressScreen) -> None:
        self._screen = screen
        self._media: dict[str, _Media] = {}
        self._total = 0
        self._split = self._embed = self._sorted = 0.0
        self._read = (0, 0)
        self._frames = self._embedded = self._items = 0
        self._finished = self._failed = self._before = 0

    def looking(self, fallbacks: Sequence[Fallback]) -> None:
        """Say before anything is sorted what stands in for a real model."""
        for one in fallbacks:
            self._screen.say(one.text)

    def reading(self, done_bytes: int, total_bytes: int) -> None:
        self._read = (done_bytes, total_bytes)
        self._show()

    def starting(self, media: Sequence[SeenMedia], done_before: int) -> None:
        self._media = {one.media_id: _Media(max(one.size_bytes, 1)) for one in media}
        self._total = sum(one.size_bytes for one in self._media.values())
        self._before = done_before
        if done_before:
            self._screen.say(f"{counted(done_before, 'file is', 'files are')} sorted already")
        self._show()

    def split_progress(self, media_id: str, share: float) -> None:
        media = self._media.get(media_id)
        if media is not None and share > media.split:
            self._change(media, split=share)

    def frames_found(self, media_id: str, count: int) -> None:
        media = self._media.get(media_id)
        if media is not None:
            self._frames += count
            self._change(media, found=media.found + count)

    def frames_embedded(self, media_id: str, count: int) -> None:
        media = self._media.get(media_id)
        if media is not None:
            self._embedded += count
            self._change(media, embedded=media.embedded + count)

    def frames_sorted(self, media_id: str, count: int) -> None:
        media = self._media.get(media_id)
        if media is not None:
            self._change(media, decided=media.decided + count)

    def items_sorted(self, count: int) -> None:
        self._items += count
        self._show()

    def media_finished(self, media_id: str, *, failed: bool) -> None:
        media = self._media.get(media_id)
        if media is not None and not media.finished:
            self._finished += 1
            self._failed += failed
            self._change(media, split=1.0, finished=True)

    def _change(
        self,
        media: _Media,
        *,
        split: float | None = None,
        found: int | None = None,
        embedded: int | None = None,
        decided: int | None = None,
        finished: bool = False,
    ) -> None:
        before = (media.split, media.embed, media.sort)
        media.split = media.split if split is None else min(split, 1.0)
        media.found = media.found if found is None else found
        media.embedded = media.embedded if embedded is None else embedded
        media.decided = media.decided if decided is None else decided
        media.finished = media.finished or finished
        self._split += (media.split - before[0]) * media.size_bytes
        self._embed += (media.embed - before[1]) * media.size_bytes
        self._sorted += (media.sort - before[2]) * media.size_bytes
        self._show()

    def _show(self) -> None:
        read, to_read = self._read
        total = float(self._total) if self._media else None
        self._screen.update(
            RunProgress(
                (
                    StageProgress("read", float(read), float(to_read)),
                    StageProgress("split", self._split, total, counted(self._frames, "frame", "frames")),
                    StageProgress("embed", self._embed, total, counted(self._embedded, "frame", "frames")),
                    StageProgress("sort", self._sorted, total, counted(self._items, "decision", "decisions")),
                ),
                files_done=self._finished,
                files_total=len(self._media),
                files_failed=self._failed,
            )
        )
