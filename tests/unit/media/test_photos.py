"""Photos of every format come out as people see them, and broken ones with a reason."""

from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import ExifTags, Image, ImageCms

from rushes.infra.media.decoder import MediaDecoder
from rushes.infra.settings import DecodeLimits
from rushes.schemas.errors import DamagedMedia, LimitExceeded, UnsupportedMedia
from tests.making_media import scene


@pytest.fixture(scope="module")
def decoder():
    made = MediaDecoder(DecodeLimits())
    yield made
    made.close()


def shown(decoder: MediaDecoder, path: Path) -> np.ndarray:
    """The stored JPEG as an array."""
    _, picture = decoder.photo(path)
    (path.parent / "stored.jpg").write_bytes(picture.image)
    with Image.open(path.parent / "stored.jpg") as stored:
        assert stored.mode == "RGB"
        return np.asarray(stored).astype(int)


def quarters(width: int = 320, height: int = 200) -> Image.Image:
    """Red, green, blue and white quarters: wrong turns and colours show."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2] = (220, 30, 30)
    picture[: height // 2, width // 2 :] = (30, 200, 30)
    picture[height // 2 :, : width // 2] = (30, 30, 220)
    picture[height // 2 :, width // 2 :] = (240, 240, 240)
    return Image.fromarray(picture)


def assert_quarters(found: np.ndarray, tolerance: int = 25) -> None:
    height, width = found.shape[:2]
    want = np.asarray(quarters(width, height)).astype(int)
    for y in (height // 4, 3 * height // 4):
        for x in (width // 4, 3 * width // 4):
            assert np.abs(found[y, x] - want[y, x]).max() <= tolerance, (y, x, found[y, x], want[y, x])


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("jpg", {"quality": 95}),
        ("png", {}),
        ("webp", {"quality": 95}),
        ("gif", {}),
        ("tif", {}),
        ("bmp", {}),
        ("avif", {"quality": 95}),
        ("heic", {"quality": 95}),
    ],
)
def test_every_format_is_decoded_to_the_same_picture(decoder, tmp_path, suffix, options):
    if suffix == "heic":
        pillow_heif.register_heif_opener()
    path = tmp_path / f"photo.{suffix}"
    quarters().save(path, **options)
    nameless = path.rename(tmp_path / "nameless")
    facts, _ = decoder.photo(nameless)
    assert (facts.media_kind, facts.width, facts.height) == ("photo", 320, 200)
    assert_quarters(shown(decoder, nameless))


@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8])
def test_exif_orientation_is_applied(decoder, tmp_path, orientation):
    upright = quarters()
    turns = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    stored = upright
    for turn in turns.get(orientation, []):
        stored = stored.transpose(turn)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    path = tmp_path / "turned.jpg"
    stored.save(path, quality=95, exif=exif)
    facts, _ = decoder.photo(path)
    assert (facts.width, facts.height) == (320, 200)
    assert_quarters(shown(decoder, path))


def test_camera_and_time_are_read(decoder, tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Leica Camera AG"
    exif[ExifTags.Base.Model] = "M11"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2024:05:06 07:08:09"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.OffsetTimeOriginal] = "+02:00"
    path = tmp_path / "camera.jpg"
    quarters().save(path, exif=exif)
    facts, _ = decoder.photo(path)
    assert facts.camera == "Leica Camera AG M11"
    assert facts.captured_at is not None
    assert facts.captured_at.isoformat() == "2024-05-06T05:08:09+00:00"


def test_cmyk_palette_grey_and_alpha_become_rgb(decoder, tmp_path):
    cmyk = tmp_path / "cmyk.jpg"
    quarters().convert("CMYK").save(cmyk, quality=95)
    assert_quarters(shown(decoder, cmyk), tolerance=60)
    palette = tmp_path / "palette.png"
    quarters().convert("P", palette=Image.Palette.ADAPTIVE).save(palette)
    assert_quarters(shown(decoder, palette))
    grey = tmp_path / "grey.png"
    Image.new("L", (64, 64), 77).save(grey)
    assert np.abs(shown(decoder, grey) - 77).max() <= 2
    clear = tmp_path / "clear.png"
    Image.new("RGBA", (64, 64), (255, 0, 0, 0)).save(clear)
    assert shown(decoder, clear).min() >= 250, "what is transparent lies on white"


def test_sixteen_bits_keep_their_tones(decoder, tmp_path):
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None, :].repeat(64, axis=0)
    path = tmp_path / "deep.tif"
    Image.fromarray(ramp).save(path)
    found = shown(decoder, path)[32, :, 0]
    assert np.abs(found - np.arange(256)).max() <= 6


def test_a_large_photo_is_stored_with_2160_lines_and_a_thumbnail(decoder, tmp_path):
    path = tmp_path / "large.jpg"
    Image.fromarray(scene(1, 3000, 4000)).save(path)
    facts, picture = decoder.photo(path)
    assert (facts.width, facts.height) == (4000, 3000)
    assert (picture.figures.width, picture.figures.height) == (2880, 2160)
    (tmp_path / "thumb.jpg").write_bytes(picture.thumbnail)
    with Image.open(tmp_path / "thumb.jpg") as thumbnail:
        assert thumbnail.size == (320, 240)


def test_a_photo_over_the_pixel_limit_is_refused(tmp_path):
    decoder = MediaDecoder(DecodeLimits(pixels=10_000))
    path = tmp_path / "photo.png"
    quarters().save(path)
    with pytest.raises(LimitExceeded, match="320 x 200"):
        decoder.photo(path)
    decoder.close()


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "tif", "avif", "heic"])
@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_a_truncated_photo_is_damaged_and_harms_nobody(decoder, tmp_path, suffix, keep):
    if suffix == "heic":
        pillow_heif.register_heif_opener()
    path = tmp_path / f"cut.{suffix}"
    Image.fromarray(scene(2, 200, 320)).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole))])
    with pytest.raises((DamagedMedia, UnsupportedMedia)):
        decoder.photo(path)


@pytest.mark.parametrize("suffix", ["heic", "avif", "webp", "png", "tif"])
def test_orientation_is_applied_once_in_every_format(decoder, tmp_path, suffix):
    pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    path = tmp_path / f"turned.{suffix}"
    quarters().transpose(Image.Transpose.ROTATE_90).save(path, exif=exif.tobytes())
    facts, _ = decoder.photo(path)
    assert (facts.width, facts.height) == (320, 200)
    assert_quarters(shown(decoder, path), tolerance=40)


def test_sizes_are_those_of_the_photo_not_of_its_quick_decoding(decoder, tmp_path):
    path = tmp_path / "huge.jpg"
    Image.new("RGB", (9000, 6000), "teal").save(path)
    facts, picture = decoder.photo(path)
    assert (facts.width, facts.height) == (9000, 6000)
    assert (picture.figures.width, picture.figures.height) == (3240, 2160)


def test_postscript_starts_no_other_program(decoder, tmp_path):
    path = tmp_path / "photo.eps"
    quarters().save(path)
    with pytest.raises(UnsupportedMedia):
        decoder.photo(path)


def test_text_is_no_photo(decoder, tmp_path):
    path = tmp_path / "note.jpg"
    path.write_text("no picture at all")
    with pytest.raises(UnsupportedMedia):
        decoder.photo(path)


def test_a_colour_profile_does_no_harm(decoder, tmp_path):
    path = tmp_path / "profiled.jpg"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    quarters().save(path, quality=95, icc_profile=profile)
    assert_quarters(shown(decoder, path))
