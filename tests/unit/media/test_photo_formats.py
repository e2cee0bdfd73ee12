"""Photos of cameras, scanners and effects: raw, DPX, EXR, deep TIFF, HDR, colour profiles; and what is refused."""

import io
import struct
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import ExifTags, Image

from rushes.infra.media.decoder import MediaDecoder
from rushes.infra.settings import DecodeLimits
from rushes.schemas.errors import DamagedMedia, LimitExceeded, NeedsProxy, UnsupportedMedia
from rushes.schemas.media import MediaFacts
from tests.making_formats import (
    exr_attribute,
    icc_profile,
    patch_error,
    patches,
    write_deep_film,
    write_deep_png,
    write_dng,
    write_dpx,
    write_exr,
)
from tests.making_media import scene, still, write_film


@pytest.fixture(scope="module")
def decoder():
    made = MediaDecoder(DecodeLimits())
    yield made
    made.close()


def shown(decoder: MediaDecoder, path: Path) -> tuple[MediaFacts, np.ndarray]:
    facts, picture = decoder.photo(path)
    return facts, np.asarray(Image.open(io.BytesIO(picture.image))).astype(int)


def to_light(picture: np.ndarray) -> np.ndarray:
    x = picture / 255
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


# -- scans and visual effects


def test_a_dpx_of_printing_density_is_shown_as_a_print(decoder, tmp_path):
    per_code, black = 0.002 / 0.6, 10 ** ((95 - 685) * 0.002 / 0.6)
    code = 685 + np.log10(to_light(patches()) * (1 - black) + black) / per_code
    path = write_dpx(tmp_path / "scan.dpx", np.rint(code / 1023 * 65_535).astype(np.uint16), transfer=1)
    facts, found = shown(decoder, path)
    assert (facts.container, facts.width, facts.height) == ("dpx", 160, 96)
    assert facts.display_transform == "cineon/bt709"
    assert patch_error(found, patches()) < 32, "white makes room for what is brighter"
    assert np.abs(found - patches().astype(int)).mean() < 6


def test_a_dpx_of_video_is_shown_as_it_is_and_its_pixel_aspect_is_applied(decoder, tmp_path):
    path = write_dpx(tmp_path / "video.dpx", patches().astype(np.uint16) * 257, transfer=6, aspect=(2, 1))
    facts, found = shown(decoder, path)
    assert facts.display_transform is None
    assert (facts.width, facts.height, found.shape) == (320, 96, (96, 320, 3))
    assert patch_error(found, patches(96, 320)) < 8


def test_an_exr_of_light_is_shown_with_the_curve_of_a_screen(decoder, tmp_path):
    path = write_exr(tmp_path / "render.exr", to_light(patches()).astype(np.float32))
    facts, found = shown(decoder, path)
    assert facts.display_transform == "linear/bt709"
    assert patch_error(found, patches()) < 32
    assert np.abs(found - patches().astype(int)).mean() < 6


def test_an_exr_in_aces_primaries_comes_out_in_the_same_colours(decoder, tmp_path):
    ap1 = (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767)
    to_709 = np.array([[1.7051, -0.6218, -0.0833], [-0.1303, 1.1408, -0.0105], [-0.0240, -0.1290, 1.1530]])
    light = to_light(patches()) @ np.linalg.inv(to_709).T
    told = exr_attribute("chromaticities", "chromaticities", struct.pack("<8f", *ap1))
    path = write_exr(tmp_path / "aces.exr", light.astype(np.float32), attributes=told)
    facts, found = shown(decoder, path)
    assert facts.display_transform == "linear/aces-ap1"
    assert np.abs(found - patches().astype(int)).mean() < 7


# -- raw


def test_a_camera_raw_is_developed(decoder, tmp_path):
    """Shows that a raw photo is told from a TIFF, developed, and named; not how any real camera's colours come out."""
    facts, found = shown(decoder, write_dng(tmp_path / "photo.tif", patches()))
    assert (facts.container, facts.width, facts.height) == ("raw", 160, 96)
    assert facts.camera == "Maker One"
    assert facts.display_transform == "camera-raw/bt709"
    assert np.abs(found - patches().astype(int)).mean() < 25


def test_a_camera_raw_is_turned_upright(decoder, tmp_path):
    facts, found = shown(decoder, write_dng(tmp_path / "photo.dng", np.rot90(patches()), orientation=6))
    assert (facts.width, facts.height) == (160, 96)
    assert np.abs(found - patches().astype(int)).mean() < 25


