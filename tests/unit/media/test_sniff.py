"""What a file is, told by its bytes."""

import io

import pytest
from PIL import Image

from rushes.infra.media.sniff import SNIFF_BYTES, sniff
from tests.making_media import scene, still, write_film


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF", "BMP"])
def test_photos_are_known_by_their_bytes(form):
    packed = io.BytesIO()
    Image.fromarray(scene(1)).save(packed, form)
    assert sniff(packed.getvalue()[:SNIFF_BYTES]) == "photo"


@pytest.mark.parametrize("name", ["f.mp4", "f.mov", "f.mkv", "f.avi", "f.ts", "f.flv", "f.mpg"])
def test_films_are_known_by_their_bytes(tmp_path, name):
    codec = "mpeg2video" if name == "f.mpg" else "libx264"
    film = write_film(tmp_path / name, still(scene(1), 10), codec=codec)
    assert sniff(film.read_bytes()[:SNIFF_BYTES]) == "video"


@pytest.mark.parametrize(
    "start", [b"", b"hello", b"G", b"%PDF-1.7", b"PK\x03\x04", b"\x00" * 64, b"RIFF\x00\x00\x00\x00WAVE"]
)
def test_anything_else_is_neither(start):
    assert sniff(start) is None
