"""`rushes identify`: who is in a file, by the results of a run."""

import json

import pytest

from tests.run_rig import film, photo, rushes, table
from tests.tiny_onnx import tiny_embedder


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    place = tmp_path_factory.mktemp("identify")
    film(place / "in" / "film.mp4", [1, 2])
    for name, number in (("one.png", 1), ("two.png", 2), ("three.png", 3), ("four.png", 3)):
        photo(place / "in" / name, number)
    ended = rushes("run", place / "in", "--out", place / "out")
    assert ended.code == 0, ended.screen
    return place


def test_a_picture_is_known_and_nothing_is_written(results):
    before = sorted((path, path.stat().st_mtime_ns) for path in (results / "out").rglob("*"))
    ended = rushes("identify", results / "in" / "one.png", "--out", results / "out", "--json")
    assert ended.code == 0, ended.screen
    told = json.loads(ended.out)
    (found,) = told["found"]
    (row,) = [row for row in table(results / "out") if any(path.endswith("one.png") for path in row["paths"])]
    best = found["candidates"][0]
    assert row["cluster_id"] is not None
    assert best["cluster_id"] == row["cluster_id"]
    assert best["probability"] > 0.5
    assert any(one["cluster_id"] is None for one in found["candidates"])
    assert sorted((path, path.stat().st_mtime_ns) for path in (results / "out").rglob("*")) == before


def test_a_film_is_told_by_its_scenes(results):
    ended = rushes("identify", results / "in" / "film.mp4", "--out", results / "out")
    assert ended.code == 0, ended.screen
    assert len([line for line in ended.out.splitlines() if line.startswith("scene,")]) == 2


def test_what_can_not_be_told_says_what_to_do(results, tmp_path):
    (tmp_path / "no.jpg").write_bytes(b"no picture")
    for arguments, code, word in (
        (("no-such-file.jpg", "--out", results / "out"), 2, "can't be read"),
        ((tmp_path / "no.jpg", "--out", results / "out"), 1, "expected"),
        ((results / "in" / "one.png", "--out", tmp_path), 2, "rushes run"),
        ((results / "in" / "one.png",), 2, "--out"),
    ):
        ended = rushes("identify", *arguments)
        assert ended.code == code, ended.screen
        assert word in ended.screen
        assert "Traceback" not in ended.screen


def test_all_that_is_in_a_file_is_explained_by_its_path(results):
    ended = rushes("explain", "--media", results / "in" / "film.mp4", "--out", results / "out", "--json")
    assert ended.code == 0, ended.screen
    records = [json.loads(line)["record"] for line in ended.out.splitlines()]
    assert [one["kind"] for one in records] == ["scene", "scene"]
    assert records[0]["time_us"] < records[1]["time_us"]
    in_words = rushes("explain", "--media", results / "in" / "one.png", "--out", results / "out")
    assert "one.png" in in_words.out
    for arguments in (("--media", "no-such.png"), (), ("abc", "--media", "one.png")):
        refused = rushes("explain", *arguments, "--out", results / "out")
        assert refused.code == 2
        assert "Traceback" not in refused.screen


def test_results_are_asked_and_added_to_with_the_models_that_they_were_made_with(tmp_path):
    (tmp_path / "scene.onnx").write_bytes(tiny_embedder())
    photo(tmp_path / "in" / "one.png", 1)
    made = rushes("run", "in", "--out", "out", "--scene-model", "onnx:scene.onnx", cwd=tmp_path)
    assert made.code == 0, made.screen
    asked = rushes("identify", tmp_path / "in" / "one.png", "--out", tmp_path / "out", "--json")
    assert asked.code == 0, asked.screen
    photo(tmp_path / "in" / "two.png", 2)
    again = rushes("run", tmp_path / "in", "--out", tmp_path / "out")
    assert again.code == 0, again.screen
    assert len(table(tmp_path / "out")) == 2
