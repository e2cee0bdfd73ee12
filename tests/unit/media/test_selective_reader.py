"""Reading a film selectively, against reading all of it."""

from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import pytest

from rushes.infra.media.decoder import MediaDecoder, Picture
from rushes.infra.media.messages import FilmEnded, FilmOpened, ShotFound
from rushes.infra.media.selective_reader import SelectiveReader
from rushes.infra.media.stretches import AnchorDecoder
from rushes.infra.settings import DecodeLimits
from tests.making_media import fade, pan, scene, still, write_film


@pytest.fixture(scope="module")
def exact():
    made = MediaDecoder(DecodeLimits(scan="exact"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def selective():
    made = MediaDecoder(DecodeLimits(scan="auto"))
    yield made
    made.close()


class Read:
    """What was told of a film."""

    def __init__(self, decoder: MediaDecoder, film: Path, **how) -> None:
        parts = list(decoder.film(film, **how))
        (self.facts,) = [part.facts for part in parts if isinstance(part, FilmOpened)]
        self.shots = [part for part in parts if isinstance(part, ShotFound)]
        self.pictures = [part for part in parts if isinstance(part, Picture)]
        self.end = parts[-1]
        assert isinstance(self.end, FilmEnded)

    @property
    def boundaries(self) -> list[tuple]:
        return [
            (s.begin.start_frame, s.begin.start_us, s.begin.transition_in, s.end_frame, s.end_us, s.dynamic)
            for s in self.shots
        ]


def takes(*lengths: int):
    """Takes of one place each, in which something small moves."""
    for seed, length in enumerate(lengths):
        place = scene(seed)
        for i in range(length):
            shown = place.copy()
            shown[40:46, 20 + i % 100 : 26 + i % 100] = 230
            yield shown


CODECS = [
    ("film.mp4", "libx264", {"x264-params": "scenecut=0"}),
    ("film.mkv", "libx264", {"preset": "medium", "x264-params": "bframes=3:b-pyramid=normal"}),
    ("open.mkv", "libx265", {"preset": "ultrafast", "x265-params": "log-level=none:open-gop=1:bframes=4"}),
    ("intra.mov", "mjpeg", {"strict": "unofficial"}),
    ("intra.mp4", "libx264", {"x264-params": "keyint=1"}),
]


@pytest.mark.parametrize(("name", "codec", "options"), CODECS)
def test_it_finds_the_same_shots_and_looks_at_fewer_frames(exact, selective, tmp_path, name, codec, options):
    film = write_film(tmp_path / name, takes(150, 33, 157, 8, 120), codec=codec, gop=25, options=options)
    whole, part = Read(exact, film), Read(selective, film)
    assert part.boundaries == whole.boundaries
    assert [start for start, *_ in whole.boundaries] == [0, 150, 183, 340, 348]
    assert (part.end.frames, part.end.duration_us, part.end.partial) == (468, 18_720_000, None)
    assert part.facts == whole.facts
    assert whole.end.decoded_frames == 468
    assert part.end.decoded_frames < 200
    for shot in part.shots:
        frames = [place.frame_index for place in shot.keyframes]
        assert frames
        assert all(shot.begin.start_frame <= frame < shot.end_frame for frame in frames)


def test_fades_and_pans_are_told_as_by_exact_reading(exact, selective, tmp_path):
    pictures = chain(takes(100), fade(scene(0), 20, out=True), fade(scene(5), 20, out=False), still(scene(5), 60),
                     pan(9, 90), still(scene(7), 80))  # fmt: skip
    film = write_film(tmp_path / "film.mp4", pictures, gop=25)
    whole, part = Read(exact, film), Read(selective, film)
    assert [at[:5] for at in part.boundaries] == [at[:5] for at in whole.boundaries]
    spans = [[(t.kind, t.direction, t.start_frame, t.end_frame) for s in read.shots for t in s.transitions]
             for read in (part, whole)]  # fmt: skip
    assert [span[:2] for span in spans[0]] == [span[:2] for span in spans[1]]
    for one, other in zip(*spans, strict=True):
        assert one[2:] == pytest.approx(other[2:], abs=3), "frames before the fade were not looked at"


def test_of_key_frames_only_one_frame_between_two_that_differ_is_looked_at_first(exact, selective, tmp_path):
    def passing(seed: int, frames: int):
        """Something goes to and fro so fast that every fifth frames differ by half of a cut, and hardly by more."""
        for i in range(frames):
            shown = scene(seed)
            left = abs((7 * i // 2) % 240 - 120)
            shown[30:56, left : left + 26] = 250
            yield shown

    for phase in range(5):
        film = write_film(
            tmp_path / f"{phase}.mov", chain(passing(1, 50 + phase), passing(2, 50)),
            codec="mjpeg", options={"strict": "unofficial"},
        )  # fmt: skip
        whole, part = Read(exact, film), Read(selective, film)
        assert part.boundaries == whole.boundaries
        assert [start for start, *_ in part.boundaries] == [0, 50 + phase]
        assert part.end.decoded_frames < 0.8 * part.end.frames


@pytest.mark.parametrize("at", [27, 60, 101])
@pytest.mark.parametrize("length", [6, 14])
def test_a_short_shot_between_two_key_frames_that_look_alike_is_found(selective, tmp_path, at, length):
    pictures = list(takes(200))
    pictures[at : at + length] = still(scene(8), length)
    film = write_film(tmp_path / "film.mp4", pictures, gop=150, options={"x264-params": "scenecut=0"})
    assert [start for start, *_ in Read(selective, film).boundaries] == [0, at, at + length]


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("film.ts", "libx264", {}),
        ("film.avi", "libx264", {}),
        ("film.mp4", "mpeg4", {}),
        ("open.mkv", "libx264", {"preset": "medium", "x264-params": "bframes=3:open-gop=1"}),
        ("refresh.mp4", "libx264", {"preset": "medium", "x264-params": "intra-refresh=1"}),
    ],
)
def test_films_that_do_not_tell_their_frames_are_read_whole(selective, tmp_path, name, codec, options):
    read = Read(selective, write_film(tmp_path / name, takes(80, 60), codec=codec, options=options))
    assert [start for start, *_ in read.boundaries] == [0, 80]
    assert read.end.decoded_frames == read.end.frames == 140


def test_packets_that_do_not_decode_make_it_read_the_rest_whole(selective, exact, tmp_path):
    film = write_film(tmp_path / "film.mkv", takes(100, 100, 100), gop=25)
    data = bytearray(film.read_bytes())
    place = int(0.5 * len(data))
    data[place : place + 900] = np.random.default_rng(0).integers(0, 256, 900).astype(np.uint8).tobytes()
    film.write_bytes(data)
    whole, part = Read(exact, film), Read(selective, film)
    assert part.boundaries == whole.boundaries
    assert part.end.partial == whole.end.partial


@pytest.mark.parametrize(("name", "codec", "options"), CODECS[:4])
def test_resumed_at_any_shot_it_finds_the_same(selective, tmp_path, name, codec, options):
    film = write_film(tmp_path / name, takes(130, 33, 157, 8, 90), codec=codec, gop=25, options=options)
    whole = Read(selective, film)
    for number, shot in enumerate(whole.shots[:-1]):
        resumed = Read(selective, film, resume=shot.resume)
        assert resumed.shots == whole.shots[number + 1 :]
        assert resumed.end == whole.end
        behind = [p.figures for p in whole.pictures if p.figures.frame_index >= shot.end_frame]
        assert [p.figures for p in resumed.pictures] == behind


def montage_then_take():
    """Cuts every .8 s, then nothing but a long take."""
    return takes(*[20] * 30, 500)


@pytest.mark.parametrize(("name", "codec", "options"), CODECS)
def test_what_is_nearly_all_to_be_decoded_is_read_as_a_whole_and_what_follows_is_not(
    exact, selective, tmp_path, name, codec, options
):
    film = write_film(tmp_path / name, montage_then_take(), codec=codec, gop=25, options=options)
    whole, part = Read(exact, film), Read(selective, film)
    assert part.boundaries == whole.boundaries
    assert [start for start, *_ in whole.boundaries] == [*range(0, 601, 20)]
    assert part.end.decoded_frames < 0.85 * 1100
    for number in range(0, len(part.shots) - 1, 4):
        resumed = Read(selective, film, resume=part.shots[number].resume)
        assert resumed.shots == part.shots[number + 1 :]
        assert resumed.end == part.end


def test_key_frames_are_decoded_twice_only_where_that_saves_others(tmp_path, monkeypatch):
    sent: list[float] = []
    send = AnchorDecoder.send
    monkeypatch.setattr(
        AnchorDecoder, "send", lambda self, one: (sent.append(one.anchor.time_us / 1e6), send(self, one))
    )
    film = write_film(tmp_path / "film.mp4", montage_then_take(), gop=25)
    reader = SelectiveReader(str(film), DecodeLimits(), recognised=True, alive=lambda: None)
    assert len(list(reader.seen())) == 1100
    assert sent == sorted(set(sent))
    assert [at for at in sent if 10 < at < 24] == [], "the montage goes on to 24 s"
    assert len([at for at in sent if at >= 36]) == 8, "one a second of the take to 44 s"


def test_wanted_times_are_decoded_wherever_they_lie(selective, tmp_path):
    film = write_film(tmp_path / "film.mp4", takes(300), gop=25)
    read = Read(selective, film, wanted_us=(5_000_000, 5_040_000, 9_000_000))
    anchors = [p.figures.frame_index for p in read.pictures if p.figures.why == "anchor"]
    assert anchors == [125, 126, 225]


def test_a_take_cut_for_size_where_nothing_was_decoded_has_a_keyframe(exact, selective, tmp_path):
    pictures = (p for p in still(scene(1, 36, 64), 610))
    film = write_film(tmp_path / "film.mp4", pictures, rate=10, gop=250, options={"x264-params": "scenecut=0"})
    whole, part = Read(exact, film), Read(selective, film)
    assert part.boundaries == whole.boundaries
    assert [len(s.keyframes) > 0 for s in part.shots] == [True, True]


def test_it_says_that_it_lives_while_it_decodes_what_it_held(tmp_path):
    film = write_film(tmp_path / "film.mp4", takes(60), gop=60)
    happened: list[str] = []
    reader = SelectiveReader(str(film), DecodeLimits(), recognised=True, alive=lambda: happened.append("alive"))
    for _ in reader.seen():
        happened.append("frame")  # noqa: PERF401  the order is what is tested
    assert happened.count("frame") == 60
    assert all("frame" not in (a, b) or a != b for a, b in pairwise(happened))
