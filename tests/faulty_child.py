"""A decoding child that does what the name of the file says: hang, crash, ask for too much. Else like the real one.

Started like `rushes.infra.media.child`; a name with `once` does it only the first time (it leaves an empty `.done`).
"""

import os
import signal
import time
from pathlib import Path

from rushes.infra.media import child
from rushes.infra.media.messages import Progress, ShotFound

_answer = child.answer
_decoders = {"decode_photo": child.decode_photo, "split_film": child.split_film}


def _faulty(job, limits, send):
    path = Path(job.path)
    name = path.name
    done = path.with_suffix(".done")
    if "once" in name and done.exists():
        name = "well"
    done.touch()
    for decoder, real in _decoders.items():
        setattr(child, decoder, _greedy if "memory" in name else real)
    if "late" in name:
        sent = send

        def send(message, payload):
            sent(message, payload)
            if isinstance(message, ShotFound) and message.resume is not None:
                _misbehave(name, sent)

    else:
        _misbehave(name, send)
    _answer(job, limits, send)


def _greedy(job, limits, send):
    bytearray(1 << 40)


def _misbehave(name, send):
    if "segfault" in name:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "sigkill" in name:
        os.kill(os.getpid(), signal.SIGKILL)
    if "exit" in name:
        os._exit(3)
    if "hang" in name:
        time.sleep(3600)
    if "forever" in name:
        while True:
            send(Progress(time_us=0, frames=0), b"")
            time.sleep(0.01)
    if "garbage" in name:
        os.write(_replies_fd(), b"\xff" * 64)
    if "writes" in name:
        Path(name).write_bytes(bytes(4 << 20))


def _replies_fd():
    """The pipe to the parent: the last one opened."""
    pipes = [fd for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink() and str(fd.readlink()).startswith("pipe:")]
    return max(int(fd.name) for fd in pipes)


child.answer = _faulty
child.main()
