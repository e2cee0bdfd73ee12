"""`rushes demo`: the newcomer's minute."""

import json
import shlex

import pytest

from tests.run_rig import clusters, environment, failed, rushes, table

WITH_FACES = environment(RUSHES_MODELS__FACE_DETECTOR="mtcnn")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    place = tmp_path_factory.mktemp("demo")
    return place, rushes("demo", cwd=place, env=WITH_FACES)


def test_the_demo_shows_scenes_people_noise_a_failure_and_what_to_type_next(demo):
    place, ended = demo
    assert ended.code == 0, ended.screen
    assert ended.err == ""
    for word in ("Scenes (", "Characters (", "Noise bucket", "card-error.mp4", "unsupported-media", "index.html"):
        assert word in ended.out
    assert "rushes models fetch faces" in ended.out  # how to get a real face model
    out = place / "rushes-demo" / "results"
    assert len(failed(out)) == 1
    scenes = [row for row in clusters(out) if row["kind"] == "scene"]
    faces = [row for row in clusters(out) if row["kind"] == "face"]
    assert len(scenes) >= 5
    assert len(faces) >= 2
    assert any(len(row["scenes"]) > 1 for row in faces)  # somebody comes back at another place


def test_the_command_it_ends_with_finds_nothing_to_do(demo):
    place, ended = demo
    (again,) = [line for line in ended.out.splitlines() if line.startswith("Again")]
    out = place / "rushes-demo" / "results"
    before = (out / "assignments.jsonl").read_bytes()
    second = rushes(*shlex.split(again.removeprefix("Again"))[1:], "--json", cwd=place, env=WITH_FACES)
    assert second.code == 1, second.screen  # the broken file is still broken
    assert json.loads(second.out)["files"] == {"sorted": 7, "partial": 0, "failed": 1}
    assert (out / "assignments.jsonl").read_bytes() == before


def test_a_face_is_corrected_by_its_file_time_and_box(demo):
    place, _ = demo
    out = place / "rushes-demo" / "results"
    face = next(row for row in table(out) if row["kind"] == "face" and row["cluster_id"] and row["time_s"])
    nearly = ",".join(f"{corner + 0.01:.3f}" for corner in face["box"])
    ended = rushes(
        "feedback", "reject", "--cluster", face["cluster_id"], "--media", face["paths"][0],
        "--time", str(face["time_s"]), "--box", nearly, "--out", out,
    )  # fmt: skip
    assert ended.code == 0, ended.screen
    assert face["item_id"] in ended.out
    (row,) = [row for row in table(out) if row["item_id"] == face["item_id"]]
    assert row["cluster_id"] != face["cluster_id"]


def test_it_begins_anew_but_touches_nothing_that_is_not_its_own(tmp_path):
    (tmp_path / "rushes-demo").mkdir()
    (tmp_path / "rushes-demo" / "diary.txt").write_text("mine")
    ended = rushes("demo", cwd=tmp_path)
    assert ended.code == 2
    assert "holds other things" in ended.err
    assert (tmp_path / "rushes-demo" / "diary.txt").read_text() == "mine"
