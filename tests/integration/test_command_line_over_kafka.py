"""A producer, a corrector and ops at the command line, with workers of every role on real engines."""

import json
import os
import subprocess
import sys
from pathlib import Path

import skimage.data
from PIL import Image

from tests.integration.running_system import ROLES, System
from tests.waiting import eventually

LIBRARY = "wedding"


def test_from_an_upload_to_a_correction_to_a_deletion(system: System, tmp_path: Path) -> None:
    created = json.loads(system.rushes("topics", "create", "--json").stdout)
    assert {row["state"] for row in created} == {"created"}
    assert {row["state"] for row in json.loads(system.rushes("topics", "create", "--json").stdout)} == {"exists"}
    for role in ROLES:
        system.supervisor.add(role)

    Image.fromarray(skimage.data.coffee()).save(system.media / "café.jpg")
    Image.fromarray(skimage.data.rocket()).save(system.media / "rocket.png")
    (system.media / "notes.mp4").write_text("no film")
    outside = tmp_path / "outside.jpg"
    Image.fromarray(skimage.data.chelsea()).save(outside)
    sent = system.rushes("upload", str(system.media), str(outside), "-l", LIBRARY)
    assert sent.returncode == 0, sent.stderr
    ids = {Path(line.split("  ", 1)[1]).name: line.split()[0] for line in sent.stdout.splitlines()}
    assert set(ids) == {"café.jpg", "rocket.png", "notes.mp4", "outside.jpg"}

    expected = {
        ids["café.jpg"]: "complete",
        ids["rocket.png"]: "complete",
        ids["notes.mp4"]: "failed",
        ids["outside.jpg"]: "failed",
    }
    eventually(lambda: system.states(LIBRARY) == expected, within_s=120)
    codes = {row["media_id"]: row["code"] for row in system.lines("letters", "-l", LIBRARY, "--json")}
    assert codes == {ids["notes.mp4"]: "unsupported-media", ids["outside.jpg"]: "forbidden-uri"}
    assert "unsupported-media" in system.rushes("letters").stdout
    assert "complete" in system.rushes("status", "-l", LIBRARY).stdout

    again = system.rushes("upload", str(system.media / "rocket.png"), "-l", LIBRARY)
    assert again.stdout.split()[0] == ids["rocket.png"]
    moved = system.rushes(
        "feedback", "move", "--media", ids["rocket.png"], "--kind", "scene", "--to", "new", "-l", LIBRARY
    )
    assert moved.returncode == 0, moved.stderr
    nothing = system.rushes("feedback", "undo", "never-given", "-l", LIBRARY)
    assert nothing.returncode == 0
    eventually(
        lambda: any(row["code"] == "invalid-feedback" for row in system.lines("letters", "-l", LIBRARY, "--json")),
        within_s=60,
    )

    erased, kept = system.keyframe_sha256(LIBRARY, ids["café.jpg"]), system.keyframe_sha256(LIBRARY, ids["rocket.png"])
    assert len(system.cached(erased)) == 1
    assert system.rushes("delete", ids["café.jpg"], "-l", LIBRARY).returncode == 0
    eventually(lambda: system.states(LIBRARY)[ids["café.jpg"]] == "removed", within_s=60)
    eventually(lambda: system.cached(erased) == [], within_s=60)
    assert len(system.cached(kept)) == 1
    pictures = list((tmp_path / "blobs").rglob("*.jpg"))
    assert {path.parent.name for path in pictures} == {"frames", "thumbs"}
    assert len(pictures) == 2

    replayed = system.rushes("replay", "-l", LIBRARY, "--json")
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    result = json.loads(replayed.stdout)
    assert (result["items"], result["different"]) == (1, [])
    system.supervisor.close()
    assert system.supervisor.unexpected_exits() == []


def test_without_kafka_the_command_says_so_and_ends_as_to_be_tried_again(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rushes.streams.cli", "topics", "list"],
        env={**os.environ, "RUSHES_KAFKA__BOOTSTRAP": "127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 75
    assert "127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr
