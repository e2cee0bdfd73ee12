"""Films: shots, keyframes, times, rotation, what containers say; and what is left of damaged ones."""

import io
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from rushes.infra.media.decoder import MediaDecoder, Picture
from rushes.infra.media.film_reader import FilmReader
from rushes.infra.media.messages import FilmEnded, FilmOpened, ShotFound
from rushes.infra.settings import DecodeLimits
from rushes.schemas.errors import DamagedMedia, LimitExceeded, UnsupportedMedia
from tests.making_cards import card, clapper, color_bars
from tests.making_media import claim_duration, claim_duration_mkv, fade, pan, scene, still, write_film, write_sound


@pytest.fixture(scope="module")
def decoder():
    made = MediaDecoder(DecodeLimits())
    yield made
    made.close()


class Told:
    """What the decoder told of a film."""

    def __init__(self, decoder: MediaDecoder, path: Path, **how) -> None:
        parts = list(decoder.film(path, **how))
        (self.facts,) = [part.facts for part in parts if isinstance(part, FilmOpened)]
        self.shots = [part for part in parts if isinstance(part, ShotFound)]
        self.pictures = sorted((p for p in parts if isinstance(p, Picture)), key=lambda p: p.figures.frame_index)
        assert isinstance(parts[-1], FilmEnded)
        self.end = parts[-1]

    @property
    def starts(self) -> list[int]:
        return [shot.begin.start_frame for shot in self.shots]

    def of_shot(self, number: int) -> list[tuple[str, int]]:
        shot = self.shots[number]
        frames = range(shot.begin.start_frame, shot.end_frame)
        return [(p.figures.why, p.figures.frame_index) for p in self.pictures if p.figures.frame_index in frames]


def array(picture: Picture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture.image))).astype(int)


def cuts(*lengths: int, size: tuple[int, int] = (90, 160)):
    for seed, length in enumerate(lengths):
        yield from still(scene(seed, *size), length)


def test_shots_are_found_and_told_by_their_keyframes(decoder, tmp_path):
    film = write_film(tmp_path / "film.mp4", [*cuts(30, 40), *pan(9, 60), *fade(scene(4), 20, out=False)])
    told = Told(decoder, film)
    assert told.starts[:3] == [0, 30, 70]
    assert [shot.begin.transition_in for shot in told.shots[:3]] == ["start", "cut", "cut"]
    assert told.shots[-1].transition_out == "end"
    assert [why for why, _ in told.of_shot(0)] == ["static"]
    assert [why for why, _ in told.of_shot(2)] == ["start", "middle", "end"]
    assert [shot.dynamic for shot in told.shots[:3]] == [False, False, True]
    assert (told.end.frames, told.end.duration_us, told.end.partial) == (150, 6_000_000, None)
    ends = [(shot.end_us, shot.end_frame) for shot in told.shots]
    begins = [(shot.begin.start_us, shot.begin.start_frame) for shot in told.shots]
    assert ends[:-1] == begins[1:], "a shot ends where the next one starts"


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("film.mkv", "libx264"),
        ("film.mov", "mpeg4"),
        ("film.avi", "mpeg4"),
        ("film.ts", "libx264"),
        ("film.webm", "libvpx-vp9"),
        ("film.mxf", "mpeg2video"),
        ("film.mpg", "mpeg2video"),
        ("film.mp4", "libx265"),
    ],
)
def test_containers_and_codecs(decoder, tmp_path, name, codec):
    options = {"deadline": "realtime", "cpu-used": "8"} if "vp9" in codec else {}
    options |= {"x265-params": "log-level=none"} if codec == "libx265" else {}
    told = Told(decoder, write_film(tmp_path / name, cuts(30, 30, 30), codec=codec, options=options))
    assert told.starts == [0, 30, 60]
    assert told.end.partial is None
    assert [shot.begin.start_us for shot in told.shots] == [0, 1_200_000, 2_400_000]


