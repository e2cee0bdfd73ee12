"""Files that are there whole or not at all, whenever the process is killed."""

import os
from pathlib import Path


def write_atomically(path: Path, data: bytes) -> None:
    """Write beside the file, make it durable, then put it in its place in one step.

    After a kill the old file stands, and the next write takes over the part file. One writer at a time per folder.
    """
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)
