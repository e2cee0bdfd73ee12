"""The contact sheet's files: everything is in them, in an order, and no name becomes markup."""

import os
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from rushes.infra.results import sheet
from rushes.infra.results.catalogue import arrange, letters
from rushes.infra.results.pictures import Links
from rushes.infra.results.rows import Results
from rushes.infra.results.writer import write_results
from rushes.schemas.media import Span
from tests.results_builder import (
    ANNA,
    BEN,
    HOSTILE,
    KITCHEN,
    LEFT,
    STREET,
    Page,
    cluster,
    hostile_library,
    item,
    sheet_parts,
    small_library,
    some_id,
)


def page_script() -> str:
    page = files("rushes.infra.results").joinpath("page")
    return "".join(part.read_text("utf-8") for part in page.iterdir() if part.name.endswith(".js"))


def test_every_live_item_is_on_the_sheet_once(tmp_path):
    results = small_library(tmp_path)
    write_results(tmp_path, results)
    shown = [row[0] for part in sheet_parts(tmp_path, "items") for row in part["rows"]]
    assert sorted(shown) == sorted(row.assigned.item_id for row in results.items if row.live)


def test_many_items_come_in_parts_that_follow_each_other(tmp_path):
    scene = some_id("scene")
    many = tuple(item("film", 40_000 * n, cluster=scene) for n in range(2 * sheet.ITEMS_PER_PART + 1))
    write_results(tmp_path, Results(many, (cluster(scene, "scene", len(many)),)))
    parts = sheet_parts(tmp_path, "items")
    assert [len(part["rows"]) for part in parts] == [sheet.ITEMS_PER_PART, sheet.ITEMS_PER_PART, 1]
    assert [row[0] for part in parts for row in part["rows"]] == [row.assigned.item_id for row in many]


def test_a_character_lists_its_scenes_and_a_scene_its_characters():
    found = arrange(small_library())
    labels = [entry.label for entry in found.clusters]
    by_id = {entry.cluster_id: entry for entry in found.clusters}
    assert {labels[link.cluster] for link in by_id[ANNA].links} == {by_id[KITCHEN].label, by_id[STREET].label}
    assert {labels[link.cluster] for link in by_id[KITCHEN].links} == {"Anna", by_id[BEN].label}
    assert {labels[link.cluster] for link in by_id[STREET].links} == {"Anna"}
    link = next(link for link in by_id[STREET].links)
    met = found.items[link.first : link.first + link.count]
    assert [(row.assigned.cluster_id, row.assigned.parent_cluster_id) for row in met] == [(ANNA, STREET)]


def test_noise_and_hidden_clusters_come_last():
    hidden = some_id("hidden")
    results = Results(
        (
            *(item(f"h{n}", 0, cluster=hidden) for n in range(3)),
            item("a", 0, cluster=KITCHEN),
            item("n", 0, cluster=None),
        ),
        (cluster(hidden, "scene", 3, status="hidden"), cluster(KITCHEN, "scene", 1)),
    )
    found = arrange(results)
    assert [entry.cluster_id for entry in found.clusters] == [KITCHEN, hidden]
    assert found.noise == {"scene": range(4, 5)}


def test_items_of_a_cluster_without_a_record_are_shown_all_the_same():
    found = arrange(Results((item("a", 0, cluster=KITCHEN),)))
    assert [(entry.cluster_id, entry.count) for entry in found.clusters] == [(KITCHEN, 1)]


def test_the_page_names_weak_vectors_and_the_models(tmp_path):
    write_results(tmp_path, small_library())
    data = Page(tmp_path / "index.html").data
    assert "without a trained model" in data["notices"][0]["title"]
    assert "rushes models fetch faces" in data["notices"][0]["command"]
    assert {(model["model"], model["weak"]) for model in data["models"]} == {
        ("opencv-scene", False), ("opencv-face", True),
    }  # fmt: skip


def test_the_page_says_what_found_the_faces_and_of_which_recording_a_file_is_a_part(tmp_path):
    face = item("film", 0, kind="face", cluster=ANNA, box=LEFT, weak=False)
    span = Span(span_id="54c24e17-9522-51e3-872f-3caecf7017f0", name="A001", index=2)
    assert face.facts is not None
    spanned = replace(face, facts=face.facts.model_copy(update={"span": span}))
    write_results(tmp_path, Results((spanned,), detectors={"face": "mtcnn/1"}))
    page = Page(tmp_path / "index.html")
    assert page.data["detectors"] == {"face": "mtcnn/1"}
    (part,) = sheet_parts(tmp_path, "items")
    assert part["media"][0][3] == ["A001", 2]


