"""`rushes run` on a messy folder, as a newcomer and as an enemy would use it."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pillow_heif
import pytest

from tests.making_media import scene, still, write_film, write_png_bomb, write_sound
from tests.run_rig import COMMAND, ROOT, clusters, environment, failed, film, fingerprint, photo, rushes, table

FORMATS = ("jpg", "png", "webp", "gif", "tiff", "heic", "avif", "bmp")
NAMES = (
    b"with space.JPG",
    "üñï 日本.jpg".encode(),
    b"new\nline.jpg",
    b"q\"uo'te`$(x).jpg",
    b"100%#?&.jpg",
    b"-dash.jpg",
    b"caf\xe9.jpg",
    b"<b>&amp;.jpg",
    b"\x1b[31mred.jpg",
    b"[bold]x.jpg",
    b"x" * 240 + b".jpg",
)
ASSIGNMENT_KEYS = {
    "media", "paths", "frame_id", "time_s", "item_id", "kind", "box", "cluster_id", "parent_cluster_id", "decision",
    "similarity", "model",
}  # fmt: skip


def messy(folder: Path, outside: Path) -> dict[str, str | None]:
    """Fill a folder; what must become of each file in it: an error code, or None where it is sorted."""
    pillow_heif.register_heif_opener()
    expected: dict[str, str | None] = {}
    for number, suffix in enumerate(FORMATS):
        expected[str(photo(folder / "formats" / f"p.{suffix}", number))] = None
    for number, name in enumerate(NAMES):
        path = Path(os.fsdecode(os.fsencode(folder / "names") + b"/" + name))
        expected[str(photo(path, 100 + number, format="JPEG"))] = None
    expected[str(photo(folder / "names" / "without suffix", 150, format="PNG"))] = None
    expected[str(film(folder / "films" / "good.mp4", [200, 201, 202]))] = None
    expected[str(film(folder / "films" / "good.mkv", [203, 204]))] = None
    (folder / "copies").mkdir()
    for name in ("a.jpg", "b.jpg"):
        expected[str(shutil.copy(folder / "formats" / "p.jpg", folder / "copies" / name))] = None
    expected[str(_link(folder / "copies" / "link.jpg", Path("../formats/p.jpg")))] = None
    expected[str(_link(folder / "outside.jpg", photo(outside / "away.jpg", 160)))] = None

    bad = folder / "bad"
    bad.mkdir()
    whole = film(bad / "whole.ts", [210, 211, 212, 213], frames=25).read_bytes()
    (bad / "whole.ts").unlink()
    (bad / "cut.mp4").write_bytes(_cut_mp4(bad))
    (bad / "cut.ts").write_bytes(whole[: len(whole) // 2 + 77])
    (bad / "empty.mp4").write_bytes(b"")
    (bad / "text.mp4").write_text("this is no film\n")
    (bad / "notes.txt").write_text("shopping list\n")
    (bad / "empty.txt").write_bytes(b"")
    write_png_bomb(bad / "bomb.png", 60_000)
    write_sound(bad / "sound.m4a")
    (bad / "half.jpg").write_bytes((folder / "formats" / "p.jpg").read_bytes()[:300])
    os.mkfifo(bad / "pipe.mp4")
    _link(bad / "loop-1.jpg", Path("loop-2.jpg"))
    _link(bad / "loop-2.jpg", Path("loop-1.jpg"))
    _link(bad / "dangling.jpg", Path("nowhere.jpg"))
    _link(bad / "ring", Path())
    photo(folder / ".hidden.jpg", 170)
    photo(folder / ".hidden" / "seen.jpg", 171)
    reasons = {
        "cut.mp4": "partial",
        "empty.mp4": "damaged-media",
        "text.mp4": "unsupported-media",
        "notes.txt": "not-media",
        "empty.txt": "not-media",
        "bomb.png": "limit-exceeded",
        "sound.m4a": "not-media",
        "half.jpg": "damaged-media",
        "pipe.mp4": "unreadable",
        "loop-1.jpg": "unreadable",
        "loop-2.jpg": "unreadable",
        "dangling.jpg": "unreadable",
    }
    expected |= {str(bad / name): code for name, code in reasons.items()}
    return expected


def _link(path: Path, target: Path) -> Path:
    path.symlink_to(target)
    return path


def _cut_mp4(scratch: Path) -> bytes:
    """A film whose index stands before its data, cut off in the middle."""
    path = scratch / "to-cut.mp4"
    pictures = (picture for seed in (220, 221, 222, 223) for picture in still(scene(seed), 25))
    data = write_film(path, pictures, gop=5, container_options={"movflags": "faststart"}).read_bytes()
    path.unlink()
    return data[: int(len(data) * 0.6)]


@pytest.fixture(scope="module")
def messy_run(tmp_path_factory):
    """One run over the messy folder, shared by the claims about it."""
    place = tmp_path_factory.mktemp("messy")
    folder = place / "my footage"
    folder.mkdir()
    expected = messy(folder, place / "elsewhere")
    before = fingerprint(folder)
    ended = rushes("run", folder, "--out", place / "out", "--json")
    return place, folder, expected, before, ended


def test_every_file_is_sorted_partial_or_failed_with_its_reason(messy_run):
    place, folder, expected, _, _ = messy_run
    troubles = failed(place / "out")
    sorted_paths = {path for row in table(place / "out") for path in row["paths"]}
    cut_ts = str(folder / "bad" / "cut.ts")
    assert {path: line["error"] for path, line in troubles.items() if path != cut_ts} == {
        path: code for path, code in expected.items() if code is not None
    }
    assert all(line["reason"] for line in troubles.values())
    assert {path for path, code in expected.items() if code is None} <= sorted_paths
    assert cut_ts in sorted_paths  # a stream without a header: how long it should be, nobody knows
    assert str(folder / "bad" / "cut.mp4") in sorted_paths
    assert not any(".hidden" in path for path in sorted_paths | set(troubles))


def test_the_exit_code_and_the_one_json_document_tell_what_failed(messy_run):
    place, _, expected, _, ended = messy_run
    assert ended.code == 1
    document = json.loads(ended.out)
    assert document["files"]["failed"] == sum(code not in {None, "partial"} for code in expected.values())
    assert {trouble["path"] for trouble in document["troubles"]} == set(failed(place / "out"))
    assert document["items"] == len(table(place / "out"))


def test_the_tables_have_the_documented_keys(messy_run):
    place, _, _, _, _ = messy_run
    rows = table(place / "out")
    assert rows
    assert all(set(row) == ASSIGNMENT_KEYS for row in rows)
    assert all(set(line) == {"media", "path", "error", "reason"} for line in failed(place / "out").values())
    in_clusters = {row["item_id"]: row["cluster_id"] for row in rows if row["cluster_id"] is not None}
    assert in_clusters == {item: row["cluster_id"] for row in clusters(place / "out") for item in row["items"]}


def test_sources_are_only_read(messy_run):
    _, folder, _, before, _ = messy_run
    assert fingerprint(folder) == before


def test_files_of_the_same_content_are_one_item_with_all_its_paths(messy_run):
    place, folder, _, _, _ = messy_run
    (row,) = [row for row in table(place / "out") if str(folder / "formats" / "p.jpg") in row["paths"]]
    assert row["paths"] == sorted(
        map(str, [*(folder / "copies").iterdir(), folder / "formats" / "p.jpg"]),
    )


def test_the_contact_sheet_is_there_and_shows_only_what_exists(messy_run):
    place, _, _, _, _ = messy_run
    out = place / "out"
    assert (out / "index.html").stat().st_size > 1000
    assert sum(1 for _ in (out / "keyframes").rglob("thumbs/*.jpg")) == len({row["frame_id"] for row in table(out)})


def test_an_empty_folder_gives_empty_results(tmp_path):
    (tmp_path / "in").mkdir()
    ended = rushes("run", tmp_path / "in", "--out", tmp_path / "new" / "deep" / "out", "--json")
    assert ended.code == 0, ended.screen
    assert json.loads(ended.out)["items"] == 0
    assert table(tmp_path / "new" / "deep" / "out") == []
    assert (tmp_path / "new" / "deep" / "out" / "index.html").exists()


def test_results_inside_the_folder_are_not_sorted_and_the_command_shown_at_the_end_works(tmp_path):
    folder = tmp_path / "my footage"
    photo(folder / "a.jpg", 1)
    first = rushes("run", "my footage", "--out", "my footage/o ut", "--library", "mine", cwd=tmp_path)
    assert first.code == 0, first.screen
    (again,) = [line for line in first.out.splitlines() if line.startswith("Again")]
    words = shlex.split(again.removeprefix("Again"))
    assert words[0] == "rushes"
    second = rushes(*words[1:], cwd=tmp_path)
    assert second.code == 0, second.screen
    assert [row["paths"] for row in table(folder / "o ut")] == [[str(folder / "a.jpg")]]


@pytest.mark.parametrize(
    ("folder", "out", "says"),
    [
        ("missing", "out", "does not exist"),
        ("in/a.jpg", "out", "is a file"),
        ("in", "in/a.jpg", "can't write results to"),
        ("in", "/proc/rushes", "can't write results to"),
        ("in", "in", "holds other things"),
    ],
)
def test_what_cannot_work_is_refused_in_words(tmp_path, folder, out, says):
    photo(tmp_path / "in" / "a.jpg", 1)
    ended = rushes("run", folder, "--out", out, cwd=tmp_path)
    assert ended.code == 2
    assert says in " ".join(ended.err.replace("│", " ").split())
    assert "Traceback" not in ended.screen
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["a.jpg"]


def test_a_reader_that_leaves_early_ends_the_showing_and_not_the_work(tmp_path):
    photo(tmp_path / "in" / "a.jpg", 1)
    (tmp_path / "in" / "notes.txt").write_text("no media, and no failure")
    (tmp_path / "in" / "empty").write_bytes(b"")
    line = f"{shlex.join([*COMMAND, 'run', 'in', '--out', str(tmp_path / 'out')])} | head -1"
    ended = subprocess.run(
        ["/bin/sh", "-c", line],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        timeout=100,
        check=False,
    )
    assert b"Traceback" not in ended.stderr
    assert b"rror" not in ended.stderr
    assert len(table(tmp_path / "out")) == 1
    assert {line["error"] for line in failed(tmp_path / "out").values()} == {"not-media"}


def test_help_fills_the_lines_of_the_screen(tmp_path):
    command = [sys.executable, "-m", "rushes.streams.cli", "run", "--help"]
    shown = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"COLUMNS": "80"}, capture_output=True, text=True, check=True
    )
    prose = shown.stdout.partition("Arguments")[0]
    (results,) = [part for part in prose.split(" " * 79 + "\n") if "Results stay in" in part]
    lines = [line.rstrip() for line in results.splitlines() if line.strip()]
    assert min(map(len, lines[:-1])) > 60


def test_help_answers_without_loading_the_engines():
    code = "import sys; from rushes.streams.cli import app; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"torch", "cv2", "av", "faust", "pymilvus", "scipy", "pandas"} & set(loaded.stdout.split())
