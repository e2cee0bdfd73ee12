"""`rushes feedback --out`: corrections of the results of a run, without Kafka."""

import json
import re
import shutil
import signal
from pathlib import Path

import pytest

from tests.run_rig import (
    Ended,
    clusters,
    failed,
    film,
    interrupt_when,
    journal_ids,
    photo,
    rushes,
    start,
    table,
    tables,
)


@pytest.fixture(scope="module")
def first_results(tmp_path_factory):
    """Two places, twice each, in a film and photos."""
    place = tmp_path_factory.mktemp("feedback")
    film(place / "in" / "film.mp4", [1, 2])
    photo(place / "in" / "one.png", 1)
    photo(place / "in" / "two.png", 2)
    ended = rushes("run", place / "in", "--out", place / "out")
    assert ended.code == 0, ended.screen
    return place / "in", place / "out"


@pytest.fixture
def results(first_results, tmp_path):
    """A copy of its own for each test: the folder, and the results."""
    folder, out = first_results
    return folder, Path(shutil.copytree(out, tmp_path / "out"))


def feedback(*arguments: str | Path) -> Ended:
    return rushes("feedback", *arguments, "--actor", "tester")


def row_of(out: Path, item_id: str) -> dict:
    (row,) = [row for row in table(out) if row["item_id"] == item_id]
    return row


def item_of(out: Path, name: str) -> dict:
    return next(row for row in table(out) if any(path.endswith(name) for path in row["paths"]))


def undo_line(ended: Ended) -> str:
    found = re.search(r"rushes feedback undo (\S+)", ended.out)
    assert found, ended.screen
    return found[1]


def on_the_sheet(out: Path) -> str:
    return "".join(path.read_text() for path in sorted((out / "sheet").glob("items-*")))


def test_a_profile_of_the_results_comes_in_again_and_one_of_another_model_says_that_it_waits(results, tmp_path):
    _, out = results
    mine, other = tmp_path / "scene.json", tmp_path / "other.json"
    exported = rushes("calibration", "export", mine, "--kind", "scene", "--out", out)
    assert exported.code == 0, exported.screen
    taken = rushes("calibration", "import", mine, "--out", out)
    assert (taken.code, "it waits" in taken.screen) == (0, False)
    other.write_text(json.dumps(json.loads(mine.read_text()) | {"model_id": "onnx/0123456789abcdef/2"}))
    waits = rushes("calibration", "import", other, "--out", out)
    assert (waits.code, "it waits: nothing in" in waits.screen) == (0, True)
    assert "0 items moved" in waits.out


def test_a_move_shows_in_the_tables_and_on_the_sheet_and_holds_over_a_later_run(results, tmp_path):
    folder, out = results
    one, two = item_of(out, "one.png"), item_of(out, "two.png")
    sheet = on_the_sheet(out)
    assert one["cluster_id"] != two["cluster_id"]
    moved = feedback("move", "--item", one["item_id"], "--to", two["cluster_id"], "--out", out)
    assert moved.code == 0, moved.screen
    assert row_of(out, one["item_id"])["cluster_id"] == two["cluster_id"]
    assert row_of(out, one["item_id"])["decision"] == "moved"
    assert on_the_sheet(out) != sheet
    assert failed(out) == {}

    more = Path(shutil.copytree(folder, tmp_path / "more"))
    photo(more / "three.png", 1)
    photo(more / "four.png", 30)
    later = rushes("run", more, "--out", out)
    assert later.code == 0, later.screen
    assert row_of(out, one["item_id"])["cluster_id"] == two["cluster_id"]
    assert item_of(out, "four.png")["cluster_id"] != two["cluster_id"]

    undone = feedback("undo", undo_line(moved), "--out", out)
    assert undone.code == 0, undone.screen
    assert row_of(out, one["item_id"])["cluster_id"] != two["cluster_id"]


def test_an_item_is_found_by_the_file_and_the_time_that_the_sheet_shows(results):
    folder, out = results
    (late,) = [row for row in table(out) if row["time_s"] is not None and row["time_s"] > 0.6]
    by_path = feedback(
        "reject", "--cluster", late["cluster_id"], "--media", folder / "film.mp4", "--time", str(late["time_s"]),
        "--kind", "scene", "--out", out,
    )  # fmt: skip
    assert by_path.code == 0, by_path.screen
    assert row_of(out, late["item_id"])["cluster_id"] != late["cluster_id"]
    by_id = feedback(
        "move", "--to", "new", "--media", late["media"], "--time", str(late["time_s"]), "--kind", "scene", "--out", out
    )
    assert by_id.code == 0, by_id.screen
    own = row_of(out, late["item_id"])["cluster_id"]
    assert [row["items"] for row in clusters(out) if row["cluster_id"] == own] == [[late["item_id"]]]
    confirmed = feedback("confirm", "--media", "film.mp4", "--time", str(late["time_s"]), "--kind", "scene", "-o", out)
    assert confirmed.code == 0, confirmed.screen
    assert row_of(out, late["item_id"])["cluster_id"] == own


NOBODY = "00000000-0000-5000-8000-000000000000"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["confirm", "--item", NOBODY], 1, "no such item"),
        (["confirm", "--item", "the second one"], 2, "expected item ids"),
        (["confirm", "--media", "film.mp4", "--time", "999", "--kind", "scene"], 1, "no such item"),
        (["confirm", "--media", "no-such-file.mp4", "--time", "1"], 2, "no-such-file.mp4"),
        (["confirm", "--media", "film.mp4", "--box", "1,2,x"], 2, "x0,y0,x1,y1"),
        (["confirm", "--media", "film.mp4", "--kind", "dog"], 2, "kind"),
        (["confirm"], 2, "name at least one item"),
        (["undo", "f-never-given"], 1, "no feedback f-never-given"),
    ],
)
def test_what_is_not_there_is_refused_in_words_and_changes_nothing(first_results, arguments, code, says):
    _, out = first_results
    before = tables(out)
    ended = feedback(*arguments, "--out", out)
    assert ended.code == code, ended.screen
    assert says in " ".join(ended.err.replace("│", " ").split())
    assert "Traceback" not in ended.screen
    assert "pydantic" not in ended.screen
    assert tables(out) == before


def test_an_unknown_cluster_is_refused(results):
    _, out = results
    ended = feedback("move", "--item", table(out)[0]["item_id"], "--to", NOBODY, "--out", out)
    assert ended.code == 1
    assert f"no cluster {NOBODY}" in ended.err


def test_a_folder_without_results_is_refused(tmp_path):
    ended = feedback("confirm", "--item", NOBODY, "--out", tmp_path / "nowhere")
    assert ended.code == 2
    assert "holds no results" in ended.err
    assert not (tmp_path / "nowhere").exists()


def test_a_killed_correction_is_carried_out_or_was_never_given(results):
    """The journal is the truth: what is in it shows after the next command, whatever that is."""
    folder, out = results
    one, two = item_of(out, "one.png"), item_of(out, "two.png")
    before = len(journal_ids(out))
    process = start("feedback", "move", "--item", one["item_id"], "--to", two["cluster_id"], "--out", out)
    interrupt_when(process, lambda: len(journal_ids(out)) > before, signal.SIGKILL)
    assert len(journal_ids(out)) in {before + 1, before + 2}  # the correction, and perhaps the last look behind it
    ended = rushes("run", folder, "--out", out, "--json")
    assert ended.code == 0, ended.screen
    assert json.loads(ended.out)["items"] == len(table(out))
    assert row_of(out, one["item_id"])["cluster_id"] == two["cluster_id"]
    assert len(journal_ids(out)) == before + 2  # the run looks again at what the correction may change
