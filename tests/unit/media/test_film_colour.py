"""Keyframes show the film as its makers saw it: matrix, range, depth, HDR, camera logs; and no combs."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rushes.infra.media.decoder import MediaDecoder, Picture
from rushes.infra.media.film_colour import log_of
from rushes.infra.media.messages import FilmOpened
from rushes.infra.settings import DecodeLimits
from rushes.schemas.errors import NeedsProxy
from rushes.schemas.media import MediaFacts
from tests.making_formats import H265_QUIET, patch_error, patches, write_deep_film
from tests.making_media import scene

BT2020, PQ, HLG = 9, 16, 18
"""ISO/IEC 23091-2: primaries and matrix; transfers."""


@pytest.fixture(scope="module")
def decoder():
    made = MediaDecoder(DecodeLimits())
    yield made
    made.close()


def split(decoder: MediaDecoder, path: Path) -> tuple[MediaFacts, list[np.ndarray]]:
    """The film's facts and its keyframes as arrays."""
    parts = list(decoder.film(path))
    (facts,) = [part.facts for part in parts if isinstance(part, FilmOpened)]
    pictures = [np.asarray(Image.open(io.BytesIO(part.image))) for part in parts if isinstance(part, Picture)]
    return facts, pictures


def deep(picture: np.ndarray) -> np.ndarray:
    return picture.astype(np.uint16) * 257


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "how"),
    [
        ("601.mp4", "libx264", "yuv420p", {"matrix": 5}),
        ("709.mp4", "libx264", "yuv420p", {"matrix": 1}),
        ("full.mp4", "libx264", "yuv420p", {"matrix": 1, "full_range": True}),
        ("444.mp4", "libx264", "yuv444p", {"matrix": 1}),
        ("422-10.mp4", "libx264", "yuv422p10le", {"matrix": 1}),
        ("2020-matrix.mp4", "libx264", "yuv420p10le", {"matrix": BT2020}),
        ("rgb-12.mkv", "ffv1", "gbrp12le", {"matrix": 0, "full_range": True}),
        ("rgb.mov", "qtrle", "rgb24", {"matrix": 0, "full_range": True}),
        ("bgr.avi", "rawvideo", "bgr24", {"matrix": 0, "full_range": True}),
        ("prores.mov", "prores_ks", "yuv422p10le", {"matrix": 1}),
        ("prores-4444.mov", "prores_ks", "yuv444p10le", {"matrix": 1}),
    ],
)
def test_known_colours_come_out_as_they_went_in(decoder, tmp_path, name, codec, pix_fmt, how):
    options = {"crf": "1", "preset": "ultrafast"} if codec == "libx264" else {}
    film = write_deep_film(tmp_path / name, [deep(patches())] * 2, codec=codec, pix_fmt=pix_fmt, options=options, **how)
    facts, (shown, *_) = split(decoder, film)
    assert patch_error(shown, patches()) <= 5
    assert facts.display_transform is None


def of_matrix(path: Path, number: int) -> Path:
    """A film whose container names this matrix, over data of BT.2020."""
    film = write_deep_film(path, [deep(patches())] * 2, codec="ffv1", pix_fmt="yuv420p10le", matrix=BT2020)
    data = film.read_bytes()
    at = data.find(b"\x55\xb1\x81\x09")  # Matroska's MatrixCoefficients
    assert at > 0
    film.write_bytes(data[: at + 3] + bytes([number]) + data[at + 4 :])
    return film


def test_a_film_of_a_matrix_that_the_scaler_does_not_know_is_shown_all_the_same(decoder, tmp_path):
    constant_luminance = 10
    _, (shown, *_) = split(decoder, of_matrix(tmp_path / "constant.mkv", constant_luminance))
    assert patch_error(shown, patches()) < 30


def test_a_film_in_dolby_visions_own_colours_needs_a_proxy(decoder, tmp_path):
    ipt_c2 = 15
    with pytest.raises(NeedsProxy, match=r"Dolby Vision.*needs a proxy"):
        split(decoder, of_matrix(tmp_path / "dolby.mkv", ipt_c2))


# -- HDR and logs: a picture for screens, encoded as the standard says, must come back


def to_light(picture: np.ndarray) -> np.ndarray:
    """sRGB to light of a screen, 0..1."""
    x = picture / 255
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


TO_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
"""BT.2087-0: BT.709 to BT.2020."""


def as_pq(picture: np.ndarray, white_nits: float = 203) -> np.ndarray:
    y = (to_light(picture) @ TO_2020.T * white_nits / 10_000).clip(0, 1) ** (2610 / 16_384)
    code = ((3424 / 4096 + 2413 / 128 * y) / (1 + 2392 / 128 * y)) ** (2523 / 32)
    return np.rint(code * 65_535).astype(np.uint16)


