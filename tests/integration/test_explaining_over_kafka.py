"""A running system explains an item, gives out what it learnt, and takes what another library taught."""

import json
from pathlib import Path

import skimage.data
from PIL import Image

from tests.integration.running_system import ROLES, System
from tests.waiting import eventually

TAUGHT, LEARNER = "wedding", "harbour"
PICTURES = ("coffee", "rocket", "chelsea", "astronaut")


def test_a_profile_travels_from_one_library_to_another_and_every_place_is_explained(
    system: System, tmp_path: Path
) -> None:
    system.rushes("topics", "create")
    for role in ROLES:
        system.supervisor.add(role)
    for name in PICTURES:
        Image.fromarray(getattr(skimage.data, name)()).save(system.media / f"{name}.jpg")
    for library in (TAUGHT, LEARNER):
        assert system.rushes("upload", str(system.media), "-l", library).returncode == 0
    for library in (TAUGHT, LEARNER):
        eventually(lambda library=library: set(system.states(library).values()) == {"complete"}, within_s=120)

    file = tmp_path / "scenes.json"
    exported = system.rushes("calibration", "export", str(file), "--kind", "scene", "-l", TAUGHT)
    assert exported.returncode == 0, exported.stderr
    profile = json.loads(file.read_text())
    file.write_text(json.dumps(profile | {"join": 0.87, "uncertainty": 0.01, "items": 5_000}))
    before = system.scene_thresholds(LEARNER)
    assert abs(before["join"] - 0.87) > 0.02
    sent = system.rushes("calibration", "import", str(file), "-l", LEARNER)
    assert sent.returncode == 0, sent.stderr
    eventually(lambda: abs(system.scene_thresholds(LEARNER)["join"] - 0.87) < 0.02, within_s=60)
    assert system.scene_thresholds(TAUGHT) == before, "what one library is taught stays in it"

    media_id = min(system.states(LEARNER))
    told = system.lines("explain", "--media", media_id, "-l", LEARNER, "--json")
    assert {one["record"]["media_id"] for one in told} == {media_id}
    assert told[0]["record"]["kind"] == "scene"
    assert abs(told[0]["thresholds"]["join"] - 0.87) < 0.02
    in_words = system.rushes("explain", told[0]["record"]["item_id"][:12], "-l", LEARNER)
    assert in_words.returncode == 0, in_words.stderr
    assert "because" in in_words.stdout
    unknown = system.rushes("explain", "no-such-item", "-l", LEARNER)
    assert unknown.returncode == 2
    assert "no-such-item" in unknown.stderr
    assert "Traceback" not in unknown.stderr

    for library in (TAUGHT, LEARNER):
        replayed = json.loads(system.rushes("replay", "-l", library, "--json").stdout)
        assert (replayed["items"] >= len(PICTURES), replayed["different"]) == (True, [])
    system.supervisor.close()
    assert system.supervisor.unexpected_exits() == []
