"""An animated picture is a film with shots and times; a still one is a photo."""

import io

import numpy as np
import pytest
from PIL import Image

from rushes.infra.media.decoder import MediaDecoder, Picture
from rushes.infra.media.messages import FilmEnded, FilmOpened, ShotFound
from rushes.infra.media.sampler import FilmSampler, Stretch
from rushes.infra.media.sandbox import ChildPool
from rushes.infra.media.sniff import kind_of
from rushes.infra.settings import DecodeLimits
from rushes.schemas.errors import DamagedMedia, LimitExceeded, UnsupportedMedia
from tests.making_media import pan, scene

FORMATS = ["gif", "webp", "png", "avif"]


@pytest.fixture(scope="module")
def decoder():
    made = MediaDecoder(DecodeLimits())
    yield made
    made.close()


def save(path, pictures, **options):
    first, *others = [Image.fromarray(picture) for picture in pictures]
    moving = {"save_all": True, "append_images": others} if others else {}
    first.save(path, **moving, **options)
    return path


def told(decoder, path):
    parts = list(decoder.film(path))
    (facts,) = [part.facts for part in parts if isinstance(part, FilmOpened)]
    shots = [part for part in parts if isinstance(part, ShotFound)]
    pictures = [part for part in parts if isinstance(part, Picture)]
    assert isinstance(parts[-1], FilmEnded)
    return facts, shots, pictures, parts[-1]


def two_takes():
    return [*pan(1, 14), *pan(2, 16)]


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_animation_is_split_into_shots_at_its_own_times(decoder, tmp_path, suffix):
    path = save(tmp_path / f"moving.{suffix}", two_takes(), duration=80)
    facts, shots, pictures, end = told(decoder, path)
    assert (facts.media_kind, facts.container, facts.width, facts.height) == ("video", suffix, 160, 90)
    assert [shot.begin.start_frame for shot in shots] == [0, 14]
    assert [shot.begin.start_us for shot in shots] == [0, 14 * 80_000]
    assert (end.duration_us, end.frames, end.partial) == (30 * 80_000, 30, None)
    first = np.asarray(Image.open(io.BytesIO(pictures[0].image))).astype(int)
    assert np.abs(first - two_takes()[pictures[0].figures.frame_index]).mean() < 12


@pytest.mark.parametrize("suffix", FORMATS)
def test_moving_pictures_are_films_and_still_ones_photos(tmp_path, suffix):
    moving = save(tmp_path / f"moving.{suffix}", [scene(1), scene(2)], duration=100)
    still = save(tmp_path / f"still.{suffix}", [scene(1)])
    with moving.open("rb") as file:
        assert kind_of(file) == "video"
    with still.open("rb") as file:
        assert kind_of(file) == "photo"


def test_a_gif_that_repeats_one_picture_is_a_photo(tmp_path):
    path = save(tmp_path / "one.gif", [scene(1)], loop=0, comment=b"a comment " * 40)
    with path.open("rb") as file:
        assert kind_of(file) == "photo"


@pytest.mark.parametrize("suffix", ["png", "gif"])
def test_clear_parts_of_an_animation_lie_on_white(decoder, tmp_path, suffix):
    frames = [Image.new("RGBA", (64, 48), (0, 0, 0, 0)) for _ in range(3)]
    for i, frame in enumerate(frames):
        frame.paste((200, 30, 30, 255), (10 * i, 10, 10 * i + 10, 30))
    frames[0].save(tmp_path / f"clear.{suffix}", save_all=True, append_images=frames[1:], duration=100)
    _, _, pictures, _ = told(decoder, tmp_path / f"clear.{suffix}")
    shown = np.asarray(Image.open(io.BytesIO(pictures[0].image))).astype(int)
    assert shown[45, 60].min() > 245
    index = pictures[0].figures.frame_index
    assert np.abs(shown[20, 10 * index + 5] - (200, 30, 30)).max() < 40


def test_of_a_truncated_animation_what_decodes_is_kept_and_marked(decoder, tmp_path):
    path = save(tmp_path / "cut.gif", two_takes(), duration=80)
    data = path.read_bytes()
    path.write_bytes(data[: 3 * len(data) // 4])
    _, shots, _, end = told(decoder, path)
    assert [shot.begin.start_frame for shot in shots] == [0, 14]
    assert 18 < end.frames < 30
    assert "can't be read on" in end.partial


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_broken_animation_harms_nobody(decoder, tmp_path, suffix):
    path = save(tmp_path / f"broken.{suffix}", two_takes(), duration=80)
    data = path.read_bytes()
    for keep in (60, 400):
        path.write_bytes(data[:keep])
        with pytest.raises((DamagedMedia, UnsupportedMedia)):
            told(decoder, path)


def test_an_animation_is_sampled_at_its_times(tmp_path):
    path = save(tmp_path / "moving.gif", two_takes(), duration=80)
    pool = ChildPool(DecodeLimits())
    stretch = Stretch(start_us=14 * 80_000, start_frame=14, end_us=30 * 80_000, origin_pts=None)
    found = FilmSampler(DecodeLimits(), pool).sample(path, stretch, [1_200_000, 2_000_000], lines=90)
    assert [sample.figures.frame_index for sample in found if sample is not None] == [15, 25]
    pool.close()


def test_an_animation_over_the_pixel_limit_is_refused(tmp_path):
    decoder = MediaDecoder(DecodeLimits(pixels=10_000))
    with pytest.raises(LimitExceeded, match="160 x 90"):
        told(decoder, save(tmp_path / "moving.gif", two_takes(), duration=80))
    decoder.close()


def test_a_resumed_animation_gives_the_same_shots(decoder, tmp_path):
    path = save(tmp_path / "moving.webp", two_takes(), duration=80)
    _, shots, _, end = told(decoder, path)
    again = list(decoder.film(path, resume=shots[0].resume))
    assert [part for part in again if isinstance(part, ShotFound)] == shots[1:]
    assert again[-1] == end
