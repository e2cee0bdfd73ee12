"""A film of which only what may hold a boundary is decoded (`stretch_selection`). Runs in the child.

Indexes and times are those of the exact reading: that packets and frames correspond is checked wherever frames are
decoded, at the film's beginning and end at least. Where they don't, or the container does not tell enough,
`NeedsAllFrames` is raised, and the film is to be read by `FilmReader`. Damage in what is not decoded is not seen.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Final

from rushes.infra.media.film_clock import FilmClock
from rushes.infra.media.film_container import film_stream, open_film
from rushes.infra.media.film_facts import facts_of, pixel_aspect
from rushes.infra.media.film_planes import FeatureReader
from rushes.infra.media.film_reader import SEEK_MARGIN_US, FilmReader
from rushes.infra.media.seen_frames import SeenFrame
from rushes.infra.media.stretch_refiner import StretchRefiner
from rushes.infra.media.stretch_selection import SelectedFrame, StretchSelection
from rushes.infra.media.stretches import AnchorDecoder, NeedsAllFrames, StretchSource
from rushes.infra.settings import DecodeLimits
from rushes.processors.shots.refining import HISTORY_US, LAG_US

CONTAINERS: Final = frozenset({"mov", "mp4", "matroska", "mxf"})
"""They keep a time with every packet, and a frame in it. Streams for transmission do not (fields, lost packets)."""

CODECS: Final = frozenset({"h264", "hevc", "prores", "dnxhd", "mjpeg", "cfhd"})
"""One packet is one shown frame in these; VP9 and AV1 hide frames, and MPEG-2 and MPEG-4 part 2 pack them."""

SLICED: Final = frozenset({"prores", "dnxhd"})
"""Their pictures are many slices, so that all cores decode one at once: nothing waits for a frame that is asked for
alone. Frames that threads decode side by side come some calls later."""

USUAL_GROUP_US: Final = 10_000_000
RESUME_REACH_US: Final = HISTORY_US + LAG_US + 2 * USUAL_GROUP_US + SEEK_MARGIN_US
"""A resume starts this long before its place: what lies there is judged by the groups that end in the
seconds before its key frame."""


class SelectiveReader(FilmReader):
    """As `FilmReader`, for splitting. `wanted_us`: times whose frames are decoded whatever surrounds them."""

    def __init__(
        self,
        path: str,
        limits: DecodeLimits,
        *,
        recognised: bool,
        alive: Callable[[], None],
        wanted_us: Sequence[int] = (),
    ) -> None:
        super().__init__(path, limits, recognised=recognised, alive=alive)
        self._wanted_us = wanted_us

    def seen(self, start_us: int = 0, origin_pts: int | None = None) -> Iterator[SeenFrame]:
        """All frames from `start_us` on, and some before it, decoded or not.

        Raises as `FilmReader.frames`, and NeedsAllFrames.
        """
        if start_us > 0 and origin_pts is None:
            raise NeedsAllFrames("times can't be found again by a seek")
        with ExitStack() as stack:
            container = stack.enter_context(open_film(self._path, self._limits, recognised=self._recognised))
            stream = film_stream(container, self._limits)
            name = stream.codec_context.name
            if name not in CODECS or CONTAINERS.isdisjoint(container.format.name.split(",")):
                raise NeedsAllFrames(f"{name} in {container.format.name} does not tell its frames by its packets")
            twin = stack.enter_context(open_film(self._path, self._limits, recognised=self._recognised))
            refiner = film_stream(twin, self._limits).codec_context
            if name in SLICED:
                refiner.thread_type = "SLICE"
            clock = FilmClock(stream, origin_pts)
            if origin_pts is not None:
                from_pts = clock.pts_of(origin_pts, max(0, start_us - RESUME_REACH_US))
                container.seek(from_pts, stream=stream, backward=True)
            features = FeatureReader()
            selection = StretchSelection(
                StretchSource(container, stream, clock, begins=origin_pts is None, alive=self._alive),
                AnchorDecoder(stream.codec_context, features),
                StretchRefiner(refiner),
                features,
                self._wanted_us,
            )
            arrived = start_us == 0
            for frame in selection.frames(begins=origin_pts is None):
                seen = self._timed(frame, selection.clock)
                if not arrived and seen.time_us > start_us:
                    raise NeedsAllFrames("the container's index is wrong")
                arrived = True
                if self.facts is None and frame.frame is not None:
                    self.facts = facts_of(container, stream, frame.frame)
                    self.aspect, self.frame_us = pixel_aspect(stream), clock.frame_us
                yield seen

    def _timed(self, frame: SelectedFrame, clock: FilmClock) -> SeenFrame:
        self._alive()  # the packets of a long stretch were all read before
        time_us = clock.time_of(frame.pts)
        if time_us is None:
            raise NeedsAllFrames("its times run backwards")
        self.origin_pts = clock.origin_pts
        self.end_us = time_us + clock.duration_of(frame.frame.duration if frame.frame is not None else None)
        return SeenFrame(time_us, frame.frame, frame.features)
