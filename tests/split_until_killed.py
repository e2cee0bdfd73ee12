"""Runs a split in a process of its own, for tests that kill it: a line on standard output for each delivered shot."""

import sys
from pathlib import Path

from rushes.schemas.shots import MediaSplit, ShotSplit
from tests.split_rig import Rig

rig = Rig(Path(sys.argv[1]))
for outcome in rig.stage.process([rig.upload("film.mp4")]):
    for output in outcome.outputs:
        if isinstance(output.event, ShotSplit):
            sys.stdout.write(f"shot {output.event.model_dump_json()}\n")
        elif isinstance(output.event, MediaSplit):
            sys.stdout.write(f"closed {output.event.model_dump_json()}\n")
        sys.stdout.flush()
rig.close()