def test_the_page_says_what_was_not_looked_for(tmp_path):
    face = item("film", 0, kind="face", cluster=ANNA, box=LEFT, weak=False)
    write_results(tmp_path, Results((face,), off=("person",)))
    assert Page(tmp_path / "index.html").data["off"] == ["person"]


def test_real_face_vectors_bring_no_warning(tmp_path):
    face = item("film", 0, kind="face", cluster=ANNA, box=LEFT, weak=False)
    write_results(tmp_path, Results((face,)))
    assert Page(tmp_path / "index.html").data["notices"] == []


def test_hostile_names_add_no_element_and_no_attribute(tmp_path):
    write_results(tmp_path / "plain", small_library())
    write_results(tmp_path / "hostile", hostile_library(), title=HOSTILE[1])
    plain, hostile = Page(tmp_path / "plain/index.html"), Page(tmp_path / "hostile/index.html")
    assert hostile.tags == plain.tags
    assert hostile.data["title"] == HOSTILE[1]
    assert {row[1][0] for part in sheet_parts(tmp_path / "hostile", "files") for row in part} == set(HOSTILE)
    shown = {media[1][0] for part in sheet_parts(tmp_path / "hostile", "items") for media in part["media"]}
    assert shown == set(HOSTILE)


def test_the_page_loads_nothing_from_outside(tmp_path):
    write_results(tmp_path, small_library())
    tags = Page(tmp_path / "index.html").tags
    linked = [value for _, attrs in tags for name, value in attrs if name in ("src", "href") and value]
    assert all(re.fullmatch(r"sheet/[\w.-]+|#.*|data:,", value) for value in linked), linked
    policy = next(
        value for tag, attrs in tags if tag == "meta" for name, value in attrs if "default-src" in (value or "")
    )
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy


def test_the_script_never_makes_markup_of_text():
    for way in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "http:",
        "https:",
    ):
        assert way not in page_script()


def test_a_sheet_written_anew_leaves_no_old_parts(tmp_path):
    write_results(tmp_path, hostile_library())
    first = {path.name for path in (tmp_path / "sheet").iterdir()}
    write_results(tmp_path, small_library())
    data = Page(tmp_path / "index.html").data
    left = {path.name for path in (tmp_path / "sheet").iterdir()}
    named = {name for parts in data["parts"].values() for name in parts}
    assert named <= left
    assert left - named == {name for name in first if not name.startswith(("items-", "clusters-", "files-"))}


def test_pictures_are_linked_relative_to_the_folder(tmp_path):
    links = Links(tmp_path)
    assert links.to((tmp_path / "blobs/a b#?.jpg").as_uri()) == "blobs/a%20b%23%3F.jpg"
    assert links.to(str(tmp_path / "blobs/%41.jpg")) == "blobs/%2541.jpg"
    assert links.to("blobs/a.jpg") == "blobs/a.jpg"
    assert links.to("../outside.jpg") is None
    assert links.to("s3://bucket/a.jpg") is None
    assert links.to("javascript:alert(1)") is None
    assert links.to(None) is None


def test_pictures_are_found_through_a_linked_folder(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert Links(tmp_path / "link").to((tmp_path / "real/a.jpg").as_uri()) == "a.jpg"
    assert Links(tmp_path / "link").to((tmp_path / "link/a.jpg").as_uri()) == "a.jpg"


@given(
    st.binary(min_size=1, max_size=40)
    .map(lambda name: os.fsdecode(name.translate(None, b"\0/")))
    .filter(lambda name: name not in ("", ".", ".."))
)
def test_a_link_to_any_file_name_stays_inside_the_folder(name):
    link = Links(Path("/out")).to(f"/out/blobs/{name}")
    assert link is not None
    assert re.fullmatch(r"blobs/[\w.~%-]+", link, re.ASCII)


def test_characters_have_letters_and_scenes_numbers_in_the_order_of_the_sheet():
    found = arrange(small_library())
    for kind, noun, mark in (("scene", "Scene", str), ("face", "Character", letters)):
        of_kind = [found.clusters[place] for place in found.of_kind(kind)]
        assert of_kind
        assert [one.label for one in of_kind] == [one.name or f"{noun} {mark(n)}" for n, one in enumerate(of_kind, 1)]
