"""`rushes evaluate`: what a person and a program see of labelled embeddings and pictures."""

import json

import cv2
import numpy as np
import pytest
import skimage.data
from typer.testing import CliRunner

from rushes.processors.clustering.profiles import learnt
from rushes.processors.evaluation.embedders import Synthetic
from rushes.processors.identity.clusterer import Clusterer
from rushes.schemas.errors import ConfigurationError
from rushes.schemas.ids import ModelId
from rushes.streams.cli.app import app

KEYS = {
    "bcubed_f1_worst", "bcubed_f1_mean", "arrival_f1_worst", "arrival_f1_mean", "oracle_f1", "singletons_f1",
    "clicks_per_1000", "clusters", "noise", "churn_per_1000", "ms_per_item",
}  # fmt: skip


@pytest.fixture(scope="module")
def labelled():
    """Six identities of six items, a frame for each pair of them."""
    groups = Synthetic("any", 64, same=0.7).draw(np.random.default_rng(0), [6] * 6)
    names = np.repeat(["ann", "bob", "cyd", "dan", "eve", "fay"], 6)
    frames = np.array([f"{pair}-{k}" for pair in range(3) for _ in range(2) for k in range(6)])
    return {"embeddings": np.concatenate(groups).astype(np.float32), "labels": names, "frames": frames}


def call(*arguments):
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)], env={"COLUMNS": "80"})


def saved(place, **columns):
    path = place / "some.npz"
    np.savez(path, **columns)
    return path


def test_a_program_gets_the_named_figures_and_no_others(labelled, tmp_path):
    result = call(saved(tmp_path, **labelled), "--json", "--orders", 3)
    assert result.exit_code == 0
    figures = json.loads(result.stdout)
    assert set(figures) == KEYS
    assert figures["oracle_f1"] == 1.0
    assert 0.9 < figures["bcubed_f1_worst"] <= figures["bcubed_f1_mean"] <= 1.0
    assert 0 < figures["singletons_f1"] < 0.4
    assert figures["clusters"] + figures["noise"] >= 6
    assert figures["ms_per_item"] > 0


def test_a_person_sees_the_policy_beside_the_references(labelled, tmp_path):
    result = call(saved(tmp_path, **labelled), "--orders", 2, "--policy", "fixed")
    assert "36 items of 6 identities, with frames; 2 arrival orders" in result.stdout
    for row in ("policy fixed", "nearest neighbour", "greedy, oracle", "best offline cut", "all different"):
        assert row in result.stdout
    assert "…" not in result.stdout  # all of it fits on 80 characters


def written_profile(place, join):
    clusterer = Clusterer(64)
    taught = learnt(clusterer, "face", ModelId("some"), "a test").model_copy(
        update={"join": join, "uncertainty": 0.01, "items": 1000}
    )
    path = place / "profile.json"
    path.write_text(taught.model_dump_json())
    return path


def test_a_profile_is_where_the_clusterer_begins(labelled, tmp_path):
    file = saved(tmp_path, embeddings=labelled["embeddings"][:6], labels=labelled["labels"][:6])
    shown = {
        join: json.loads(call(file, "--json", "--orders", 1, "--profile", written_profile(tmp_path, join)).stdout)
        for join in (0.4, 0.99)
    }
    assert shown[0.4]["arrival_f1_worst"] == 1.0  # all of one person, and the profile says that this is near enough
    assert shown[0.99]["arrival_f1_worst"] < 0.6


def test_a_profile_that_is_none_or_serves_nothing_is_refused(labelled, tmp_path):
    file = saved(tmp_path, **labelled)
    nothing = tmp_path / "nothing.json"
    nothing.write_text("{}")
    assert isinstance(call(file, "--profile", nothing).exception, ConfigurationError)
    refused = call(file, "--policy", "fixed", "--profile", written_profile(tmp_path, 0.5)).exception
    assert "expected --profile with the policy `calibrated`" in str(refused)


def test_frames_that_hold_one_label_twice_are_told(labelled, tmp_path):
    result = call(saved(tmp_path, **labelled | {"frames": np.zeros(36, np.int64)}), "--orders", 1)
    assert "1 frames hold two items of one label" in result.stderr


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"embeddings": None}, "expected an array `embeddings` (n, d), found labels (36,), frames (36,)"),
        ({"labels": None}, "expected an array `labels` of 36 identities"),
        ({"labels": np.arange(7)}, "expected `labels` (36,), one for each row of `embeddings`, found (7,)"),
        ({"labels": np.full(36, 0.5)}, "expected `labels` of bool, integers or text, found float64"),
        ({"embeddings": np.zeros((36, 8))}, "not zero, found 36 others, the first at 0"),
        ({"embeddings": np.ones(36)}, "expected `embeddings` (n, d) of numbers, found (36,)"),
        ({"quality": np.full(36, 2.0)}, "expected `quality` in 0..1, found 2 to 2"),
        ({"times": np.full(36, np.nan)}, "expected finite numbers in `times`, found 36 others"),
    ],
)
def test_a_file_that_is_not_as_it_should_be_is_refused_with_what_is_wrong(labelled, tmp_path, change, says):
    columns = {name: column for name, column in (labelled | change).items() if column is not None}
    result = call(saved(tmp_path, **columns))
    assert isinstance(result.exception, ConfigurationError)
    assert says in str(result.exception)


def test_what_is_no_npz_is_refused(tmp_path):
    text, array = tmp_path / "a.npz", tmp_path / "b.npz"
    text.write_text("no arrays")
    with array.open("wb") as file:
        np.save(file, np.ones((3, 3)))
    for path in (text, array):
        result = call(path)
        assert isinstance(result.exception, ConfigurationError)
        assert "expected an .npz" in str(result.exception)
    assert "found nothing at" in str(call(tmp_path / "c.npz").exception)


@pytest.fixture
def pictures(tmp_path):
    """Two places seen five times each, a little differently; a file that is no picture."""
    for name, scene in (("cafe", skimage.data.coffee()), ("rocket", skimage.data.rocket())):
        (tmp_path / name).mkdir()
        for number in range(5):
            crop = scene[5 * number : 300 + 5 * number, : 400 + 5 * number]
            cv2.imwrite(str(tmp_path / name / f"{number}.png"), crop[..., ::-1])
    (tmp_path / "cafe" / "notes.txt").write_text("no picture")
    return tmp_path


def test_a_folder_of_labelled_pictures_goes_through_the_models(pictures, monkeypatch):
    monkeypatch.setenv("RUSHES_MODELS__SCENE", "opencv")
    result = call(pictures, "--kind", "scene", "--json", "--orders", 2)
    assert result.exit_code == 0, result.exception
    figures = json.loads(result.stdout)
    assert set(figures) == KEYS
    assert figures["oracle_f1"] == 1.0
    assert "notes.txt: expected" in result.stderr
    assert "Vectors by opencv" in result.stderr


def test_a_folder_without_folders_says_what_it_wants(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    assert "expected a folder for each identity or place" in str(call(tmp_path).exception)


def test_pictures_without_a_face_say_so(pictures):
    result = call(pictures, "--orders", 1)
    assert "expected pictures with a face" in str(result.exception)