def as_hlg(picture: np.ndarray) -> np.ndarray:
    display = to_light(picture) @ TO_2020.T * 203 / 1000
    luminance = display @ np.array([0.2627, 0.6780, 0.0593])
    scene_light = (display * np.maximum(luminance, 1e-9)[..., None] ** (1 / 1.2 - 1)).clip(0, 1)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    code = np.where(scene_light <= 1 / 12, np.sqrt(3 * scene_light), a * np.log((12 * scene_light - b).clip(1e-9)) + c)
    return np.rint(code.clip(0, 1) * 65_535).astype(np.uint16)


S_GAMUT3_CINE_TO_709 = np.array(
    [[1.6269, -0.5401, -0.0868], [-0.1785, 1.4179, -0.2394], [-0.0444, -0.1959, 1.2404]],
)


def as_s_log3(picture: np.ndarray) -> np.ndarray:
    """R'G'B' as a decoder gives it of S-Log3 recorded in limited range."""
    light = to_light(picture) @ np.linalg.inv(S_GAMUT3_CINE_TO_709).T
    code = np.where(
        light >= 0.01125, 420 + np.log10((light + 0.01).clip(1e-6) / 0.19) * 261.5, light * 76.2102946929 / 0.01125 + 95
    )
    return np.rint(((code - 64) / 876).clip(0, 1) * 65_535).astype(np.uint16)


def hevc(path: Path, codes: np.ndarray, transfer: int, more: str = "") -> Path:
    tags = f"colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc:range=limited"
    return write_deep_film(
        path, [codes] * 2, codec="libx265", pix_fmt="yuv420p10le", matrix=BT2020, transfer=transfer, primaries=BT2020,
        options={"x265-params": f"{H265_QUIET}:{tags}{more}", "preset": "ultrafast"},
    )  # fmt: skip


NO_BRIGHTER_THAN_WHITE = (
    ":hdr10=1:max-cll=203,80:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
)


@pytest.fixture(scope="module")
def photo_like() -> np.ndarray:
    return np.vstack([scene(5, 96, 160), patches()])


def mean_error(shown: np.ndarray, want: np.ndarray) -> float:
    return float(np.abs(shown.astype(float) - want.astype(float)).mean())


@pytest.mark.parametrize(("transfer", "encode", "name"), [
    (PQ, as_pq, "smpte2084/bt2020/1000"),
    (HLG, as_hlg, "arib-std-b67/bt2020"),
])  # fmt: skip
def test_a_keyframe_of_hdr_looks_like_its_original_for_screens(decoder, tmp_path, photo_like, transfer, encode, name):
    codes = encode(photo_like)
    facts, (shown, *_) = split(decoder, hevc(tmp_path / "hdr.mp4", codes, transfer))
    assert facts.display_transform == name
    assert mean_error(shown, photo_like) < 5
    assert patch_error(shown[96:], patches()) < 30, "the highlights' room is taken from white"
    assert mean_error(codes / 257, photo_like) > 15, "as it is, it would be another picture"
    assert shown.std() > 0.9 * photo_like.std()


def test_a_film_that_says_how_bright_it_gets_loses_nothing_to_highlights(decoder, tmp_path, photo_like):
    facts, (shown, *_) = split(decoder, hevc(tmp_path / "hdr.mp4", as_pq(photo_like), PQ, NO_BRIGHTER_THAN_WHITE))
    assert facts.display_transform == "smpte2084/bt2020/203"
    assert mean_error(shown, photo_like) < 3
    assert patch_error(shown[96:], patches()) < 8


def test_a_large_hdr_film_is_scaled_without_losing_its_tones(tmp_path, photo_like):
    decoder = MediaDecoder(DecodeLimits(keyframe_lines=80))
    _, (shown, *_) = split(decoder, hevc(tmp_path / "hdr.mp4", as_pq(photo_like), PQ, NO_BRIGHTER_THAN_WHITE))
    decoder.close()
    want = np.asarray(Image.fromarray(photo_like).resize((80, 96), Image.Resampling.BOX))
    assert shown.shape == want.shape
    assert mean_error(shown, want) < 5


def test_a_camera_log_is_shown_by_its_makers_curve(decoder, tmp_path, photo_like):
    codes = as_s_log3(photo_like)
    film = write_deep_film(
        tmp_path / "log.mkv", [codes] * 2, codec="ffv1", pix_fmt="yuv422p10le", matrix=1,
        metadata={"CaptureGamma": "S-Log3"},
    )  # fmt: skip
    facts, (shown, *_) = split(decoder, film)
    assert (facts.color_transfer, facts.display_transform) == ("s-log3", "s-log3/s-gamut3.cine")
    assert mean_error(shown, photo_like) < 6
    assert shown.std() > 2 * (codes / 257).std() * 0.8, "no longer flat"


