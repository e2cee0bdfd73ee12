"""Free TCP ports that stay free while an engine is down between two starts."""

import random
import socket

FIRST_PORT = 20_000
"""The range lies below the ephemeral ports of Linux (32,768 and up) and macOS (49,152 and up): no outgoing connection
takes the port of an engine that is down for a moment. Worst case: another program listens there; it is passed over."""

LAST_PORT = 32_000
_TRIES = 1_000


def free_ports(count: int) -> list[int]:
    """`count` distinct ports of the loopback interface that nobody listens on now. Raises OSError when there are none.

    They are drawn at random, so that several test runs on one machine seldom choose alike.
    """
    drawn = random.SystemRandom().sample(range(FIRST_PORT, LAST_PORT), _TRIES)
    free: list[int] = []
    for port in drawn:
        if len(free) == count:
            break
        if _is_free(port):
            free.append(port)
    if len(free) < count:
        raise OSError(f"expected {count} free ports in {FIRST_PORT}..{LAST_PORT}, found {len(free)}")
    return free


def accepts_connections(port: int) -> bool:
    """Whether somebody listens on the port. An open port is not readiness: the engine must answer a question too."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
