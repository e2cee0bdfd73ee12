"""What face samples cost splitting, apart from its own speed: python benchmarks/bench_face_samples.py [FILM ...]

Each film is split without and with samples, one after the other in each round. Told: how long a keyframe's search for
faces takes, how long the second look takes for each second of a shot with faces and for each sample (with the search
for its faces in all of it), what both add to splitting, and the bytes stored. Without FILM: 12 s of a head and of a car
park from the evaluation data (`RUSHES_TEST_DATA`), scaled up to 1920 x 1080.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import av
from environment import describe

from rushes.infra.blobs.local import LocalBlobStore
from rushes.infra.media.decoder import MediaDecoder, Picture
from rushes.infra.media.fetch import Fetcher
from rushes.infra.media.sampler import FilmSampler, Stretch
from rushes.infra.models import face_detectors
from rushes.infra.settings import DecodeLimits, ModelSettings, SampleSettings, SourceSettings
from rushes.schemas.envelope import Envelope, Record, encode
from rushes.schemas.ids import EventId
from rushes.schemas.media import MediaUploaded
from rushes.schemas.shots import ShotSplit
from rushes.streams.stage import Incoming
from rushes.streams.stages.face_samples import FaceSamples
from rushes.streams.stages.faces_kept import FacesKept, Sample
from rushes.streams.stages.split import SplitStage

ROUNDS: Final = 5
SECONDS: Final = 12
CLIPS: Final = ("intel_previews/head-pose-face-detection-female.mp4", "car-detection.mp4")


class TimedSamples(FaceSamples):
    """Face samples with a watch: seconds spent and what for."""

    search_s = look_s = looked_at_s = 0.0
    searches = samples = sample_bytes = 0

    def shows_face(self, picture: Picture) -> bool:
        with self._watch("search_s"):
            found = super().shows_face(picture)
        self.searches += 1
        return found

    def take(self, path: Path, stretch: Stretch, known_us: Collection[int]) -> Generator[Sample | None, None, None]:
        self.looked_at_s += (stretch.end_us - stretch.start_us) / 1e6
        began = time.perf_counter()
        for sample in super().take(path, stretch, known_us):
            if sample is not None:
                self.samples += 1
                self.sample_bytes += len(sample.picture.image) + len(sample.picture.thumbnail)
            self.look_s += time.perf_counter() - began
            yield sample
            began = time.perf_counter()
        self.look_s += time.perf_counter() - began

    @contextmanager
    def _watch(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        setattr(self, name, getattr(self, name) + time.perf_counter() - began)


def scaled_up(film: Path, to: Path) -> Path:
    """The first seconds of a film at 1920 x 1080, H.264."""
    with av.open(str(film)) as source, av.open(str(to), "w") as target:
        stream = target.add_stream("libx264", rate=source.streams.video[0].average_rate)
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        stream.codec_context.options = {"preset": "fast", "crf": "20"}
        for frame in source.decode(video=0):
            if frame.time is not None and frame.time >= SECONDS:
                break
            larger = frame.reformat(1920, 1080)
            larger.pict_type = 0
            target.mux(stream.encode(larger))
        target.mux(stream.encode(None))
    return to


def split(film: Path, samples: FaceSamples | None, scratch: Path) -> tuple[float, list[ShotSplit]]:
    """Seconds, and the shots. Children start before the watch does."""
    limits = DecodeLimits()
    decoder = MediaDecoder(limits)
    fetcher = Fetcher(SourceSettings(roots=(film.parent,)), limits)
    stage = SplitStage(LocalBlobStore(scratch / "blobs", fsync=False), fetcher, decoder, samples=samples)
    stage.close = lambda: None  # type: ignore[method-assign]  # the samples go on to the next round
    shots: list[ShotSplit] = []
    began = time.perf_counter()
    upload = MediaUploaded(library_id="bench", media_id=f"{film.name} {began}", version=1, uri=film.as_uri())
    record = Record("media-uploaded", 0, 0, upload.key.encode(), encode(upload))
    for outcome in stage.process([Incoming(record, upload, Envelope(EventId("e")))]):
        if outcome.error is not None:
            raise outcome.error
        shots += [output.event for output in outcome.outputs if isinstance(output.event, ShotSplit)]
    spent = time.perf_counter() - began
    decoder.close()
    return spent, shots


def measure(film: Path, scratch: Path) -> None:
    settings = SampleSettings()
    models = ModelSettings()
    detector, finding = face_detectors(models, settings.check_pixels, models.detector_pixels)
    kept = FacesKept(finding, DecodeLimits().jpeg_quality)
    samples = TimedSamples(detector, FilmSampler(DecodeLimits()), settings, kept)
    split(film, samples, scratch)  # models and children come to memory
    samples.search_s = samples.look_s = samples.looked_at_s = 0.0
    samples.searches = samples.samples = samples.sample_bytes = 0
    without: list[float] = []
    with_them: list[float] = []
    shots: list[ShotSplit] = []
    for _ in range(ROUNDS):
        without.append(split(film, None, scratch)[0])
        spent, shots = split(film, samples, scratch)
        with_them.append(spent)
    samples.close()
    seconds = max(shot.end_us or 0 for shot in shots) / 1e6
    frames = sum(len(shot.frames) for shot in shots)
    print(f"{film.name}: {seconds:.1f} s, {len(shots)} shots, {frames} frames sent, samples among them "
          f"{samples.samples / ROUNDS:.0f}")  # fmt: skip
    ratios = [after / before for before, after in zip(without, with_them, strict=True)]
    print(f"  splitting takes {statistics.median(without) / seconds * 1000:.0f} ms a second of film without samples, "
          f"{statistics.median(with_them) / seconds * 1000:.0f} with them; times {statistics.median(ratios):.2f} "
          f"({min(ratios):.2f} to {max(ratios):.2f})")  # fmt: skip
    print(f"  search for faces: {samples.search_s / max(samples.searches, 1) * 1000:.0f} ms a keyframe at "
          f"{settings.check_pixels} px, {samples.searches / ROUNDS:.0f} keyframes searched")  # fmt: skip
    if samples.samples:
        print(f"  second look: {samples.look_s / samples.looked_at_s * 1000:.0f} ms a second of shots with faces, "
              f"{samples.look_s / samples.samples * 1000:.0f} ms a sample of "
              f"{samples.sample_bytes / samples.samples / 1000:.0f} kB")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("films", nargs="*", type=Path)
    films = parser.parse_args().films
    place = os.environ.get("RUSHES_TEST_DATA")
    print(describe("av", "facenet-pytorch", "torch", "pillow"))
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        if not films:
            if not place:
                parser.error("name films, or set RUSHES_TEST_DATA to the folder of the evaluation data")
            films = [scaled_up(Path(place) / "videos" / clip, scratch / Path(clip).name) for clip in CLIPS]
        for film in films:
            measure(film.absolute(), scratch)


if __name__ == "__main__":
    main()
