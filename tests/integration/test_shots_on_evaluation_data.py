"""Cuts and transitions of the evaluation clips, through the real decoder, and none where nobody made one."""

import json
from pathlib import Path

import pytest

from rushes.infra.media.decoder import MediaDecoder
from rushes.infra.media.messages import FilmEnded, ShotFound
from rushes.infra.settings import DecodeLimits

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def decoder():
    made = MediaDecoder(DecodeLimits())
    yield made
    made.close()


def boundaries(decoder: MediaDecoder, film: Path) -> dict[int, str]:
    shots = [part for part in decoder.film(film) if isinstance(part, ShotFound)]
    return {shot.begin.start_frame: shot.begin.transition_in for shot in shots[1:]}


def test_hard_cuts_are_found_to_the_frame(decoder, test_data):
    truth = json.loads((test_data / "videos/shots.json").read_text())["videos"]
    found = missed = wrong = 0
    for name, facts in truth.items():
        cuts = {frame for frame, kind in boundaries(decoder, test_data / "videos" / name).items() if kind == "cut"}
        expected = set(facts["hard_cuts"])
        found, missed, wrong = found + len(cuts & expected), missed + len(expected - cuts), wrong + len(cuts - expected)
    precision, recall = found / (found + wrong), found / (found + missed)
    assert 2 * precision * recall / (precision + recall) >= 0.98


def test_the_cut_to_another_person_in_the_same_room_is_found(decoder, test_data):
    assert boundaries(decoder, test_data / "videos/montage_people.mp4").get(1330) == "cut"


def test_fades_and_the_dissolve_are_found_with_start_and_end(decoder, test_data):
    film = test_data / "videos/testvideo.mp4"
    truth = json.loads((test_data / "videos/shots.json").read_text())["videos"]["testvideo.mp4"]["gradual"]
    found = [t for part in decoder.film(film) if isinstance(part, ShotFound) for t in part.transitions]
    assert len(found) == len(truth)
    for span, (start, end, kind) in zip(found, truth, strict=True):
        assert kind.startswith(span.kind)
        assert min(span.end_frame, end) - max(span.start_frame, start) >= 0.5 * (end - start)


def test_single_shots_of_fixed_cameras_have_no_cut(decoder, test_data):
    videos = test_data / "videos"
    clips = [*sorted(videos.glob("asl/*.mkv")), *sorted(videos.glob("intel_previews/*.mp4"))]
    clips += [videos / f"{name}-detection.mp4" for name in ("car", "people", "one-by-one-person")]
    assert len(clips) == 31
    for clip in clips:
        assert set(boundaries(decoder, clip).values()) <= {"continued"}, clip.name


def test_fades_are_no_bursts_of_cuts(decoder, test_data):
    assert set(boundaries(decoder, test_data / "videos/fades.mp4").values()) == {"fade"}
    assert len(boundaries(decoder, test_data / "videos/fades.mp4")) == 2


def test_a_sound_film_with_muddled_timestamps_is_not_called_damaged(decoder, test_data):
    parts = list(decoder.film(test_data / "videos/people-detection.mp4"))
    (end,) = [part for part in parts if isinstance(part, FilmEnded)]
    assert (end.partial, end.failed) == (None, ())
    assert end.frames >= 580, "of 596, whose timestamps run backwards every other time"
    assert end.duration_us == pytest.approx(596 / 25 * 1_000_000, abs=40_000)
