"""`rushes shots` as a person types it."""

import json
import signal

import psutil
import pytest

from tests.making_media import scene, still, write_film
from tests.run_rig import gone, interrupt_when, rushes, start


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    for name, seeds in (("a", (1, 2)), ("b", (3, 4, 5))):
        write_film(folder / f"{name}.mp4", (p for seed in seeds for p in still(scene(seed), 20)))
    (folder / "text.mp4").write_text("no film")
    return folder


def test_films_come_as_json_in_their_order_and_bad_ones_in_words(films):
    paths = [films / "b.mp4", films / "missing.mp4", films / "text.mp4", films / "a.mp4"]
    ended = rushes("shots", "--json", *paths)
    documents = [json.loads(line) for line in ended.out.splitlines()]
    assert [(doc["file"], doc["cuts"]) for doc in documents] == [(str(paths[0]), [20, 40]), (str(paths[3]), [20])]
    assert ended.code == 1
    assert f"{paths[1]}: there is no such file" in ended.err
    assert f"{paths[2]}: expected a photo or film" in ended.err


def test_a_table_and_thumbnails_named_by_shot(films, tmp_path):
    ended = rushes("shots", films / "a.mp4", "--thumbnails", tmp_path / "new" / "thumbs")
    assert ended.code == 0
    assert ended.out.count("2 shots, 40 frames, 25 frames/s") == 1
    assert sorted(p.name for p in (tmp_path / "new" / "thumbs").iterdir()) == ["a-shot-0001-1.jpg", "a-shot-0002-1.jpg"]


def test_what_it_does_not_do_is_said(films):
    for arguments in (("--csv", "--edl", films / "a.mp4"), ("--csv", films / "a.mp4", films / "b.mp4"), ()):
        ended = rushes("shots", *arguments)
        assert ended.code == 2
        assert "Traceback" not in ended.screen


def test_ctrl_c_ends_it_and_its_decoder(tmp_path):
    film = write_film(tmp_path / "long.mp4", still(scene(1, 720, 1280), 40))
    process = start("shots", "--json", *[film] * 400)
    command = psutil.Process(process.pid)
    ended, _, children = interrupt_when(process, lambda: len(command.children()) > 0, signal.SIGINT)
    assert ended.code == 130
    assert len(children) > 0
    psutil.wait_procs(children, timeout=30)
    assert [child for child in children if not gone(child)] == []