def test_time_zero_is_the_first_presented_frame(decoder, tmp_path):
    film = tmp_path / "late.mkv"
    with av.open(str(film), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 90, "yuv420p"
        for i, picture in enumerate(cuts(30, 30)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = 1000 + i, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert [shot.begin.start_us for shot in Told(decoder, film).shots] == [0, 1_200_000]


def test_ntsc_rates_stay_rational_and_times_are_whole_microseconds(decoder, tmp_path):
    film = write_film(tmp_path / "ntsc.mp4", cuts(31, 31), rate=Fraction(30000, 1001))
    told = Told(decoder, film)
    assert (told.facts.frame_rate.numerator, told.facts.frame_rate.denominator) == (30000, 1001)
    assert told.shots[1].begin.start_us == round(31 * 1001 / 30000 * 1_000_000)


@pytest.mark.parametrize(("counterclockwise", "clockwise"), [(90, 270), (180, 180), (-90, 90)])
def test_rotation_is_honoured(decoder, tmp_path, counterclockwise, clockwise):
    picture = np.zeros((96, 160, 3), np.uint8) + 60
    picture[:48, :80] = 230
    film = write_film(tmp_path / "turned.mp4", still(picture, 20), rotation=counterclockwise)
    told = Told(decoder, film)
    assert told.facts.rotation_degrees == clockwise
    stored = array(told.pictures[0])
    want = np.rot90(picture, counterclockwise // 90)
    assert stored.shape == want.shape
    assert (told.facts.height, told.facts.width) == want.shape[:2]
    assert np.abs(stored - want).mean() < 6


def test_pixel_aspect_is_applied_to_the_displayed_size(decoder, tmp_path):
    film = write_film(tmp_path / "wide.mkv", cuts(20, size=(96, 144)), pixel_aspect=Fraction(16, 11))
    told = Told(decoder, film)
    assert (told.facts.width, told.facts.height) == (209, 96)
    assert array(told.pictures[0]).shape == (96, 209, 3)


def test_timecode_is_read_with_its_drop_frame_flag(decoder, tmp_path):
    for name, text, dropped in (("ndf.mov", "10:11:12:13", False), ("df.mov", "01:00:00;02", True)):
        rate = Fraction(30000, 1001) if dropped else 25
        film = write_film(tmp_path / name, cuts(30), rate=rate, metadata={"timecode": text})
        facts = Told(decoder, film).facts
        assert (facts.timecode.text, facts.timecode.drop_frame) == (text, dropped)


def test_reel_camera_and_date_are_read(decoder, tmp_path):
    metadata = {"reel_name": "A003C012", "make": "ARRI", "model": "ALEXA", "creation_time": "2024-05-06T07:08:09Z"}
    facts = Told(decoder, write_film(tmp_path / "film.mkv", cuts(20), metadata=metadata)).facts
    assert (facts.reel, facts.camera) == ("A003C012", "ARRI ALEXA")
    assert facts.captured_at is not None
    assert facts.captured_at.isoformat() == "2024-05-06T07:08:09+00:00"


def test_keyframes_show_the_colours_of_the_film(decoder, tmp_path):
    picture = scene(5, 360, 640)
    told = Told(decoder, write_film(tmp_path / "film.mp4", still(picture, 10), options={"crf": "5"}))
    assert np.abs(array(told.pictures[0]) - picture).mean() < 4


def test_deep_colour_is_decoded(decoder, tmp_path):
    film = tmp_path / "deep.mov"
    with av.open(str(film), "w") as container:
        stream = container.add_stream("prores_ks", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv422p10le"
        for picture in cuts(12, 12, size=(96, 160)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv422p10le")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert Told(decoder, film).starts == [0, 12]


def test_anchored_times_give_their_frames(decoder, tmp_path):
    film = write_film(tmp_path / "film.mp4", cuts(50, 50))
    told = Told(decoder, film, wanted_us=(0, 400_000, 2_015_000, 9_000_000))
    anchors = [p.figures.frame_index for p in told.pictures if p.figures.why == "anchor"]
    assert anchors == [0, 10, 50], "the nearest frame within half a frame; none behind the film's end"


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("film.mp4", "libx264", {}),
        ("open.ts", "libx264", {"preset": "medium", "x264-params": "open-gop=1:bframes=4"}),
        ("open.mkv", "libx265", {"preset": "ultrafast", "x265-params": "log-level=none:open-gop=1:bframes=4"}),
        ("refresh.mp4", "libx264", {"preset": "medium", "x264-params": "intra-refresh=1"}),
        ("film.mpg", "mpeg2video", {"bf": "2"}),
        ("raw.h264", "libx264", {"preset": "medium"}),
    ],
)
def test_a_resumed_film_gives_the_same_shots_and_pictures(decoder, tmp_path, name, codec, options):
    lengths = (40, 33, 57, 25, 61, 18, 44)
    film = write_film(tmp_path / name, cuts(*lengths), codec=codec, gop=48, options=options)
    whole = Told(decoder, film)
    assert len(whole.shots) == len(lengths)
    for number, shot in list(enumerate(whole.shots[:-1]))[::2]:
        resumed = Told(decoder, film, resume=shot.resume)
        assert resumed.shots == whole.shots[number + 1 :]
        behind = [p.figures for p in whole.pictures if p.figures.frame_index >= shot.end_frame]
        assert [p.figures for p in resumed.pictures] == behind
        assert resumed.end == whole.end


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.ts"])
def test_reading_from_95_percent_decodes_hardly_more_than_the_rest(tmp_path, name):
    film = write_film(tmp_path / name, cuts(*[100] * 20), gop=50)
    reader = FilmReader(str(film), DecodeLimits(), recognised=True, alive=lambda: None)
    whole = [timed.time_us for timed in reader.frames()]
    again = FilmReader(str(film), DecodeLimits(), recognised=True, alive=lambda: None)
    rest = [timed.time_us for timed in again.frames(whole[1900], reader.origin_pts)]
    assert rest == whole[-len(rest) :]
    assert 100 <= len(rest) <= 100 + 50 + 50 + 12, "the rest, two seconds of margin, and back to a key frame"


@pytest.mark.parametrize("name", ["cut.mkv", "cut.ts", "cut.mp4", "cut.avi"])
def test_of_a_truncated_film_what_decodes_is_kept_and_marked(decoder, tmp_path, name):
    options = {"movflags": "faststart"} if name.endswith("mp4") else {}
    noisy = (np.random.default_rng(i).integers(0, 60, (90, 160, 3)).astype(np.uint8) + p // 2
             for i, p in enumerate(cuts(60, 60, 60)))  # fmt: skip
    film = write_film(tmp_path / name, noisy, container_options=options)
    data = film.read_bytes()
    film.write_bytes(data[: int(0.55 * len(data))])
    told = Told(decoder, film)
    assert 60 < told.end.frames < 130
    assert told.starts[:2] == [0, 60]
    if name != "cut.ts":  # a transport stream claims no length
        assert told.end.partial is not None


def test_damaged_stretches_are_skipped_and_counted(decoder, tmp_path):
    film = write_film(tmp_path / "film.mkv", cuts(60, 60, 60), gop=10)
    data = bytearray(film.read_bytes())
    third = len(data) // 3
    data[third : third + 600] = bytes(600)
    film.write_bytes(data)
    told = Told(decoder, film)
    assert told.end.frames > 100
    assert told.end.partial is not None


def test_a_false_header_over_whole_data_does_no_harm(decoder, tmp_path):
    written = write_film(tmp_path / "film.mp4", cuts(40, 40), container_options={"video_track_timescale": "1000"})
    told = Told(decoder, claim_duration(written, hours=40))
    assert told.starts == [0, 40]
    assert (told.end.duration_us, told.end.partial) == (3_200_000, None)


@pytest.mark.parametrize("claim", [claim_duration, claim_duration_mkv])
def test_a_header_that_claims_100_hours_is_refused_at_once(decoder, tmp_path, claim):
    suffix = "mp4" if claim is claim_duration else "mkv"
    options = {"video_track_timescale": "1000"} if suffix == "mp4" else {}
    film = write_film(tmp_path / f"film.{suffix}", cuts(40, 40), container_options=options)
    with pytest.raises(LimitExceeded, match="claims 100 hours, at most 48"):
        Told(decoder, claim(film, hours=100))


def test_a_header_that_claims_too_much_within_the_limit_ends_with_what_decoded(decoder, tmp_path):
    told = Told(decoder, claim_duration_mkv(write_film(tmp_path / "film.mkv", cuts(40, 40)), hours=40))
    assert told.starts == [0, 40]
    assert told.end.duration_us == 3_200_000
    assert "3.2 s could be decoded" in told.end.partial


def test_sound_alone_is_no_film(decoder, tmp_path):
    with pytest.raises(UnsupportedMedia, match="only audio"):
        Told(decoder, write_sound(tmp_path / "sound.mp4"))


def test_text_is_no_film_and_half_a_header_is_a_damaged_one(decoder, tmp_path):
    text = tmp_path / "text.mp4"
    text.write_text("this is not a film\n" * 100)
    with pytest.raises(UnsupportedMedia):
        Told(decoder, text)
    film = write_film(tmp_path / "film.mp4", cuts(20))
    film.write_bytes(film.read_bytes()[:500])
    with pytest.raises(DamagedMedia):
        Told(decoder, film)


def test_a_playlist_opens_no_other_file(decoder, tmp_path):
    write_film(tmp_path / "secret.ts", cuts(30))
    playlist = tmp_path / "film.mp4"
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.0,\nsecret.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(UnsupportedMedia):
        Told(decoder, playlist)
    playlist.write_text("ffconcat version 1.0\nfile secret.ts\n")
    with pytest.raises(UnsupportedMedia):
        Told(decoder, playlist)


def test_a_film_over_the_pixel_limit_is_refused(tmp_path):
    decoder = MediaDecoder(DecodeLimits(pixels=10_000))
    with pytest.raises(LimitExceeded, match="160 x 90"):
        Told(decoder, write_film(tmp_path / "film.mp4", cuts(20)))
    decoder.close()


def test_a_film_taller_than_2160_lines_is_stored_smaller(decoder, tmp_path):
    film = write_film(tmp_path / "tall.mp4", cuts(2, size=(2400, 2600)))
    told = Told(decoder, film)
    assert (told.facts.width, told.facts.height) == (2600, 2400)
    assert (told.pictures[0].figures.width, told.pictures[0].figures.height) == (2340, 2160)


def test_near_duplicates_and_black_frames_are_flagged(decoder, tmp_path):
    film = write_film(tmp_path / "film.mp4", [*still(scene(1), 30), *still(scene(1) * 0, 30)])
    told = Told(decoder, film, wanted_us=(200_000,))
    flags = [p.figures.flags for p in told.pictures]
    assert flags == [(), ("near_duplicate",), ("black",)]


def test_a_keyframe_is_taken_beside_a_blurred_middle(decoder, tmp_path):
    place = np.clip(scene(1) + np.random.default_rng(1).normal(0, 20, (90, 160, 3)), 0, 255).astype(np.uint8)
    blurred = cv2.GaussianBlur(place, (0, 0), 3)
    film = write_film(tmp_path / "film.mp4", [*still(place, 40), *still(blurred, 20), *still(place, 40)])
    (told,) = Told(decoder, film).pictures
    assert told.figures.why == "static"
    assert not 40 <= told.figures.frame_index < 60
    assert 100 / 3 <= told.figures.frame_index < 200 / 3


def test_bars_clapper_and_card_at_the_head_of_a_film_are_flagged(decoder, tmp_path):
    place = scene(1, 360, 640)
    heads = (color_bars("smptebars"), card(1), clapper(101, place), place)
    film = write_film(tmp_path / "film.mp4", [picture for head in heads for picture in still(head, 20)])
    flags = [picture.figures.flags for picture in Told(decoder, film).pictures]
    assert flags == [("color_bars",), ("slate",), ("slate",), ()]
