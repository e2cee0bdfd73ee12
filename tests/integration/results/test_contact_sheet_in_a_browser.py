"""The contact sheet as a person uses it: opened from the disk in Chromium, with keyboard and mouse."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rushes.infra.results.rows import Results
from rushes.infra.results.writer import write_results
from tests.results_builder import (
    ANNA,
    BEN,
    HOSTILE,
    KITCHEN,
    LEFT,
    RIGHT,
    cluster,
    hostile_library,
    item,
    small_library,
    some_id,
)

OPEN_WITHIN_MS = 2000
"""Asked of a sheet of 100,000 items."""


def text(chromium, selector: str) -> str:
    return chromium.js(f"[...document.querySelectorAll({json.dumps(selector)})].map(e => e.innerText).join('\\n')")


def settle(chromium) -> None:
    """Until every picture in view is decoded or given up."""
    chromium.until("[...document.images].every(i => i.complete)")


@pytest.fixture(scope="module")
def sheet(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("out it's")
    results = small_library(out)
    (out / "blobs").mkdir()
    for row in results.items:
        frame = np.full((360, 640, 3), 90, np.uint8)
        frame[90:225, 320:480] = (220, 170, 140)
        Image.fromarray(frame).save(out / f"blobs/{row.assigned.frame_id}.jpg")
        Image.fromarray(frame[::2, ::2]).save(out / f"blobs/{row.assigned.frame_id}.thumb.jpg")
    write_results(out, results, "night shoot")
    return out / "index.html"


@pytest.fixture
def page(chromium, sheet):
    chromium.size(1440, 900)
    chromium.open(sheet)
    return chromium


def test_the_overview_shows_scenes_characters_noise_and_failed_files(page):
    settle(page)
    shown = text(page, "main")
    for words in ("Scenes", "Characters", "Anna", "Noise bucket", "locked.mov", "permission denied", "torn.mov"):
        assert words in shown
    assert "without a trained model" in text(page, ".notice")
    assert page.js("[...document.querySelectorAll('main img')].every(i => i.naturalWidth > 0)")


def test_every_picture_names_its_file_and_time_code(page, sheet):
    page.open(sheet, f"#/search/{KITCHEN[:8]}")
    page.open(sheet, "#/search/film.mov")
    captions = page.js("[...document.querySelectorAll('a.card[data-item] .cap')].map(e => e.innerText)")
    assert len(captions) == 6
    assert all("film.mov" in caption and "10:00:0" in caption for caption in captions)
    assert page.js("[...document.querySelectorAll('main img')].every(i => i.alt.includes('film.mov'))")


def test_a_click_enlarges_the_keyframe_with_the_face_boxed(page, sheet):
    page.open(sheet, "#/characters")
    page.js(f"document.querySelector('[data-cluster=\"{BEN}\"]').click()")
    page.until("document.querySelector('a.card[data-item]')")
    page.js("document.querySelector('a.card[data-item]').click()")
    page.until("document.querySelector('dialog[open] .box.own') && document.querySelector('.held img').complete")
    held, box = (
        page.js(f"JSON.parse(JSON.stringify(document.querySelector('{where}').getBoundingClientRect()))")
        for where in (".held img", ".box.own")
    )
    corners = [
        (box["left"] - held["left"]) / held["width"], (box["top"] - held["top"]) / held["height"],
        (box["right"] - held["left"]) / held["width"], (box["bottom"] - held["top"]) / held["height"],
    ]  # fmt: skip
    assert np.allclose(corners, RIGHT, atol=0.003)
    assert "10:00:00:00" in text(page, "dialog")
    assert "0.877" in text(page, "dialog")
    assert page.js("document.querySelectorAll('.box.mate').length") == 1


def test_the_correction_is_typed_out_with_the_folder_it_lies_in(page, sheet):
    page.open(sheet, f"#/search/{ANNA}")
    page.js("document.querySelector('a.card').click()")
    page.until("document.querySelector('a.card[data-item]')")
    item_id = page.js("document.querySelector('a.card[data-item]').dataset.item")
    page.js("document.querySelector('a.card[data-item]').click()")
    page.until("document.querySelector('dialog[open]')")
    lines = page.js("[...document.querySelectorAll('.typed code')].map(e => e.textContent)")
    folder = "'" + str(sheet.parent).replace("'", "'\\''") + "'"
    assert lines == [
        f"rushes explain {item_id} --out {folder}",
        f"rushes feedback confirm --item {item_id} --out {folder}",
        f"rushes feedback reject --item {item_id} --cluster {ANNA} --out {folder}",
        f"rushes feedback move --item {item_id} --to {BEN} --out {folder}",
        f"rushes feedback move --item {item_id} --to new --out {folder}",
    ]


def test_what_may_be_one_is_shown_side_by_side_with_what_to_type(page, sheet):
    assert "42 % likely to be one" in text(page, "main")
    page.js("[...document.querySelectorAll('a.pair')].find(a => a.innerText.includes('Anna')).click()")
    page.until("location.hash.startsWith('#/pair/')")
    page.until("document.querySelector('.answers')")
    assert page.js("document.querySelectorAll('a.card[data-item]').length") == 3
    shown = {row["cluster_id"]: row["items"] for row in json.loads((sheet.parent / "clusters.json").read_text())}
    folder = "'" + str(sheet.parent).replace("'", "'\\''") + "'"
    assert page.js("[...document.querySelectorAll('.typed code')].map(e => e.textContent)") == [
        f"rushes feedback move --item {shown[BEN][0]} --to {ANNA} --out {folder}",
        f"rushes feedback reject --item {shown[BEN][0]} --cluster {ANNA} --out {folder}",
    ]
    page.press("Escape")
    page.until("location.hash === '#/'")
    page.open(sheet, f"#/search/{BEN}")
    page.js("document.querySelector('a.card').click()")
    page.until("document.querySelector('a.pair')")
    assert "Anna" in text(page, "a.pair")


def test_the_keyboard_is_enough(page):
    page.press("ArrowRight")
    first = page.js("document.activeElement.dataset.cluster")
    page.press("ArrowRight")
    assert page.js("document.activeElement.dataset.cluster") not in (None, first)
    page.press("ArrowLeft")
    assert page.js("document.activeElement.dataset.cluster") == first
    page.press("Enter")
    page.until("document.querySelector('a.card[data-item]')")
    page.js("document.querySelector('a.card[data-item]').focus()")
    page.press("Enter")
    page.until("document.querySelector('dialog[open]')")
    before = page.js("location.hash")
    page.press("ArrowRight")
    page.until(f"location.hash !== {json.dumps(before)}")
    page.press("Escape")
    page.until("!document.querySelector('dialog[open]')")
    page.press("/")
    assert page.js("document.activeElement.id") == "search"
    for letter in "ben":
        page.press(letter)
    page.until("location.hash === '#/search/ben'")
    page.press("Escape")
    page.until("location.hash === '#/'")


def test_a_character_is_found_within_a_scene(page, sheet):
    page.open(sheet, f"#/search/{KITCHEN}")
    page.js("document.querySelector('a.card').click()")
    page.until("document.querySelector('.strip')")
    assert "Anna" in text(page, ".strip")
    page.js("[...document.querySelectorAll('.strip a')].find(a => a.innerText.includes('Anna')).click()")
    page.until("document.querySelector('main h1').innerText.includes(' in ')")
    assert page.js("document.querySelectorAll('a.card[data-item]').length") == 1


def test_the_detail_says_what_the_similarity_was_held_against(page, sheet):
    page.open(sheet, "#/search/Anna")
    page.js("document.querySelector('a.card').click()")
    page.until("document.querySelector('a.card[data-item]')")
    places = page.js("[...document.querySelectorAll('a.card[data-item]')].map(a => a.getAttribute('href'))")
    shown = []
    for place in places:
        page.open(sheet, place)
        page.until("document.querySelector('dialog[open]')")
        shown.append(text(page, "dialog dl"))
    assert any("0.266 above the next" in one and "joins from 0.85, 0.75 within its scene" in one for one in shown)


def test_escape_goes_up_a_step_and_never_out_of_the_sheet(page, sheet):
    page.open(sheet, f"#/search/{BEN}")
    page.js("document.querySelector('a.card').click()")
    page.until("location.hash.startsWith('#/cluster/')")
    page.until("document.querySelector('main h1').innerText.includes('Character')")
    for view in ("#/characters", "#/"):
        page.press("Escape")
        page.until(f"location.hash === {json.dumps(view)}")
    page.press("Escape")
    assert page.js("location.hash") == "#/"


def test_a_crowded_scene_shows_all_its_characters(chromium, tmp_path):
    boxes = [(x / 16, y / 16, (x + 1) / 16, (y + 1) / 16) for x in range(16) for y in range(6)]
    crowd = [item("film", 0, kind="face", cluster=some_id(str(b)), scene=KITCHEN, box=b) for b in boxes]
    write_results(tmp_path, Results((item("film", 0, cluster=KITCHEN), *crowd)))
    chromium.open(tmp_path / "index.html", "#/cluster/0")
    assert "All 96" in text(chromium, "main")
    total = 0
    for page in (1, 2):
        chromium.open(tmp_path / "index.html", f"#/links/0/{page}")
        total += chromium.js("document.querySelectorAll('.grid a.card').length")
    assert total == 96


def test_a_phone_shows_it_without_scrolling_sideways(chromium, sheet):
    chromium.size(390, 844, mobile=True)
    for view in ("", "#/characters", "#/files", "#/pairs", "#/pair/0/1", "#/cluster/0!0"):
        chromium.open(sheet, view)
        assert chromium.js("document.documentElement.scrollWidth") <= 390


def test_no_name_runs_as_script_or_becomes_an_element(chromium, tmp_path):
    out = tmp_path / "<b>out"
    write_results(out, hostile_library(), HOSTILE[1])
    chromium.size(1440, 900)
    for view in ("", "#/scenes", "#/files", "#/search/.mov", "#/cluster/0!0", "#/search/%3Cscript%3Ewindow.hacked=1"):
        chromium.open(out / "index.html", view)
        settle(chromium)
        assert chromium.js("window.hacked") is None
        assert (
            chromium.js("document.querySelectorAll('main script, main b:not(.facts b), [onerror], [onload]').length")
            == 0
        )
    chromium.open(out / "index.html", "#/files")
    assert chromium.js("document.querySelectorAll('tbody tr').length") == len(HOSTILE)
    assert HOSTILE[0] in text(chromium, "tbody")


def test_a_part_that_is_gone_is_said_and_not_silent(chromium, tmp_path):
    write_results(tmp_path, small_library())
    for part in (tmp_path / "sheet").glob("items-*"):
        part.unlink()
    chromium.open(tmp_path / "index.html", "#/cluster/0")
    assert "reload the page" in text(chromium, "main")


def test_a_hundred_thousand_items_open_in_two_seconds(chromium, tmp_path):
    write_results(tmp_path, large_library(100_000))
    chromium.size(1440, 900)
    first = chromium.open(tmp_path / "index.html")
    assert first < OPEN_WITHIN_MS
    assert chromium.js("document.querySelectorAll('a.card').length") >= 36
    assert chromium.open(tmp_path / "index.html", "#/noise/face/7") < OPEN_WITHIN_MS
    assert chromium.js("document.querySelectorAll('a.card[data-item]').length") == 60


def large_library(total: int) -> Results:
    """A third frames in 2,000 scenes, two thirds faces of 3,000 characters, every tenth face in noise."""
    scenes, people = [some_id("s", n) for n in range(2000)], [some_id("p", n) for n in range(3000)]
    items = []
    for n in range(total // 3):
        scene, time_us = scenes[n * 7 % 2000], n % 500 * 1_000_000
        film = f"film-{n // 500:04d}"
        items.append(item(film, time_us, cluster=scene, path=f"day/{film}.mov"))
        for side in range(2):
            who = None if n % 10 == side else people[(n * 13 + side * 5) % 3000]
            box = (0.125 + side / 2, 0.25, 0.25 + side / 2, 0.5)
            items.append(item(film, time_us, cluster=who, kind="face", scene=scene, box=box, path=f"day/{film}.mov"))
    clusters = [cluster(scene, "scene", 1) for scene in scenes] + [cluster(who, "face", 1) for who in people]
    return Results(tuple(items), tuple(clusters))


def test_of_a_face_sample_the_faces_are_sharp_and_the_rest_is_softened(chromium, tmp_path):
    picture = (tmp_path / "sample.jpg").as_uri()
    Image.fromarray(np.full((360, 640, 3), 90, np.uint8)).save(tmp_path / "sample.jpg")
    both = [
        item("film", 0, kind="face", cluster=one, box=box, image_uri=picture, thumbnail_uri=picture)
        for one, box in ((ANNA, LEFT), (BEN, RIGHT))
    ]
    write_results(tmp_path, Results(tuple(both), (cluster(ANNA, "face", 1), cluster(BEN, "face", 1))))
    chromium.open(tmp_path / "index.html", "#/cluster/0!0")
    chromium.until("document.querySelectorAll('.sharp').length === 2")
    assert chromium.js("document.querySelectorAll('.held .soft').length") == 1
    assert "only the faces are kept" in text(chromium, "dialog")
