"""What is fetched or unpacked once per machine, by whichever process comes first."""

import fcntl
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def once(folder: Path, fill: Callable[[Path], None]) -> Path:
    """The folder, filled by `fill(empty folder)` on first use and complete whenever it exists.

    Processes that ask at the same time wait for the one that fills it. An interrupted filling leaves nothing.
    """
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():
            return folder
        unfinished = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
        try:
            fill(unfinished)
            unfinished.chmod(0o755)
            unfinished.rename(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return folder
