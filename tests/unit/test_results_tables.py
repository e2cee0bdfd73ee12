"""`assignments.jsonl`, `clusters.json` and `failed.jsonl`, as a person's script would read them."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushes.infra.results import atomic
from rushes.infra.results.catalogue import arrange
from rushes.infra.results.json_text import line_of, script_of
from rushes.infra.results.rows import FileResult, Results
from rushes.infra.results.tables import assignments_jsonl, clusters_json, failed_jsonl
from rushes.infra.results.writer import write_results
from rushes.schemas.media import Span
from tests.results_builder import (
    ANNA,
    BEN,
    HOSTILE,
    KITCHEN,
    LEFT,
    STREET,
    cluster,
    hostile_library,
    item,
    small_library,
    some_id,
)

FILE_NAMES = st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=60)
"""Any Unicode, lone surrogates (bytes that are no UTF-8) among it."""

COLUMNS = [
    "media", "paths", "frame_id", "time_s", "item_id", "kind", "box", "cluster_id", "parent_cluster_id", "decision",
    "similarity", "model",
]  # fmt: skip


def rows_of(data: bytes) -> list[dict]:
    return [json.loads(line) for line in data.decode().splitlines()]


def test_an_assignment_line_has_exactly_the_promised_columns():
    rows = rows_of(assignments_jsonl(small_library()))
    assert all(list(row) == COLUMNS for row in rows)
    anna = next(row for row in rows if row["cluster_id"] == ANNA and row["time_s"] == 4.0)
    assert anna["media"] == "film"
    assert anna["paths"] == ["film.mov"]
    assert anna["box"] == list(LEFT)
    assert anna["parent_cluster_id"] == STREET
    assert anna["similarity"] == 0.876543
    assert anna["model"] == "opencv-face"


def test_items_of_a_film_in_several_files_say_which_file_it_is():
    span = Span(span_id=ANNA, name="GX0042", index=2)
    library = small_library()
    first = library.items[0]
    chapter = replace(first, facts=first.facts.model_copy(update={"span": span}))
    (row,) = rows_of(assignments_jsonl(Results(items=(chapter,))))
    assert list(row) == [*COLUMNS, "span"]
    assert row["span"] == {"span_id": ANNA, "name": "GX0042", "index": 2}


def test_lines_are_sorted_by_path_time_kind_and_box():
    rows = rows_of(assignments_jsonl(small_library()))
    order = [(row["paths"][0], row["time_s"], row["kind"], row["box"]) for row in rows]
    assert order == [
        ("film.mov", 0.0, "scene", None), ("film.mov", 0.0, "face", [0.125, 0.25, 0.25, 0.5]),
        ("film.mov", 0.0, "face", [0.5, 0.25, 0.75, 0.625]), ("film.mov", 0.04, "scene", None),
        ("film.mov", 4.0, "scene", None), ("film.mov", 4.0, "face", [0.125, 0.25, 0.25, 0.5]),
        ("photo.jpg", None, "scene", None), ("photo.jpg", None, "face", [0.5, 0.25, 0.75, 0.625]),
    ]  # fmt: skip


def test_a_removed_item_has_no_line():
    gone = item("film", 0, cluster=None, decision="removed")
    retired = item("film", 40_000, cluster=None, decision="retired")
    assert assignments_jsonl(Results(items=(gone, retired))) == b""


def test_a_merged_scene_is_followed_to_the_one_that_stands():
    first, second = some_id("first"), some_id("second")
    face = item("film", 0, kind="face", cluster=ANNA, scene=first, box=LEFT)
    chain = (
        cluster(first, "scene", 0, status="merged", merged_into=second),
        cluster(second, "scene", 0, status="merged", merged_into=KITCHEN),
    )
    row = rows_of(assignments_jsonl(Results((face,), chain)))[0]
    assert row["parent_cluster_id"] == KITCHEN


def test_scenes_merged_in_a_circle_end_somewhere():
    one, two = some_id("one"), some_id("two")
    circle = (
        cluster(one, "scene", 0, status="merged", merged_into=two),
        cluster(two, "scene", 0, status="merged", merged_into=one),
    )
    face = item("film", 0, kind="face", cluster=ANNA, scene=one, box=LEFT)
    assert rows_of(assignments_jsonl(Results((face,), circle)))[0]["parent_cluster_id"] in (one, two)


def test_clusters_name_their_scenes_and_items():
    clusters = {row["cluster_id"]: row for row in json.loads(clusters_json(small_library()))}
    assert clusters[ANNA]["name"] == "Anna"
    assert clusters[ANNA]["scenes"] == sorted([KITCHEN, STREET])
    assert len(clusters[ANNA]["items"]) == 2
    assert clusters[BEN]["cover"] == clusters[BEN]["items"][0]
    assert clusters[KITCHEN]["scenes"] == []
    assert clusters[some_id("old")]["merged_into"] == KITCHEN
    assert clusters[ANNA]["proposals"] == [{"cluster_id": BEN, "similarity": 0.712346, "probability": 0.42}]


def test_what_may_be_one_is_listed_once_for_both_the_likeliest_first():
    catalogue = arrange(small_library())
    listed = [
        (catalogue.clusters[pair.one].cluster_id, catalogue.clusters[pair.other].cluster_id, pair.probability)
        for pair in catalogue.pairs
    ]
    assert {frozenset(pair[:2]) for pair in listed} == {frozenset((ANNA, BEN)), frozenset((KITCHEN, STREET))}
    assert [pair[2] for pair in listed] == [0.42, 0.25]


def test_every_path_that_is_not_wholly_sorted_has_a_line():
    rows = rows_of(failed_jsonl(small_library().files))
    assert [list(row) for row in rows] == [["media", "path", "error", "reason"]] * 3
    assert {row["path"]: row["error"] for row in rows} == {
        "locked.mov": "media-not-found", "torn.mov": "partial", "copy of torn.mov": "partial",
    }  # fmt: skip
    assert {row["path"]: row["media"] for row in rows}["locked.mov"] is None


@given(st.permutations(range(9)))
def test_the_order_in_which_results_arrive_changes_no_byte(order):
    results = small_library()
    shuffled = Results(
        tuple(results.items[place] for place in order), tuple(reversed(results.clusters)), results.files[::-1]
    )
    assert assignments_jsonl(shuffled) == assignments_jsonl(results)
    assert clusters_json(shuffled) == clusters_json(results)
    assert failed_jsonl(shuffled.files) == failed_jsonl(results.files)


@given(FILE_NAMES)
def test_any_file_name_comes_back_from_a_line(name):
    data = failed_jsonl([FileResult(None, (name,), "failed", "damaged-media", f"reason: {name}")])
    assert len(data.decode().splitlines()) == 1
    assert json.loads(data) == {"media": None, "path": name, "error": "damaged-media", "reason": f"reason: {name}"}


@given(FILE_NAMES)
def test_any_file_name_is_ascii_without_markup_in_a_script(name):
    text = script_of([name])
    assert text.isascii()
    assert not set(text) & set("<>&\n\r\u2028")
    assert json.loads(text) == [name]


def test_names_stay_readable_in_a_line():
    assert "Brücke 日本" in line_of("Brücke 日本.mov")


def test_hostile_names_are_found_again_in_every_table():
    results = hostile_library()
    assert {row["path"] for row in rows_of(failed_jsonl(results.files))} == set(HOSTILE)
    assert {row["paths"][0] for row in rows_of(assignments_jsonl(results))} == set(HOSTILE)


def contents(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def test_two_writes_of_one_state_are_equal_byte_for_byte(tmp_path):
    for name in ("a", "b"):
        write_results(tmp_path / name, small_library(tmp_path / name))
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    write_results(tmp_path / "a", small_library(tmp_path / "a"))
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


class KilledError(BaseException):
    pass


@pytest.mark.parametrize("at", range(1, 10))
def test_a_kill_before_any_replacement_leaves_files_that_are_whole(tmp_path, monkeypatch, at):
    old, new = small_library(tmp_path), hostile_library()
    write_results(tmp_path, old)
    before = contents(tmp_path)
    calls = 0
    replace = Path.replace

    def killed(self, target):
        nonlocal calls
        calls += 1
        if calls == at:
            raise KilledError
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", killed)
    done = True
    try:
        write_results(tmp_path, new)
    except KilledError:
        done = False
    monkeypatch.undo()
    after = contents(tmp_path)
    write_results(tmp_path / "other", new)
    whole = contents(tmp_path / "other")
    for name in ("assignments.jsonl", "clusters.json", "failed.jsonl", "index.html"):
        assert after[name] in (before[name], whole[name])
    index = after["index.html"].decode()
    named = [name for name in (set(before) | set(whole)) if name.startswith("sheet/") and Path(name).name in index]
    assert named
    assert all(name in after for name in named), "the page names a part that is not there"
    write_results(tmp_path, new)
    settled = {name: data for name, data in contents(tmp_path).items() if not name.startswith("other/")}
    assert settled == whole
    assert done == (at > calls)


def test_a_file_is_on_the_disk_before_it_takes_its_place(tmp_path, monkeypatch):
    events = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(atomic.os, "fsync", lambda number: (events.append("fsync"), fsync(number))[1])
    monkeypatch.setattr(Path, "replace", lambda self, to: (events.append("replace"), replace(self, to))[1])
    atomic.write_atomically(tmp_path / "file", b"new")
    assert events == ["fsync", "replace"]
    assert (tmp_path / "file").read_bytes() == b"new"