def test_a_large_raw_is_developed_at_half_its_size(tmp_path):
    decoder = MediaDecoder(DecodeLimits(keyframe_lines=60))
    facts, found = shown(decoder, write_dng(tmp_path / "photo.dng", patches()))
    decoder.close()
    assert (facts.width, facts.height) == (160, 96)
    assert found.shape == (48, 80, 3)


# -- deep TIFF, PNG and HDR


@pytest.mark.parametrize(("kind", "options"), [
    ("together", {}),
    ("planes", {"planarconfig": "separate"}),
    ("deflated", {"compression": "zlib", "predictor": True}),
])  # fmt: skip
def test_a_tiff_of_16_bits_keeps_its_colours(decoder, tmp_path, kind, options):
    picture = patches().astype(np.uint16) * 257
    path = tmp_path / f"{kind}.tif"
    tifffile.imwrite(path, picture.transpose(2, 0, 1) if kind == "planes" else picture, photometric="rgb", **options)
    facts, found = shown(decoder, path)
    assert (facts.container, facts.width, facts.height) == ("tiff", 160, 96)
    assert patch_error(found, patches()) < 5


def test_a_tiff_of_floats_is_light(decoder, tmp_path):
    path = tmp_path / "float.tif"
    tifffile.imwrite(path, to_light(patches()).astype(np.float32), photometric="rgb")
    facts, found = shown(decoder, path)
    assert facts.display_transform == "linear/bt709"
    assert np.abs(found - patches().astype(int)).mean() < 6


def test_a_png_of_16_bits_and_one_with_clear_parts_are_shown(decoder, tmp_path):
    write_deep_png(tmp_path / "deep.png", patches().astype(np.uint16) * 257)
    assert patch_error(shown(decoder, tmp_path / "deep.png")[1], patches()) < 5
    palette = Image.fromarray(patches()).quantize(16)
    palette.save(tmp_path / "palette.png", transparency=palette.getpixel((10, 10)))
    found = shown(decoder, tmp_path / "palette.png")[1]
    assert found[24, 20].min() > 250, "what is clear lies on white"
    assert np.abs(found[24, 60] - patches()[24, 60]).max() < 10


TO_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])


def as_pq(picture: np.ndarray) -> np.ndarray:
    y = (to_light(picture) @ TO_2020.T * 203 / 10_000).clip(0, 1) ** (2610 / 16_384)
    code = ((3424 / 4096 + 2413 / 128 * y) / (1 + 2392 / 128 * y)) ** (2523 / 32)
    return np.rint(code * 65_535).astype(np.uint16)


def test_an_hdr_photo_looks_like_its_original_for_screens(decoder, tmp_path):
    path = tmp_path / "photo.hif"
    with path.open("wb") as file:
        pillow_heif.options.SAVE_NCLX_PROFILE = True
        pillow_heif.encode(
            "RGB;16", (160, 96), as_pq(patches()).tobytes(), file, quality=-1, chroma=444, color_primaries=9,
            transfer_characteristics=16, matrix_coefficients=9, full_range_flag=1,
        )  # fmt: skip
    facts, found = shown(decoder, path)
    assert (facts.color_transfer, facts.display_transform) == ("smpte2084", "smpte2084/bt2020/1000")
    assert np.abs(found - patches().astype(int)).mean() < 8


def test_an_avif_in_hdr_looks_like_its_original_for_screens(decoder, tmp_path):
    path = write_deep_film(
        tmp_path / "photo.avif", [as_pq(patches())], codec="libsvtav1", pix_fmt="yuv420p10le", matrix=9, transfer=16,
        primaries=9, options={"crf": "4", "preset": "12"},
    )  # fmt: skip
    facts, found = shown(decoder, path)
    assert (facts.container, facts.display_transform) == ("avif", "smpte2084/bt2020/1000")
    assert np.abs(found - patches().astype(int)).mean() < 9


# -- what phones and printers make


DISPLAY_P3_TO_XYZ_D50 = np.array(
    [[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]]
)
P3_TO_709 = np.array([[1.2249, -0.2249, 0.0], [-0.0421, 1.0421, 0.0], [-0.0196, -0.0786, 1.0983]])


@pytest.mark.parametrize("suffix", ["jpg", "png", "heic"])
def test_a_colour_profile_is_applied(decoder, tmp_path, suffix):
    pillow_heif.register_heif_opener()
    wide = (to_light(patches()) @ np.linalg.inv(P3_TO_709).T).clip(0, 1) ** (1 / 2.2)
    path = tmp_path / f"phone.{suffix}"
    profile = icc_profile("Display P3 of the test", DISPLAY_P3_TO_XYZ_D50, 2.2)
    options = {} if suffix == "png" else {"quality": 97}
    Image.fromarray(np.rint(wide * 255).astype(np.uint8)).save(path, icc_profile=profile, **options)
    facts, found = shown(decoder, path)
    assert facts.display_transform == "icc/Display P3 of the test"
    assert patch_error(found, patches()) < 9


