"""A scene model that sees motion gets each shot as a clip of its film, through the real loader and decoder."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from rushes.infra.media.clips import ClipReader
from rushes.infra.media.fetch import SourceFile
from rushes.infra.media.sampler import FilmSampler
from rushes.infra.models import vision_models
from rushes.infra.settings import ModelSettings
from rushes.processors.shots.sample_times import even_times
from rushes.schemas.errors import InputUnavailable, MediaNotFound
from rushes.schemas.shots import ShotSplit
from rushes.schemas.vectors import decode_vector
from rushes.streams.stages.embed import EmbedStage
from rushes.streams.stages.embed_reading import decoded
from tests.making_media import pan, scene, write_film
from tests.shots_of_pictures import DictCache, entries, finals, incoming, shot_of
from tests.split_rig import Rig
from tests.tiny_checkpoints import MAKERS

FRAMES = 60


class CountingClips:
    """A ClipSource that counts what it is asked for, over another or an error."""

    def __init__(self, source: ClipReader | Exception) -> None:
        self.source = source
        self.asked: list[str] = []

    def frames(self, shot: ShotSplit, count: int) -> list[np.ndarray]:
        self.asked.append(shot.shot_id)
        if isinstance(self.source, Exception):
            raise self.source
        return self.source.frames(shot, count)

    def close(self) -> None:
        """The source serves the next stage, too."""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The tiny random V-JEPA 2 as the settings open it."""
    threads = torch.get_num_threads()
    torch.manual_seed(5)
    made = MAKERS["vjepa2"](tmp_path_factory.mktemp("weights") / "vjepa2")
    yield vision_models(ModelSettings(scene=made.setting, face_detector="off", threads=1, precision="float32")).scene
    torch.set_num_threads(threads)


