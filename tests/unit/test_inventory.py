"""What lies in a folder is known by its content."""

import json
import os
from pathlib import Path

import pytest

from rushes.infra.inventory import load_inventory, save_inventory, take_inventory


def look(folder, out, known=None):
    return take_inventory(folder, out, known or {}, lambda done, total: None)


def test_a_renamed_file_is_the_same_media_and_two_copies_are_one(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "in" / "out"
    (folder / "sub").mkdir(parents=True)
    out.mkdir()
    (out / "index.html").write_text("ours")
    (folder / ".hidden").write_text("no")
    (folder / "b.jpg").write_bytes(b"one")
    (folder / "sub" / "a.jpg").write_bytes(b"one")
    (folder / "c.jpg").write_bytes(b"two")
    before = look(folder, out).media()
    assert [len(media.paths) for media in before] == [2, 1]
    (folder / "b.jpg").rename(folder / "z.jpg")
    after = look(folder, out).media()
    assert {media.media_id for media in after} == {media.media_id for media in before}


def test_only_new_and_changed_files_are_read_again(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    out.mkdir()
    (folder / "a.jpg").write_bytes(b"one")
    first = look(folder, out)
    save_inventory(out / "inventory.json", first)
    stat = (folder / "a.jpg").stat()
    (folder / "a.jpg").write_bytes(b"two")
    os.utime(folder / "a.jpg", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    known = load_inventory(out / "inventory.json")
    assert look(folder, out, known).files == first.files
    os.utime(folder / "a.jpg", ns=(0, 0))
    assert look(folder, out, known).files[0].sha256 != first.files[0].sha256


def test_links_in_a_circle_end_and_unreadable_files_are_accounted_for(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "again").symlink_to(folder, target_is_directory=True)
    (folder / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    seen = look(folder, tmp_path / "out")
    assert [Path(file.path).name for file in seen.unreadable()] == ["gone.jpg"]
    assert seen.unreadable()[0].problem


def test_a_broken_memory_is_as_good_as_none(tmp_path):
    (tmp_path / "inventory.json").write_text("{")
    assert load_inventory(tmp_path / "inventory.json") == {}


@pytest.mark.timeout(20)
def test_a_pipe_is_accounted_for_and_never_opened(tmp_path):
    os.mkfifo(tmp_path / "clip.mp4")
    (seen,) = look(tmp_path, tmp_path / "out").unreadable()
    assert "pipe" in (seen.problem or "")


def test_linked_folders_are_looked_into_once_and_never_in_a_circle(tmp_path):
    folder, archive = tmp_path / "in", tmp_path / "archive"
    (folder / "sub").mkdir(parents=True)
    archive.mkdir()
    (folder / "sub" / "a.jpg").write_bytes(b"a")
    (archive / "b.jpg").write_bytes(b"b")
    for link, target in (
        (folder / "ring", folder),
        (folder / "up", tmp_path),
        (folder / "sub-again", folder / "sub"),
        (folder / "one", archive),
        (folder / "two", archive),
        (archive / "back", folder),
        (archive / "self", archive),
    ):
        link.symlink_to(target, target_is_directory=True)
    assert [Path(file.path).relative_to(folder).as_posix() for file in look(folder, tmp_path / "out").files] == [
        "one/b.jpg",
        "sub/a.jpg",
    ]


def test_events_tell_paths_in_utf8_and_not_a_thousand_of_them(tmp_path):
    for copy in range(100):
        (tmp_path / f"{copy}.jpg").write_bytes(b"same")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/0-caf\xe9.jpg")).write_bytes(b"same")
    (media,) = look(tmp_path, tmp_path / "out").media()
    told = media.told_paths()
    assert len(media.paths) == 101
    assert 1 <= len(told) < 50
    assert json.loads(json.dumps(told).encode("utf-8")) == told
    "".join(map(str, told)).encode("utf-8")
