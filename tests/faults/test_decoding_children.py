"""Whatever a file does to the process that decodes it, the worker goes on, in time, and blames only that file."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from rushes.infra.media.decoder import MediaDecoder
from rushes.infra.media.messages import FilmEnded, ShotFound
from rushes.infra.media.sandbox import ChildPool
from rushes.infra.settings import DecodeLimits
from rushes.schemas.errors import CrashedRepeatedly, DamagedMedia, LimitExceeded, UnsupportedMedia
from tests.making_media import scene, still, write_film, write_png_bomb
from tests.waiting import eventually

FAULTY = (sys.executable, str(Path(__file__).parent.parent / "faulty_child.py"))
LIMITS = DecodeLimits(no_progress_s=2.0, wall_s=60.0)


@pytest.fixture
def decoder():
    made = MediaDecoder(LIMITS, ChildPool(LIMITS, FAULTY))
    yield made
    made.close()


def photo(folder: Path, name: str) -> Path:
    path = folder / name
    Image.fromarray(scene(1)).save(path, "PNG")
    return path


def film(folder: Path, name: str, shots: int = 4) -> Path:
    return write_film(folder / name, (p for seed in range(shots) for p in still(scene(seed), 20)))


def made(folder: Path, name: str) -> Path:
    return photo(folder, name) if name.endswith("png") else film(folder, name)


def decode(decoder: MediaDecoder, path: Path) -> None:
    if path.suffix == ".png":
        decoder.photo(path)
    else:
        list(decoder.film(path))


def starts(parts) -> list[int]:
    return [part.begin.start_frame for part in parts if isinstance(part, ShotFound)]


@pytest.mark.parametrize("how", ["segfault", "sigkill", "exit", "garbage"])
def test_a_photo_that_ends_its_process_is_blamed_after_three_deaths(decoder, tmp_path, how):
    with pytest.raises(CrashedRepeatedly, match="3 times"):
        decoder.photo(photo(tmp_path, f"{how}.png"))
    facts, _ = decoder.photo(photo(tmp_path, "well.png"))
    assert facts.width == 160


@pytest.mark.parametrize("how", ["segfault", "sigkill", "exit", "garbage"])
def test_a_photo_whose_process_dies_once_is_decoded_all_the_same(decoder, tmp_path, how):
    facts, picture = decoder.photo(photo(tmp_path, f"{how}-once.png"))
    assert (facts.width, facts.height) == (160, 90)
    assert picture.image.startswith(b"\xff\xd8")


@pytest.mark.parametrize("how", ["segfault", "sigkill", "exit", "garbage"])
def test_a_film_goes_on_behind_the_last_shot_when_its_process_dies(decoder, tmp_path, how):
    parts = list(decoder.film(film(tmp_path, f"late-{how}-once.mp4")))
    assert starts(parts) == [0, 20, 40, 60]
    assert isinstance(parts[-1], FilmEnded)
    assert parts[-1].partial is None


def test_a_film_that_kills_every_process_gives_its_shots_up_to_there(decoder, tmp_path):
    parts = []
    with pytest.raises(CrashedRepeatedly):
        parts.extend(decoder.film(film(tmp_path, "late-segfault.mp4", shots=8)))
    assert starts(parts) == [0, 20, 40]


@pytest.mark.parametrize("name", ["hang.png", "hang.mp4", "late-hang.mp4"])
def test_a_silent_decoder_is_ended_in_time(decoder, tmp_path, name):
    path = made(tmp_path, name)
    started = time.monotonic()
    with pytest.raises(LimitExceeded, match="no progress for 2 s"):
        decode(decoder, path)
    assert time.monotonic() - started < 10
    decoder.photo(photo(tmp_path, "well.png"))


def test_a_decoder_that_never_ends_is_stopped_by_the_clock(tmp_path):
    limits = DecodeLimits(wall_s=1.5)
    decoder = MediaDecoder(limits, ChildPool(limits, FAULTY))
    with pytest.raises(LimitExceeded, match="longer than"):
        list(decoder.film(film(tmp_path, "forever.mp4")))
    decoder.close()


@pytest.mark.parametrize("name", ["memory.png", "memory.mp4"])
def test_too_much_memory_is_a_limit_and_not_a_crash(decoder, tmp_path, name):
    decoder.photo(photo(tmp_path, "well.png"))  # so that the child is not fresh
    path = made(tmp_path, name)
    with pytest.raises(LimitExceeded, match="memory"):
        decode(decoder, path)


def test_a_picture_that_really_needs_more_memory_than_allowed_is_a_limit(tmp_path):
    limits = DecodeLimits(memory_bytes=1 << 30)
    decoder = MediaDecoder(limits)
    Image.fromarray(np.zeros((13_000, 13_000, 3), np.uint8)).save(tmp_path / "large.tif", compression="tiff_lzw")
    with pytest.raises(LimitExceeded, match="memory"):
        decoder.photo(tmp_path / "large.tif")
    decoder.close()


def test_a_child_cannot_fill_the_disk(decoder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CrashedRepeatedly, match="File too large"):
        decoder.photo(photo(tmp_path, "writes.png"))


def test_a_decompression_bomb_is_refused_by_its_header(tmp_path):
    decoder = MediaDecoder(DecodeLimits())
    bomb = write_png_bomb(tmp_path / "bomb.png", side=40_000)
    assert bomb.stat().st_size < 1_000_000
    started = time.monotonic()
    with pytest.raises(LimitExceeded, match="1,600,000,000 pixels"):
        decoder.photo(bomb)
    assert time.monotonic() - started < 10
    decoder.close()


def test_children_live_on_from_job_to_job(decoder, tmp_path):
    path = photo(tmp_path, "well.png")
    decoder.photo(path)
    before = decoder._pool.pids
    decoder.photo(path)
    assert decoder._pool.pids == before
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(UnsupportedMedia):
        decoder.photo(tmp_path / "text.png")
    assert decoder._pool.pids == before, "a bad file is no reason for a new process"


def test_an_idle_child_that_was_killed_is_replaced_and_nobody_blamed(decoder, tmp_path):
    path = photo(tmp_path, "well.png")
    decoder.photo(path)
    (pid,) = decoder._pool.pids
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    decoder.photo(path)
    assert decoder._pool.pids != (pid,)


def test_a_caller_that_stops_listening_ends_the_job(decoder, tmp_path):
    parts = decoder.film(film(tmp_path, "late-hang.mp4"))
    next(parts)
    (child,) = [one for one in psutil.Process().children() if any("faulty_child" in word for word in one.cmdline())]
    parts.close()
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    decoder.photo(photo(tmp_path, "well.png"))


def test_children_die_with_a_parent_that_is_killed(tmp_path):
    path = film(tmp_path, "hang.mp4")
    script = (
        "import sys; from pathlib import Path; from rushes.infra.media.decoder import MediaDecoder;"
        "from rushes.infra.media.sandbox import ChildPool; from rushes.infra.settings import DecodeLimits;"
        f"limits = DecodeLimits(); decoder = MediaDecoder(limits, ChildPool(limits, {FAULTY!r}));"
        f"list(decoder.film(Path({str(path)!r})))"
    )
    with subprocess.Popen([sys.executable, "-c", script]) as parent:
        eventually(path.with_suffix(".done").exists)
        (child,) = psutil.Process(parent.pid).children()
        parent.kill()
        parent.wait()
        eventually(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, within_s=10)


def test_children_get_no_credentials(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    decoder = MediaDecoder(LIMITS)
    decoder.photo(photo(tmp_path, "well.png"))
    (pid,) = decoder._pool.pids
    assert "AWS_SECRET_ACCESS_KEY" not in psutil.Process(pid).environ()
    decoder.close()


def test_a_damaged_photo_costs_no_process(decoder, tmp_path):
    path = photo(tmp_path, "well.png")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DamagedMedia):
        decoder.photo(path)
    assert len(decoder._pool.pids) == 1