def test_sonys_clip_metadata_in_an_mp4_tells_the_log(decoder, tmp_path, photo_like):
    film = write_deep_film(
        tmp_path / "clip.mp4", [as_s_log3(photo_like)] * 2, codec="libx264", pix_fmt="yuv422p10le", matrix=1,
        options={"crf": "4", "preset": "ultrafast"},
    )  # fmt: skip
    xml = (
        b'<Item name="CaptureGammaEquation" value="s-log3-cine"/>'
        b'<Item name="CaptureColorPrimaries" value="s-gamut3-cine"/>'
    )
    with film.open("ab") as file:
        file.write((len(xml) + 8).to_bytes(4, "big") + b"meta" + xml)
    facts, (shown, *_) = split(decoder, film)
    assert facts.display_transform == "s-log3/s-gamut3.cine"
    assert mean_error(shown, photo_like) < 8


@pytest.mark.parametrize(
    ("tag", "value", "name"),
    [
        ("com.arri.camera.ColorGammaSxS", "LOG-C", "logc3/alexa-wide-gamut"),
        ("CaptureGamma", "V-Log", "v-log/v-gamut"),
        ("gamma", "Canon Log 3", "c-log3/cinema-gamut"),
        ("gamma", "slog3 / S-Gamut3", "s-log3/s-gamut3"),
        ("ColorSpace", "D-Log", "d-log/d-gamut"),
        ("ColorSpace", "D-LogM", None),
        ("gamma", "Rec.709", None),
        ("comment", "shot in v-log", None),
    ],
)
def test_what_makers_write_of_their_log_is_understood(tag, value, name):
    found = log_of({tag.lower(): value})
    assert (found.name if found is not None else None) == name


def test_ordinary_gamma_in_wide_primaries_is_brought_to_a_screens(decoder, tmp_path, photo_like):
    wide = to_light(photo_like) @ TO_2020.T
    codes = np.where(wide <= 0.0031308, 12.92 * wide, 1.055 * wide.clip(0) ** (1 / 2.4) - 0.055)
    facts, (shown, *_) = split(
        decoder, hevc(tmp_path / "wide.mp4", np.rint(codes.clip(0, 1) * 65_535).astype(np.uint16), 14)
    )
    assert facts.display_transform == "sdr/bt2020"
    assert mean_error(shown, photo_like) < 4
    assert patch_error(shown[96:], patches()) < 8


# -- interlaced


def moving(step: int) -> np.ndarray:
    """A white bar on grey that moves 8 pixels a field."""
    picture = np.full((96, 160, 3), 60, np.uint8)
    picture[20:76, 10 + 8 * step : 50 + 8 * step] = 230
    return picture


def woven(frame: int) -> np.ndarray:
    picture = moving(2 * frame).copy()
    picture[1::2] = moving(2 * frame + 1)[1::2]
    return picture


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "options"),
    [
        ("tape.ts", "mpeg2video", "yuv420p", {"qmin": "1", "q": "2"}),
        ("tape.mov", "prores_ks", "yuv422p10le", {}),
        ("tape.mts", "libx264", "yuv420p", {"x264-params": "tff=1", "crf": "5", "preset": "ultrafast"}),
    ],
)
def test_no_combs_are_stored_of_interlaced_film(decoder, tmp_path, name, codec, pix_fmt, options):
    film = write_deep_film(
        tmp_path / name, [deep(woven(i)) for i in range(4)], codec=codec, pix_fmt=pix_fmt, options=options,
        interlaced=True,
    )  # fmt: skip
    facts, pictures = split(decoder, film)
    assert (facts.width, facts.height) == (160, 96)
    for shown in pictures:
        grey = shown[30:66].mean(axis=2)
        assert shown.shape == (96, 160, 3)
        assert np.abs(np.diff(grey, axis=0)).max() < 25, "lines of the bar's sides agree with their neighbours"
        assert grey.max() > 200


def test_still_pictures_of_interlaced_film_keep_all_their_lines(decoder, tmp_path):
    picture = scene(3, 96, 160).copy()
    picture[40:42] = 250  # a line that one field would show twice as thick, or as grey
    film = write_deep_film(
        tmp_path / "still.mov", [deep(picture)] * 3, codec="prores_ks", pix_fmt="yuv422p10le", interlaced=True
    )
    _, (shown, *_) = split(decoder, film)
    assert np.abs(shown[40:42].astype(int) - 250).mean() < 15
    assert mean_error(shown, picture) < 4
