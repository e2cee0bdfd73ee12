"""`rushes run` again: after kills, after Ctrl-C, after files moved, came and went, after the results moved."""

import random
import re
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.run_rig import (
    Ended,
    assert_same_result,
    end,
    failed,
    film,
    gone,
    interrupt_when,
    journal_ids,
    made,
    photo,
    rushes,
    start,
    table,
    tables,
)
from tests.tiny_onnx import tiny_embedder
from tests.waiting import eventually

KILLS = 3


def footage(folder: Path) -> Path:
    """Recurring places in films and photos, so that the order in which they are decided matters."""
    for number in range(3):
        film(folder / f"day {number}" / "film.mp4", [5 * number + place for place in range(10)], frames=12)
        for place in range(6):
            photo(folder / f"day {number}" / f"photo-{place}.png", 5 * number + 2 * place)
    return folder


@dataclass(frozen=True)
class Undisturbed:
    """A folder, what one quiet run made of it, how long that took, and what a second run at the same time heard."""

    folder: Path
    out: Path
    seconds: float
    second: Ended


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    place = tmp_path_factory.mktemp("undisturbed")
    folder, out = footage(place / "in"), place / "out"
    began = time.monotonic()
    process = start("run", folder, "--out", out)
    eventually((out / "state" / "run.json").exists)
    second = rushes("run", folder, "--out", out)
    ended = end(process)
    assert ended.code == 0, ended.screen
    return Undisturbed(folder, out, time.monotonic() - began, second)


def complete(out: Path) -> dict[str, tuple[int, int]]:
    """Keyframes that the journal names: work that must not be done again."""
    journal = out / "state" / "journal" / "library-log.jsonl"
    known = journal.read_text() if journal.exists() else ""
    return {name: mark for name, mark in made(out).items() if Path(name).stem in known}


def test_killed_at_any_moment_it_ends_as_if_undisturbed(undisturbed, tmp_path):
    out = tmp_path / "out"
    moments = random.Random(20240607)
    journal: list[str] = []
    keyframes: dict[str, tuple[int, int]] = {}
    for attempt in range(KILLS):
        # most of a run is start-up: strike when something new is written, or at some time
        enough = len(journal) + moments.randint(1, 15)
        deadline = time.monotonic() + undisturbed.seconds * moments.uniform(0.4, 1.1)
        process = start("run", undisturbed.folder, "--out", out)
        _, _, children = interrupt_when(
            process,
            lambda: time.monotonic() > deadline or len(journal_ids(out)) >= enough,  # noqa: B023
            signal.SIGKILL,
        )
        eventually(lambda: all(gone(child) for child in children), within_s=10)  # noqa: B023
        kept, now = journal_ids(out), complete(out)
        assert kept[: len(journal)] == journal, f"kill {attempt} lost entries"
        assert {name: now.get(name) for name in keyframes} == keyframes, f"kill {attempt} was followed by work redone"
        journal, keyframes = kept, now
    last = rushes("run", undisturbed.folder, "--out", out)
    assert last.code == 0, last.screen
    assert journal_ids(out) == journal_ids(undisturbed.out)
    assert len(set(journal_ids(out))) == len(journal_ids(out))
    now = made(out)
    assert {name: now[name] for name in keyframes} == keyframes
    assert_same_result(out, undisturbed.out)


def test_killed_while_it_writes_the_results_it_writes_them_again(undisturbed, tmp_path):
    out = Path(shutil.copytree(undisturbed.out, tmp_path / "out"))
    (out / "assignments.jsonl").unlink()
    (out / ".clusters.json.part").write_text("[torn")
    process = start("run", undisturbed.folder, "--out", out)
    interrupt_when(process, (out / "assignments.jsonl").exists, signal.SIGKILL)
    shutil.rmtree(out / "sheet")
    assert rushes("run", undisturbed.folder, "--out", out).code == 0
    assert tables(out) == tables(undisturbed.out)
    assert not (out / ".clusters.json.part").exists()
    assert {path.name.split("-")[0] for path in (out / "sheet").iterdir()} >= {"items", "clusters", "main"}


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_leaves_soon_with_what_it_has(undisturbed, tmp_path, signum):
    out = tmp_path / "out"
    process = start("run", undisturbed.folder, "--out", out)
    ended, seconds, children = interrupt_when(process, lambda: len(journal_ids(out)) > 2, signum)
    assert ended.code == 130, ended.screen
    assert seconds < 10
    assert "Traceback" not in ended.screen
    assert "same command again" in ended.screen
    eventually(lambda: all(gone(child) for child in children), within_s=5)
    rows = {row["item_id"] for row in table(out)}
    assert rows
    assert rows <= {row["item_id"] for row in table(undisturbed.out)}
    if signum == signal.SIGINT:
        assert rushes("run", undisturbed.folder, "--out", out).code == 0
        assert_same_result(out, undisturbed.out)


