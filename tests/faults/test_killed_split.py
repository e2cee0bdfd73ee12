"""A split that is killed again and again delivers every shot, and the same ones."""

import random
import subprocess
import sys

import psutil

from rushes.schemas.shots import MediaSplit, ShotSplit
from tests.making_media import scene, still, write_film
from tests.split_rig import Rig, told
from tests.waiting import eventually

SHOTS = 24
KILLS = 6


def test_a_split_killed_at_random_moments_loses_no_shot(tmp_path):
    chance = random.Random(20261121)
    rig = Rig(tmp_path)
    lengths = [chance.randint(20, 60) for _ in range(SHOTS)]
    write_film(rig.media / "film.mp4", (p for seed, length in enumerate(lengths) for p in still(scene(seed), length)))
    delivered: list[ShotSplit] = []
    closed: list[MediaSplit] = []
    kills = 0
    while not closed:
        patience = chance.randint(1, 4) if kills < KILLS else SHOTS + 1
        command = [sys.executable, "-m", "tests.split_until_killed", str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            children = []
            for line in process.stdout:
                kind, _, content = line.partition(" ")
                if kind == "closed":
                    closed.append(MediaSplit.model_validate_json(content))
                    continue
                delivered.append(ShotSplit.model_validate_json(content))
                patience -= 1
                if patience == 0:
                    children = psutil.Process(process.pid).children()
                    process.kill()  # what it had written by then was delivered, and is still read
                    kills += 1
        eventually(lambda: all(not child.is_running() for child in children))  # noqa: B023  of this round
    assert kills == KILLS
    union = {shot.shot_id: shot for shot in delivered}
    assert len(delivered) - len(union) <= kills, "only the shot in hand may come twice"
    assert closed[-1].shot_ids == tuple(union)
    whole = rig.run(rig.upload("film.mp4", media_id="twin", uri=(rig.media / "film.mp4").as_uri()))
    assert [shot.start_frame for shot in union.values()] == [shot.start_frame for shot in whole.shots]
    looks = [[(f.time_us, f.why, f.sha256) for f in shot.frames] for shot in union.values()]
    assert looks == [[(f.time_us, f.why, f.sha256) for f in shot.frames] for shot in whole.shots]
    twice = [shot for shot in delivered if [s.shot_id for s in delivered].count(shot.shot_id) > 1]
    assert len(set(told(twice))) == len({shot.shot_id for shot in twice}), "twice the same event, byte for byte"
    rig.close()
