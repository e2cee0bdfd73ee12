"""A redis-server of our own: no persistence, its own port."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from rushes.infra.local_stack.ports import accepts_connections, free_ports
from rushes.infra.local_stack.process import LocalProcess, program


class RedisServer(LocalProcess):
    """Empty after every start. `memory_bytes` is the limit at which it evicts the least recently used keys."""

    name: ClassVar[str] = "redis"
    start_within_s: ClassVar[float] = 10.0

    def __init__(self, folder: Path, *, memory_bytes: int = 64 * 1024 * 1024) -> None:
        super().__init__(folder)
        (self._port,) = free_ports(1)
        self._memory_bytes = memory_bytes
        self._program = ""

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    def _prepare(self) -> None:
        self._program = program("redis-server", "install it (Debian: apt install redis-server)")

    def _command(self) -> Sequence[str]:
        options = {
            "port": str(self._port),
            "bind": "127.0.0.1",
            "dir": str(self.folder),
            "save": "",
            "appendonly": "no",
            "maxmemory": str(self._memory_bytes),
            "maxmemory-policy": "allkeys-lru",
        }
        return [self._program, *(part for name, value in options.items() for part in (f"--{name}", value))]

    def _is_ready(self) -> bool:
        if not accepts_connections(self._port):
            return False
        with redis.Redis(port=self._port, socket_timeout=1.0, retry=Retry(NoBackoff(), 0)) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False