@pytest.fixture
def rig(tmp_path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.close()


@pytest.fixture
def shots(rig) -> list[ShotSplit]:
    """A film of two moving shots."""
    write_film(rig.media / "film.mp4", itertools.chain(pan(1, FRAMES), pan(2, FRAMES)))
    shots = rig.run(rig.upload("film.mp4")).shots
    assert [(shot.start_frame, shot.end_frame) for shot in shots] == [(0, FRAMES), (FRAMES, 2 * FRAMES)]
    assert all(len(shot.frames) == 3 for shot in shots)
    return shots


@pytest.fixture
def clips(rig) -> Iterator[CountingClips]:
    reader = ClipReader(rig.fetcher, FilmSampler(rig.limits))
    yield CountingClips(reader)
    reader.close()


@pytest.fixture
def run(rig, model, clips):
    """Runs events through a stage of its own each time; `cache` and `source` may be given."""

    def run(*events, cache=None, source=None) -> list:
        stage = EmbedStage(
            blobs=rig.blobs, cache=cache or DictCache(), scene=model, detector=None, face=None, clips=source or clips
        )
        outcomes = list(stage.process([incoming(event) for event in events]))
        stage.close()
        return outcomes

    return run


def scenes(entry) -> list:
    return [frame.kinds[0] for frame in entry.frames]


def vectors(entry) -> np.ndarray:
    return np.array([decode_vector(kind.items[0].vector) for kind in scenes(entry)])


def frames_at(film: Path, times_us: list[int]) -> list[np.ndarray]:
    with av.open(str(film)) as container:
        frames = [(round(f.time * 1e6), f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]
    return [next(picture for at, picture in frames if at >= wanted) for wanted in times_us]


def test_a_shots_scenes_have_the_vector_of_its_evenly_spaced_frames(shots, run, model, rig):
    for shot, entry in zip(shots, entries(run(*shots)), strict=True):
        times = even_times(shot.start_us, shot.end_us, model.clip_shape[0])
        expected = model.embed_clips([frames_at(rig.media / "film.mp4", times)])[0]
        found = vectors(entry)
        assert len(found) == 3
        assert (found @ expected).min() > 0.999
        stills = model.embed([rig_picture(rig, frame) for frame in shot.frames])
        assert (found * stills).sum(axis=1).max() < 0.999  # no still of it would do


def rig_picture(rig: Rig, frame) -> np.ndarray:
    return decoded(rig.blobs.get(frame.image_uri))


def test_a_clip_is_read_and_seen_once_for_all_keyframes_of_its_shot(shots, run, clips, model, monkeypatch):
    seen = []
    forward = model.forward
    monkeypatch.setattr(model, "forward", lambda ready: seen.extend(one.shape[0] for one in ready) or forward(ready))
    run(*shots)
    assert sorted(clips.asked) == sorted(shot.shot_id for shot in shots)
    assert seen == [model.clip_shape[0]] * len(shots)


def test_a_clip_that_was_seen_is_cached_for_its_very_boundaries(shots, run, clips):
    cache = DictCache()
    first = entries(run(*shots, cache=cache))
    asked = len(clips.asked)
    assert [entry.model_dump() for entry in entries(run(*shots, cache=cache))] == [e.model_dump() for e in first]
    assert len(clips.asked) == asked
    shorter = shots[1].model_copy(
        update={"end_us": shots[1].end_us - 1_000_000, "clip": shots[1].clip.model_copy(update={"out_us": 3_800_000})}
    )
    (entry,) = entries(run(shorter, cache=cache))
    assert len(clips.asked) == asked + 1
    assert (vectors(entry) @ vectors(first[1])[0]).max() < 0.9999


def test_a_film_that_is_gone_leaves_its_scenes_without_a_vector_and_says_so(shots, run, rig):
    (rig.media / "film.mp4").unlink()
    cache = DictCache()
    outcomes = run(shots[0], cache=cache)
    (entry,) = entries(outcomes)
    assert [outcome.error for outcome in outcomes] == [None] * len(outcomes)
    assert [(kind.items, kind.error) for kind in scenes(entry)] == [
        ((), f"the shot's clip can't be seen: there is no file at {(rig.media / 'film.mp4').as_uri()!r}")
    ] * 3
    assert cache.values == {}


def test_another_film_at_the_same_place_is_not_told_as_the_shot(shots, run, rig):
    write_film(rig.media / "film.mp4", pan(3, FRAMES))
    (entry,) = entries(run(shots[0]))
    assert all("publish the file again" in kind.error for kind in scenes(entry))


def test_a_source_that_does_not_answer_is_asked_again_later(shots, run):
    (outcome,) = finals(run(shots[0], source=CountingClips(InputUnavailable("away"))))
    assert isinstance(outcome.error, InputUnavailable)


def test_a_shot_whose_clip_is_gone_takes_nothing_from_the_others(shots, run, rig, clips):
    class FirstGone(CountingClips):
        def frames(self, shot, count):
            if shot.shot_id == shots[0].shot_id:
                raise MediaNotFound("gone")
            return super().frames(shot, count)

    gone, well = entries(run(*shots, source=FirstGone(clips.source)))
    assert all(kind.error for kind in scenes(gone))
    assert (vectors(well) @ vectors(entries(run(shots[1]))[0])[0]).min() > 0.999


def test_a_remote_film_is_downloaded_once_for_its_shots_and_removed_at_the_end(shots, rig, tmp_path):
    copies = []

    class Remote:
        def fetch(self, uri: str) -> SourceFile:
            copy = tmp_path / f"download{len(copies)}"
            copy.write_bytes((rig.media / "film.mp4").read_bytes())
            copies.append(copy)
            return SourceFile(copy, copy.stat().st_size, "sha256:0", "0", temporary=True)

    reader = ClipReader(Remote(), FilmSampler(rig.limits))
    assert [len(reader.frames(shot, 4)) for shot in shots] == [4, 4]
    assert [copy.exists() for copy in copies] == [True]
    reader.close()
    assert not copies[0].exists()


def test_a_photo_beside_films_is_seen_as_a_still(shots, run, model, rig):
    photo = shot_of(rig.blobs, [scene(7)], library="library", media="photo")
    film, still = entries(run(shots[0], photo))
    expected = model.embed([rig_picture(rig, photo.frames[0])])[0]
    assert vectors(still)[0] @ expected > 0.999
    assert len(vectors(film)) == 3