def test_a_profile_that_fits_no_picture_counts_as_none(decoder, tmp_path):
    Image.fromarray(patches()).save(tmp_path / "broken.png", icc_profile=b"no profile at all")
    facts, found = shown(decoder, tmp_path / "broken.png")
    assert facts.display_transform is None
    assert patch_error(found, patches()) < 5


def test_a_photo_of_several_pictures_shows_its_first_upright(decoder, tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    turned = Image.fromarray(np.rot90(patches()))
    turned.save(
        tmp_path / "phone.jpg",
        "MPO",
        save_all=True,
        append_images=[Image.new("RGB", turned.size)],
        exif=exif,
        quality=95,
    )
    facts, found = shown(decoder, tmp_path / "phone.jpg")
    assert (facts.width, facts.height) == (160, 96)
    assert patch_error(found, patches()) < 12


# -- what is refused, and why


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"\x00\x00\x01\x00RED2", "REDCODE"),
        (b"\x00\x00\x01\x00RED1", "REDCODE"),
        (b"ARRI\x12\x34", "ARRIRAW"),
        (b"\x00\x00\x00\x18ftypcrx \x00\x00\x00\x01crx isom\x00\x00\x00\x20moov....CanonCRM0001", "Canon Cinema RAW"),
    ],
)
def test_camera_raw_film_says_that_it_needs_a_proxy(decoder, tmp_path, start, what):
    path = tmp_path / "clip"
    path.write_bytes(start + bytes(4000))
    with pytest.raises(NeedsProxy, match=f"{what}.*needs a proxy.*ProRes"):
        list(decoder.film(path))


@pytest.mark.parametrize(
    ("codec", "what"),
    [(b"brxq", "Blackmagic RAW"), (b"brst", "Blackmagic RAW"), (b"aprn", "ProRes RAW"), (b"zzzz", "")],
)
def test_a_quicktime_in_a_codec_of_its_makers_needs_a_proxy(decoder, tmp_path, codec, what):
    film = write_film(tmp_path / "clip.mov", still(scene(1), 5))
    film.write_bytes(film.read_bytes().replace(b"avc1", codec))
    with pytest.raises(NeedsProxy, match=f"{what}.*needs a\\s+proxy"):
        list(decoder.film(film))


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"\xff\x0a" + bytes(40), "JPEG XL"),
        (b"\x00\x00\x00\x0cJXL \r\n\x87\n" + bytes(40), "JPEG XL"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"PK\x03\x04" + bytes(40), "a zip archive"),
        (b"8BPS\x00\x01" + bytes(40), "a Photoshop document"),
    ],
)
def test_what_is_no_media_or_has_no_decoder_is_refused_by_its_name(decoder, tmp_path, start, what):
    path = tmp_path / "file"
    path.write_bytes(start)
    for decode in (decoder.photo, lambda file: list(decoder.film(file))):
        with pytest.raises(UnsupportedMedia, match=what):
            decode(path)


def test_an_avif_with_altered_bytes_is_damaged_and_ends_no_process(decoder, tmp_path):
    path = tmp_path / "photo.avif"
    Image.fromarray(scene(2, 96, 160)).save(path)
    data = bytearray(path.read_bytes())
    at = data.index(b"mdat") + 4
    data[at : at + 200] = b"\xff" * 200
    path.write_bytes(data)
    with pytest.raises(DamagedMedia):
        decoder.photo(path)


@pytest.mark.parametrize("name", ["scan.dpx", "render.exr", "photo.dng", "deep.tif"])
def test_limits_are_told_by_the_header_and_damage_by_decoding(decoder, tmp_path, name):
    path = tmp_path / name
    match path.suffix:
        case ".dpx":
            write_dpx(path, patches().astype(np.uint16) * 257, transfer=6)
        case ".exr":
            write_exr(path, to_light(patches()).astype(np.float32))
        case ".dng":
            write_dng(path, patches())
        case _:
            tifffile.imwrite(path, to_light(patches()).astype(np.float32), photometric="rgb")
    small = MediaDecoder(DecodeLimits(pixels=10_000))
    with pytest.raises(LimitExceeded, match="160 x 96"):
        small.photo(path)
    small.close()
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 3])
    with pytest.raises((DamagedMedia, UnsupportedMedia)):
        decoder.photo(path)