def test_ctrl_c_before_the_work_begins_is_quiet_too(undisturbed, tmp_path):
    out = tmp_path / "out"
    process = start("run", undisturbed.folder, "--out", out)
    ended, seconds, _ = interrupt_when(process, (out / "state" / "lock").exists, signal.SIGINT)
    assert (ended.code, "Traceback" in ended.screen) == (130, False)
    assert seconds < 10


def test_a_second_run_changes_nothing(undisturbed):
    out = undisturbed.out
    before = tables(out), (out / "index.html").read_bytes(), made(out), journal_ids(out)
    ended = rushes("run", undisturbed.folder, "--out", out)
    assert ended.code == 0, ended.screen
    assert (tables(out), (out / "index.html").read_bytes(), made(out), journal_ids(out)) == before


def test_moved_results_show_their_own_pictures(undisturbed, tmp_path):
    out = Path(shutil.copytree(undisturbed.out, tmp_path / "elsewhere"))
    assert rushes("run", undisturbed.folder, "--out", out).code == 0
    assert tables(out) == tables(undisturbed.out)
    pages = "".join(path.read_text() for path in [out / "index.html", *(out / "sheet").iterdir()])
    assert str(undisturbed.out) not in re.sub(r"file:///[^\"]*/in/", "", pages)
    assert "keyframes/local" in pages


def test_half_a_film_is_taken_up_where_the_results_were_moved(undisturbed, tmp_path):
    out = tmp_path / "out"
    process = start("run", undisturbed.folder, "--out", out)
    interrupt_when(process, lambda: len(made(out)) > 6, signal.SIGKILL)
    out.rename(tmp_path / "elsewhere")
    ended = rushes("run", undisturbed.folder, "--out", tmp_path / "elsewhere")
    assert ended.code == 0, ended.screen
    assert_same_result(tmp_path / "elsewhere", undisturbed.out)


def test_moved_copied_added_and_removed_files_are_known_by_their_content(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    film(folder / "film.mp4", [1, 2, 3])
    photo(folder / "a.png", 10)
    photo(folder / "b.png", 11)
    whole = photo(tmp_path / "whole.png", 13).read_bytes()
    (folder / "late.png").write_bytes(whole[:500])
    assert rushes("run", folder, "--out", out).code == 1
    assert list(failed(out)) == [str(folder / "late.png")]
    before, entries = {row["item_id"]: row for row in table(out)}, journal_ids(out)
    keyframes = made(out)

    (folder / "below").mkdir()
    (folder / "film.mp4").rename(folder / "below" / "renamed.mov")
    shutil.copy(folder / "a.png", folder / "copy of a.png")
    (folder / "b.png").unlink()
    (folder / "late.png").write_bytes(whole)
    folder.rename(tmp_path / "moved")
    folder = tmp_path / "moved"
    photo(folder / "new.png", 12)
    assert rushes("run", folder, "--out", out).code == 0

    assert failed(out) == {}
    assert journal_ids(out)[: len(entries)] == entries
    assert len(journal_ids(out)) == len(entries) + 5  # two photos, their totals, and a last look at all together
    assert {name: mark for name, mark in made(out).items() if name in keyframes} == keyframes
    rows = {row["item_id"]: row for row in table(out)}
    paths = {path for row in rows.values() for path in row["paths"]}
    names = ("below/renamed.mov", "a.png", "copy of a.png", "new.png", "late.png")
    assert paths == {str(folder / name) for name in names}
    for item, row in before.items():
        assert {**rows[item], "paths": None} == {**row, "paths": None}


def test_a_second_folder_joins_the_first_in_its_results(tmp_path):
    first, second, out = tmp_path / "first", tmp_path / "second", tmp_path / "out"
    paths = [photo(first / "a.png", 10), photo(first / "b.png", 11), photo(second / "c.png", 12)]
    (first / "broken.mp4").write_text("no film")
    assert rushes("run", first, "--out", out).code == 1
    assert rushes("run", second, "--out", out).code == 0
    assert {path for row in table(out) for path in row["paths"]} == set(map(str, paths))
    assert list(failed(out)) == [str(first / "broken.mp4")]


def test_other_models_or_another_library_are_refused(undisturbed, tmp_path):
    before = tables(undisturbed.out)
    (tmp_path / "scene.onnx").write_bytes(tiny_embedder())
    for option, value, says in (
        ("--scene-model", f"onnx:{tmp_path / 'scene.onnx'}", "made with scene model"),
        ("--scene-model", "best", "RUSHES_MODELS__SCENE"),
        ("--library", "other", "holds library"),
    ):
        ended = rushes("run", undisturbed.folder, "--out", undisturbed.out, option, value)
        assert ended.code == 2
        assert says in ended.err
        assert "Traceback" not in ended.screen
    assert tables(undisturbed.out) == before


def test_two_runs_at_once_on_one_folder_are_one_too_many(undisturbed):
    assert undisturbed.second.code == 2
    assert "another rushes is writing" in undisturbed.second.err
