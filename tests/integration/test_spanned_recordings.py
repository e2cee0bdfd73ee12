"""A recording that a camera cut into files with names of their own shows as one in the results of a run."""

import pytest

from tests.making_media import scene, still, write_film
from tests.run_rig import rushes, table

FILES = {
    "morning.mov": ("10:00:00:00", "2026-06-05T08:00:00Z", 1),
    "and so on.mov": ("10:00:02:00", "2026-06-05T08:00:02Z", 2),
    "another take.mov": ("10:00:04:00", "2026-06-05T08:09:00Z", 3),
}
"""Name: start time code, clock, what it shows. All of one reel, 50 frames each; the last began minutes later."""


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    place = tmp_path_factory.mktemp("spanned")
    (place / "in").mkdir()
    for name, (timecode, clock, seed) in FILES.items():
        metadata = {"timecode": timecode, "creation_time": clock, "reel_name": "A001", "com.apple.proapps.reel": "A001"}
        write_film(
            place / "in" / name, still(scene(seed), 50), metadata=metadata,
            container_options={"movflags": "use_metadata_tags"},
        )  # fmt: skip
    ended = rushes("run", place / "in", "--out", place / "out")
    assert ended.code == 0, ended.screen
    return {path.rsplit("/", 1)[-1]: row for row in table(place / "out") for path in row["paths"]}


def test_files_that_go_on_in_each_other_share_a_span_in_order(rows):
    first, second = rows["morning.mov"]["span"], rows["and so on.mov"]["span"]
    assert (first["name"], first["index"], second["index"]) == ("A001", 1, 2)
    assert first["span_id"] == second["span_id"]


def test_a_take_that_began_later_on_the_same_reel_has_none(rows):
    assert "span" not in rows["another take.mov"]
