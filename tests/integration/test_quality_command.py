"""`rushes quality`: what a person and a program see of photos and films."""

import json

import cv2
import numpy as np
import pytest
import skimage.data
from typer.testing import CliRunner

from rushes.streams.cli.app import app
from tests.making_cards import color_bars
from tests.making_media import still, write_film


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A sharp and a blurred photo, a film with bars before a place that is once blurred, a file that is no media."""
    place = tmp_path_factory.mktemp("quality")
    sharp = cv2.resize(skimage.data.coffee(), (640, 360), interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(sharp, (0, 0), 4)
    cv2.imwrite(str(place / "a-sharp.png"), sharp[..., ::-1])
    cv2.imwrite(str(place / "b-blurred.png"), blurred[..., ::-1])
    other = cv2.GaussianBlur(np.ascontiguousarray(skimage.data.astronaut()[:288, :512]), (0, 0), 5)
    other = cv2.resize(other, (640, 360))
    write_film(place / "c-film.mp4", [*still(color_bars("smptebars"), 20), *still(sharp, 20), *still(other, 20)])
    (place / "d-notes.txt").write_text("no media")
    return place


def call(*arguments):
    return CliRunner().invoke(app, ["quality", *map(str, arguments)], env={"COLUMNS": "100"})


def test_the_score_tells_sharp_from_blurred_and_says_which_figure_it_was(folder):
    result = call(folder, "--json")
    document = json.loads(result.stdout)
    sharp, blurred, film = document["files"]
    assert [row["path"].rpartition("/")[2] for row in document["files"]] == [
        "a-sharp.png",
        "b-blurred.png",
        "c-film.mp4",
    ]
    assert blurred["score"] < sharp["score"] - 10
    assert blurred["sharpness"] < 0.7 * sharp["sharpness"]
    assert abs(blurred["exposure"] - sharp["exposure"]) < 0.1
    assert film["kind"] == "video"
    assert film["frames"] == 2  # the bars don't count
    assert 1_600_000 <= film["worst"]["time_us"] < 2_400_000
    assert film["worst"]["score"] < film["score"]


def test_what_is_no_media_is_named_with_its_reason_and_the_exit_code_says_so(folder):
    result = call(folder, "--json")
    assert result.exit_code == 1
    (failed,) = json.loads(result.stdout)["failed"]
    assert failed["path"].endswith("d-notes.txt")
    assert failed["code"]
    assert "d-notes.txt: expected" in result.stderr
    assert call(folder / "a-sharp.png").exit_code == 0


def test_the_table_fits_and_names_every_file(folder):
    shown = call(folder).stdout
    assert all(name in shown for name in ("a-sharp.png", "b-blurred.png", "c-film.mp4", "Score", "Sharp", "Resol"))
    assert max(len(line) for line in shown.splitlines()) <= 100


def test_a_path_that_is_not_there_is_a_clear_error(tmp_path):
    result = call(tmp_path / "gone")
    assert result.exit_code != 0
    assert "found nothing at" in str(result.exception)
