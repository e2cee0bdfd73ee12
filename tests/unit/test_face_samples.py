"""Face samples: further frames of shots with faces, at a bounded rate, the same ones however often split is stopped."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushes.infra.media.messages import PictureMade, ResumePoint
from rushes.infra.media.sampler import LONGEST_REREAD_US, FilmSampler, Stretch
from rushes.infra.settings import DecodeLimits, SampleSettings
from rushes.processors.detection import Detections
from rushes.processors.faces.detector import DetectedFace
from rushes.processors.faces.faces_only import faces_only
from rushes.processors.faces.finder import FaceFinder
from rushes.processors.shots.sample_times import sample_times
from rushes.schemas.errors import CrashedRepeatedly
from rushes.schemas.media import ProducerBox
from rushes.schemas.shots import FrameQuality, MediaErased, ShotSplit
from rushes.streams.stages.embed_reading import decoded
from rushes.streams.stages.face_samples import FaceSamples
from rushes.streams.stages.faces_kept import FacesKept
from tests.making_media import pan, scene, still, write_film
from tests.second_looks import confirmed, is_second_look
from tests.split_rig import Rig, told

LENGTHS = (40, 52, 75)
"""Frames of three shots at 25 a second; there is somebody in the second and the third."""


FACE_BOX = (0.2, 0.2, 0.4, 0.4)
LANDMARKS = ((0.27, 0.27), (0.33, 0.27), (0.3, 0.3), (0.28, 0.34), (0.32, 0.34))


class RedFaces:
    """A detector that takes what is red for a face, surely where it is very red."""

    detector_id = "red/none/1"
    batch = 1

    def __init__(self) -> None:
        self.pictures = 0
        self.longest = 0

    def load(self) -> None:
        pass

    def unload(self) -> None:
        pass

    def detect(self, images: Sequence[np.ndarray]) -> list[Detections[DetectedFace]]:
        self.pictures += len(images)
        self.longest = max(self.longest, *(max(image.shape) for image in images))
        return [confirmed() if is_second_look(image) else Detections(tuple(red_face(image))) for image in images]


def red_face(image: np.ndarray) -> list[DetectedFace]:
    redness = float(np.median(image[..., 0].astype(int) - image[..., 2]))
    face = DetectedFace(FACE_BOX, LANDMARKS, 0.95 if redness > 100 else 0.7)
    return [face] if redness > 50 else []


def with_somebody(picture: np.ndarray, redness: int = 150) -> np.ndarray:
    """The picture in red."""
    red = picture.copy()
    red[..., 0] = np.clip(picture[..., 2].astype(int) + redness, 0, 255)
    red[..., 2] = np.minimum(picture[..., 2], 255 - redness)
    return red


def write_people(rig: Rig, name: str = "film.mp4") -> None:
    pictures = [scene(1), with_somebody(scene(2)), with_somebody(scene(3))]
    write_film(rig.media / name, (p for picture, n in zip(pictures, LENGTHS, strict=True) for p in still(picture, n)))


class StoppingSampler(FilmSampler):
    """A sampler whose film ends its process each time."""

    def sample(self, path, stretch, times_us, lines, *, raw=False):
        yield None
        raise CrashedRepeatedly("the film ended its sampling process 3 times")


@pytest.fixture
def rig_of(tmp_path):
    """Builds rigs over one folder, as processes that come one after the other."""
    built = []

    def build(faces_per_s: float = 2.0, sampler: type[FilmSampler] = FilmSampler, detector=None, finding=None) -> Rig:
        """`finding`: what finds the faces that alone are kept of samples; None: they stay whole."""
        limits = DecodeLimits(processes=1)
        settings = SampleSettings(faces_per_s=faces_per_s)
        kept = None if finding is None else FacesKept(finding, limits.jpeg_quality)
        samples = FaceSamples(detector or RedFaces(), sampler(limits), settings, kept)
        built.append(Rig(tmp_path, samples=samples))
        return built[-1]

    yield build
    for rig in built:
        rig.close()


def samples_of(shot: ShotSplit) -> list[int]:
    return [frame.time_us for frame in shot.frames if frame.why == "face_sample"]


def keyframes_of(shot: ShotSplit) -> list[int]:
    return [frame.time_us for frame in shot.frames if frame.why != "face_sample"]


def test_shots_with_faces_are_looked_at_twice_a_second_and_others_not(rig_of):
    rig = rig_of()
    write_people(rig)
    nobody, somebody, somebody_else = rig.run(rig.upload("film.mp4")).shots
    assert samples_of(nobody) == []
    for shot in (somebody, somebody_else):
        taken = sorted(samples_of(shot) + keyframes_of(shot))
        assert len(taken) <= 2 * (shot.end_us - shot.start_us) / 1e6 + len(keyframes_of(shot))
        assert max(after - before for before, after in pairwise(taken)) <= 750_000
        assert all(shot.start_us <= at < shot.end_us for at in taken)
        assert [frame.time_us for frame in shot.frames] == taken
        assert all(frame.frame_index == round(frame.time_us / 40_000) for frame in shot.frames)
        assert len({frame.frame_id for frame in shot.frames}) == len(shot.frames)
        assert not any(frame.flags for frame in shot.frames)


def test_without_a_rate_there_are_keyframes_only(rig_of):
    rig = rig_of(faces_per_s=0)
    write_people(rig)
    assert not any(samples_of(shot) for shot in rig.run(rig.upload("film.mp4")).shots)


def test_an_unsure_find_is_no_reason_to_look_again(rig_of):
    rig = rig_of()
    write_film(rig.media / "film.mp4", still(with_somebody(scene(2), redness=80), 50))
    (shot,) = rig.run(rig.upload("film.mp4")).shots
    assert samples_of(shot) == []


def test_keyframes_are_searched_small_and_no_longer_than_until_a_face_is_found(rig_of):
    detector = RedFaces()
    rig = rig_of(detector=detector)
    wide = with_somebody(scene(2, height=540, width=1200))
    write_film(rig.media / "film.mp4", [np.roll(wide, 6 * number, axis=1) for number in range(60)])
    (shot,) = rig.run(rig.upload("film.mp4")).shots
    assert len(keyframes_of(shot)) == 3
    assert samples_of(shot)
    assert (detector.pictures, detector.longest) == (1, 600)


def test_of_a_sample_the_faces_are_kept_as_they_are_in_the_whole_and_told_with_it(rig_of):
    whole = rig_of()
    write_people(whole)
    _, all_of_it, _ = whole.run(whole.upload("film.mp4", media_id="whole")).shots
    rig = rig_of(finding=RedFaces())
    _, shot, _ = rig.run(rig.upload("film.mp4")).shots
    assert samples_of(shot) == samples_of(all_of_it)
    assert keyframes_of(shot) == keyframes_of(all_of_it)
    for frame, before in zip(shot.frames, all_of_it.frames, strict=True):
        if frame.why != "face_sample":
            assert (frame.sha256, frame.faces) == (before.sha256, None)
            continue
        image, picture = (decoded(rig.blobs.get(uri)) for uri in (frame.image_uri, before.image_uri))
        assert image.shape == (frame.height, frame.width, 3) == picture.shape
        kept = faces_only(picture, [FACE_BOX])
        sharp = np.all(kept == picture, axis=2)
        assert 0.1 < sharp.mean() < 0.5
        assert np.abs(image.astype(int) - kept)[sharp].mean() < 0.2
        assert frame.thumbnail_uri == frame.image_uri
        assert len(rig.blobs.get(frame.image_uri)) < len(rig.blobs.get(before.image_uri)) / 2
        assert frame.faces.finder == FaceFinder(RedFaces()).finder_id
        (face,) = frame.faces.faces
        assert (face.box, face.landmarks, face.second_score) == (FACE_BOX, LANDMARKS, 0.999)
        assert frame.perceptual_hash == before.perceptual_hash


def test_a_frame_without_a_face_does_not_go_out(rig_of):
    class Nobody(RedFaces):
        def detect(self, images):
            return [Detections()] * len(images)

    rig = rig_of(finding=Nobody())
    write_people(rig)
    sent = rig.run(rig.upload("film.mp4"))
    assert [len(keyframes_of(shot)) for shot in sent.shots] == [1, 1, 1]
    assert not any(samples_of(shot) for shot in sent.shots)
    assert len([path for path in rig.blobs.list("library") if "/frames/" in path]) == 3
    assert not sent.splits[0].failed


@pytest.mark.parametrize("finding", [None, RedFaces()])
def test_a_split_stopped_anywhere_takes_the_same_samples_again(rig_of, finding):
    rig = rig_of(finding=finding)
    write_people(rig)

    def upload(media_id: str):
        return rig.upload("film.mp4", media_id=media_id, uri=(rig.media / "film.mp4").as_uri())

    whole = rig.run(upload("whole"))
    among_samples = [at for at, outcome in enumerate(whole.outcomes) if not outcome.outputs]
    for stop in among_samples[2::4]:
        counted = iter(range(len(whole.outcomes)))
        before = rig.run_until(lambda _, stop=stop, counted=counted: next(counted) == stop, upload(f"at {stop}"))
        after = rig.run(upload(f"at {stop}"))
        union = {shot.start_frame: shot for shot in (*before.shots, *after.shots)}
        assert looks(union.values()) == looks(whole.shots)


def looks(shots: Iterable[ShotSplit]) -> list[list[tuple]]:
    return [[(f.time_us, f.why, f.frame_index, f.sha256) for f in shot.frames] for shot in shots]


def test_a_shot_that_can_not_be_looked_at_again_goes_out_without_and_says_so(rig_of):
    rig = rig_of(sampler=StoppingSampler)
    write_people(rig)
    sent = rig.run(rig.upload("film.mp4"))
    assert len(sent.shots) == 3
    assert not any(samples_of(shot) for shot in sent.shots)
    (split,) = sent.splits
    assert [failure.shot_id for failure in split.failed] == [shot.shot_id for shot in sent.shots[1:]]
    assert all("no face samples" in failure.reason for failure in split.failed)
    again = rig_of().run(rig.upload("film.mp4"))
    assert again.splits[0].failed == split.failed


def test_a_sample_is_the_same_frame_whether_its_shot_is_sought_or_read_up_to(tmp_path):
    film = write_film(tmp_path / "film.mp4", pan(3, 160), gop=40)
    sampler = FilmSampler(DecodeLimits(processes=1))
    times = range(2_500_000, 5_000_000, 250_000)

    def taken(origin_pts: int | None) -> list[tuple]:
        pictures = sampler.sample(film, Stretch(2_480_000, 62, 5_000_000, origin_pts), times, 1080)
        return [(p.figures.time_us, p.figures.frame_index, p.image) for p in pictures if p is not None]

    sought = taken(0)
    assert [(at, index) for at, index, _ in sought] == [(-(-at // 40_000) * 40_000, -(-at // 40_000)) for at in times]
    assert sought == taken(None)
    sampler.close()


class LyingPool:
    """A child whose pictures have half of the levels that their size says."""

    def run(self, job):
        quality = FrameQuality(sharpness=1, exposure=1, contrast=1)
        yield (
            PictureMade(
                time_us=0, why="face_sample", width=4, height=2, perceptual_hash="0" * 16, quality=quality,
                coding="rgb", image_bytes=24,
            ),
            bytes(12),
        )  # fmt: skip

    def close(self):
        pass


def test_levels_that_are_not_as_many_as_the_size_says_are_no_answer():
    sampler = FilmSampler(DecodeLimits(crashes=2), LyingPool())
    with pytest.raises(CrashedRepeatedly, match="2 times"):
        list(sampler.sample(Path("film.mp4"), Stretch(0, 0, 1_000_000, 0), [0], 1080, raw=True))


def test_a_shot_is_looked_at_again_only_where_that_costs_no_reading_of_the_whole_film():
    far = LONGEST_REREAD_US + 1
    assert Stretch(far, 10, far + 1, origin_pts=0).reachable
    assert Stretch(0, 0, 1, origin_pts=None).reachable
    assert not Stretch(far, 10, far + 1, origin_pts=None).reachable
    assert ResumePoint.model_fields["origin_pts"].annotation == Stretch.__annotations__["origin_pts"]


def test_a_producer_s_boxes_lie_in_keyframes_only(rig_of):
    rig = rig_of()
    write_people(rig)
    always = ProducerBox(box=(0.25, 0.25, 0.75, 0.75), label="cup")
    at_times = [ProducerBox(box=(0.25, 0.25, 0.5, 0.5), time_us=at) for at in (2_000_000, 4_100_000)]
    sent = rig.run(rig.upload("film.mp4", boxes=(always, *at_times)))
    for shot in sent.shots:
        assert all(bool(frame.boxes) == (frame.why != "face_sample") for frame in shot.frames)
    anchors = [frame for shot in sent.shots for frame in shot.frames if frame.why == "anchor"]
    assert [len(frame.boxes) for frame in anchors] == [2, 2]


@pytest.mark.parametrize("finding", [None, RedFaces()])
def test_samples_are_erased_with_their_media(rig_of, finding):
    rig = rig_of(finding=finding)
    write_people(rig)
    sent = rig.run(rig.upload("film.mp4"))
    gone = {known.sha256 for event in rig.run(rig.delete("film.mp4")).of(MediaErased) for known in event.keyframes}
    assert gone == {frame.sha256 for shot in sent.shots for frame in shot.frames}
    assert not [path for path in rig.blobs.list("library") if path.endswith(".jpg")]


def test_a_second_run_sends_what_the_first_one_did(rig_of):
    rig = rig_of()
    write_people(rig)
    first = rig.run(rig.upload("film.mp4"))
    other = rig_of()
    other.stage._resend = True
    assert told(other.run(other.upload("film.mp4")).shots) == told(first.shots)


@given(
    st.integers(0, 10**9),
    st.integers(1, 60_000_000),
    st.floats(0.1, 25),
    st.lists(st.integers(0, 60_000_000), max_size=5),
)
def test_sample_times_are_bounded_in_rate_and_keep_off_keyframes(start_us, length_us, per_s, offsets):
    known = [start_us + offset for offset in offsets if offset < length_us]
    times = sample_times(start_us, start_us + length_us, per_s, known)
    assert len(times) <= length_us / 1e6 * per_s + 0.5
    assert all(start_us <= at < start_us + length_us for at in times)
    assert all(after - before >= 1e6 / per_s - 2 for before, after in pairwise(times))
    assert all(abs(at - other) > 0.25e6 / per_s for at in times for other in known)
    assert times == sample_times(start_us, start_us + length_us, per_s, reversed(known))
