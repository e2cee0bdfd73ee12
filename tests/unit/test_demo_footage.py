"""The demo's footage: it decodes, cuts where it says, and shows three people a detector can find."""

import time
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from rushes.infra import demo_footage
from rushes.infra.demo_footage import (
    BROKEN_FILM,
    CUTS,
    FILM,
    FRAMES_PER_SECOND,
    REEL,
    SHOTS,
    START_TIMECODE,
    render_demo,
)

RENDER_CPU_S = 20.0
"""Of one core. Measured 9 s on the two cores of a small virtual machine: the demo has 60 s for everything."""


@pytest.fixture(scope="module")
def rendered(tmp_path_factory) -> tuple[Path, list[Path], float]:
    folder = tmp_path_factory.mktemp("demo")
    before = time.process_time()
    paths = render_demo(folder)
    return folder, paths, time.process_time() - before


@pytest.fixture(scope="module")
def lumas(rendered) -> np.ndarray:
    """(frames, 45, 80): the film's brightness, small."""
    with av.open(str(rendered[0] / FILM)) as container:
        container.streams.video[0].thread_type = "AUTO"
        return np.stack(
            [f.to_ndarray(format="yuv420p")[8:720:16, 8::16].astype(np.int16) for f in container.decode(video=0)]
        )


def test_it_names_all_it_wrote(rendered):
    folder, paths, _ = rendered
    assert paths == sorted(path for path in folder.rglob("*") if path.is_file())
    assert {path.suffix for path in paths} == {".mov", ".mp4", ".jpg", ".png", ".webp"}


def test_it_is_quick(rendered):
    assert rendered[2] < RENDER_CPU_S


def test_the_film_states_its_time_code_and_reel(rendered):
    with av.open(str(rendered[0] / FILM)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 1280, 720)
        assert stream.average_rate == FRAMES_PER_SECOND
        assert stream.metadata["timecode"] == START_TIMECODE
        assert any(other.metadata.get("reel_name") == REEL for other in container.streams)


def test_the_film_cuts_exactly_where_it_says(lumas):
    assert len(lumas) == sum(shot.frames for shot in SHOTS)
    assert 40 <= len(lumas) / FRAMES_PER_SECOND <= 60
    change = np.abs(np.diff(lumas, axis=0)).mean(axis=(1, 2))
    cuts = [int(place) + 1 for place in np.flatnonzero(change > 15)]
    assert cuts == list(CUTS)


def test_pans_move_and_stills_stand(lumas):
    start = 0
    for shot in SHOTS:
        moved = np.abs(lumas[start + shot.frames - 1] - lumas[start]).mean()
        assert (moved > 4) if shot.end is not None else (moved < 2), shot
        start += shot.frames


def test_the_photos_decode_and_the_broken_film_does_not(rendered):
    folder, paths, _ = rendered
    for path in paths:
        if path.parent.name == "photos":
            with Image.open(path) as picture:
                picture.load()
                assert picture.size == (1280, 720)
    with pytest.raises(av.error.InvalidDataError):
        av.open(str(folder / BROKEN_FILM))


def test_the_same_packages_render_the_same_bytes(rendered, tmp_path, monkeypatch):
    monkeypatch.setattr(demo_footage, "SHOTS", SHOTS[:2])
    first, second = render_demo(tmp_path / "a"), render_demo(tmp_path / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    photos = [path for path in rendered[1] if path.parent.name == "photos"]
    assert [p.read_bytes() for p in photos] == [p.read_bytes() for p in first if p.parent.name == "photos"]


def test_a_detector_finds_the_three_people_large_enough_where_they_are_shown(rendered):
    mtcnn = pytest.importorskip("facenet_pytorch").MTCNN(keep_all=True, min_face_size=40, device="cpu")
    faces = {"astronaut": 1, "camera": 1, "grace_hopper": 1, "gallery": 3, "coffee": 0, "rocket": 0, "chelsea": 0}
    seen: set[str] = set()
    start = 0
    with av.open(str(rendered[0] / FILM)) as container:
        for shot in SHOTS:
            middle, start = start + shot.frames // 2, start + shot.frames
            if shot.source in seen or shot.source not in faces:
                continue
            seen.add(shot.source)
            container.seek(middle * av.time_base // FRAMES_PER_SECOND)
            wanted = middle * 1000 // FRAMES_PER_SECOND
            frame = next(f for f in container.decode(video=0) if round(f.time * 1000) >= wanted)
            boxes, _ = mtcnn.detect(frame.to_image().resize((640, 360)))
            found = [] if boxes is None else (2 * boxes).tolist()
            assert len(found) == faces[shot.source], shot.source
            assert all(min(x1 - x0, y1 - y0) >= 80 for x0, y0, x1, y1 in found), shot.source
    assert seen == set(faces)
