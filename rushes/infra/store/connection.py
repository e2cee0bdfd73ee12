"""The connection to Milvus, Lite or server: opened on first use, errors in our terms, one writer per collection.

Milvus Lite runs inside this process and is shared by all stores that open the same folder. It corrupts its log without
a word when two threads write to one collection, so the locks belong to the folder, not to the store.
"""

import fcntl
import logging
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

from rushes.infra.store.client import Client, translated
from rushes.schemas.errors import ConfigurationError, DependencyUnavailable

CONNECT_TIMEOUT_S: Final = 5.0
"""For the first answer of a server. A server that starts is polled by the caller's retries."""


@dataclass
class LiteFolder:
    """One open folder of Milvus Lite in this process: how many stores use it, a lock per collection."""

    users: int = 0
    locks: defaultdict[str, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))


_LITE_FOLDERS: Final[dict[Path, LiteFolder]] = {}
"""Open folders, as Milvus Lite itself keeps them: once per process. Guarded by `_LITE_GUARD`."""
_LITE_GUARD: Final = threading.Lock()


class Connection:
    """Milvus at a uri: `http(s)://host:port`, or the path of a folder that ends in `.db` (Milvus Lite)."""

    def __init__(self, uri: str) -> None:
        if "://" in uri:
            self._folder = None
        elif uri.endswith(".db"):
            self._folder = Path(uri).resolve()
        else:
            raise ConfigurationError(
                f"milvus.uri must be http://host:port or a folder whose name ends in .db (Milvus Lite), found {uri!r}"
            )
        self.uri: Final = uri
        self._client: Client | None = None
        self._guard = threading.Lock()
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    @property
    def lite(self) -> bool:
        return self._folder is not None

    def client(self) -> Client:
        """The client, connected. Errors: DependencyUnavailable; ConfigurationError (the folder is not ours to open)."""
        with self._guard:
            if self._client is None:
                self._client = _open_lite(self._folder) if self._folder else _open_server(self.uri)
                if self._folder:
                    self._locks = _LITE_FOLDERS[self._folder].locks
            return self._client

    def writing(self, collection: str) -> threading.Lock:
        """The lock under which this collection is created, written and flushed."""
        self.client()
        with self._guard:
            return self._locks[collection]

    def close(self) -> None:
        """Let go; the last store of a Lite folder frees it for other processes."""
        with self._guard:
            client, self._client = self._client, None
        if client is None:
            return
        client.close()
        if self._folder:
            _release_lite(self._folder)


def _quiet() -> None:
    # They log an ERROR with a traceback for every refused call, also for those that are retried and pass, and Lite's
    # server for every call that it lacks (pymilvus asks and goes on); here each failure becomes an exception.
    for name in ("pymilvus", "milvus_lite", "grpc._server"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _open_server(uri: str) -> Client:
    from pymilvus import MilvusClient  # noqa: PLC0415 - takes a second to import

    _quiet()
    with translated(f"connecting to {uri}"):
        return cast("Client", MilvusClient(uri, timeout=CONNECT_TIMEOUT_S))


def _open_lite(folder: Path) -> Client:
    from pymilvus import MilvusClient  # noqa: PLC0415 - takes a second to import
    from pymilvus.exceptions import ConnectionConfigException  # noqa: PLC0415 - likewise

    _quiet()
    with _LITE_GUARD:
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with translated(f"opening {folder}"):
                client = cast("Client", MilvusClient(str(folder), timeout=CONNECT_TIMEOUT_S))
        except OSError as error:
            raise ConfigurationError(f"milvus.uri: the folder {folder} can't be made: {error}") from error
        except (ConfigurationError, DependencyUnavailable) as error:
            if not isinstance(error.__cause__, ConnectionConfigException):
                raise
            raise ConfigurationError(_why_not_open(folder)) from error
        _LITE_FOLDERS.setdefault(folder, LiteFolder()).users += 1
    return client


def _why_not_open(folder: Path) -> str:
    """Milvus Lite says only that it failed: its lock tells whether another process has the folder."""
    try:
        with (folder / "LOCK").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return (
            f"another process has the Milvus Lite folder {folder} open, and only one can: "
            "wait for it to end, or give this one another output folder"
        )
    except OSError as error:
        return f"the Milvus Lite folder {folder} can't be opened: {error}; check its owner and the space on the disk"
    return (
        f"the Milvus Lite folder {folder} can't be opened, and no other process has it: it is damaged. "
        "Remove it; it is filled again from the log"
    )


def _release_lite(folder: Path) -> None:
    from milvus_lite.server_manager import (  # type: ignore[import-untyped]  # noqa: PLC0415 - untyped; slow
        server_manager_instance,
    )

    with _LITE_GUARD:
        opened = _LITE_FOLDERS[folder]
        opened.users -= 1
        if opened.users == 0:
            del _LITE_FOLDERS[folder]
            # pymilvus keeps the folder's server, and with it the lock on the folder, until the process ends.
            server_manager_instance.release_server(str(folder))
