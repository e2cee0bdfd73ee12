"""Workers of every role on real engines, and the command line beside them."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from redis import Redis

from rushes.infra.cache.redis import KEY_PREFIX
from rushes.schemas.ids import LibraryId, MediaId, media_folder
from tests.faults.supervised import Supervisor

ROLES = ("split", "embed", "feedback", "cluster")


class System:
    """Workers under names of their own, and the command line beside them."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.environment = environment
        self.media = folder / "media"
        self.media.mkdir()
        self.supervisor = Supervisor(environment, folder)

    def rushes(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "rushes.streams.cli", *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def lines(self, *arguments: str) -> list[dict]:
        done = self.rushes(*arguments)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def keyframe_sha256(self, library: str, media_id: str) -> str:
        """Of the one keyframe of a photo."""
        blobs = Path(self.environment["RUSHES_BLOBS__ROOT"])
        (picture,) = (blobs / media_folder(LibraryId(library), MediaId(media_id))).glob("v*/frames/*.jpg")
        return hashlib.sha256(picture.read_bytes()).hexdigest()

    def cached(self, sha256: str) -> list[bytes]:
        """Keys of the embedding cache in which this keyframe is."""
        with Redis.from_url(self.environment["RUSHES_REDIS__URL"]) as redis:
            return list(redis.scan_iter(match=f"{KEY_PREFIX}*{sha256}*", count=1_000))

    def states(self, library: str) -> dict[str, str]:
        return {row["media_id"]: row["state"] for row in self.lines("status", "-l", library, "--json")}

    def scene_thresholds(self, library: str) -> dict:
        """What the scenes of a library are held against, as its log has it now."""
        shown = self.rushes("calibration", "show", "--kind", "scene", "-l", library, "--json")
        assert shown.returncode == 0, shown.stderr
        (one,) = json.loads(shown.stdout)
        return one["thresholds"]
