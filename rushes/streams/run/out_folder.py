"""The output folder of `rushes run`: what lies where, who may write, and what a later run needs to know.

OUT/
├── index.html, sheet/                 the contact sheet
├── assignments.jsonl, clusters.json, failed.jsonl
├── keyframes/                         blob store: keyframes, thumbnails, manifests
├── milvus.db/                         Milvus Lite
└── state/                             journal (the truth), embedding cache, inventory, models, outcome of each file
"""

import fcntl
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO

from rushes.infra.inventory import Inventory, SeenFile, load_inventory, save_inventory
from rushes.infra.results.atomic import write_atomically
from rushes.infra.results.rows import FileResult
from rushes.infra.settings import BlobSettings, MilvusSettings, ModelSettings, Settings, SourceSettings
from rushes.schemas.errors import ConfigurationError
from rushes.schemas.event import KINDS, ItemKind
from rushes.streams.run.chosen_models import to_remember, with_remembered


class OutFolder:
    """Paths and small files of one output folder."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.state = self.root / "state"
        self.journal = self.state / "journal"
        self.cache = self.state / "cache"
        self.keyframes = self.root / "keyframes"
        self.store = self.root / "milvus.db"
        self._lock_file = self.state / "lock"
        self._run_file = self.state / "run.json"
        self._inventory_file = self.state / "inventory.json"
        self._files_file = self.state / "files.json"

    def exists(self) -> bool:
        """Whether a run was begun here."""
        return self._run_file.exists()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the only one who writes here. Raises ConfigurationError where somebody else does, or where the folder
        holds other things.
        """
        if self.root.is_dir() and not self.exists() and any(path != self.state for path in self.root.iterdir()):
            raise ConfigurationError(
                f"{self.root} holds other things than an earlier run's results: name a new or empty folder with --out"
            )
        with self._open_lock() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ConfigurationError(
                    f"another rushes is writing to {self.root}: wait for it, or name another folder with --out"
                ) from error
            self._remember_place()
            yield

    def _open_lock(self) -> IO[str]:
        try:
            str(self.root).encode()
            self.state.mkdir(parents=True, exist_ok=True)
            return self._lock_file.open("a")
        except UnicodeEncodeError:
            raise ConfigurationError(
                f"expected an output folder named in UTF-8, found {str(self.root)!r}: name another one with --out"
            ) from None
        except OSError as error:
            raise ConfigurationError(
                f"can't write results to {self.root} ({error.strerror or error}): name another folder with --out"
            ) from error

    def settings(self, base: Settings) -> Settings:
        """Settings of a run: everything of its own lies in the output folder, and what looks is what looked before,
        where the settings name nothing else. Sources may lie anywhere: their uris are made from a walk over the
        person's own folder, and a link in it may lead out of it.
        """
        chosen = self._run().get("chosen")
        return base.model_copy(
            update={
                "models": with_remembered(base.models, chosen if isinstance(chosen, Mapping) else {}),
                "blobs": BlobSettings(root=str(self.keyframes)),
                "milvus": MilvusSettings(uri=str(self.store), prefix=base.milvus.prefix),
                "sources": SourceSettings(roots=(Path(self.root.anchor),)),
            }
        )

    @property
    def former_keyframes(self) -> tuple[Path, ...]:
        """Where the keyframes lay before the folder was moved: the journal names them there."""
        return tuple(Path(place) / self.keyframes.name for place in self._places() if place != str(self.root))

    def place_of(self) -> Callable[[str | None], str | None]:
        """From the uri of a keyframe, as the journal has it, to its uri where the folder lies now."""
        now = self.keyframes.as_uri()
        former = [place.as_uri() + "/" for place in self.former_keyframes]

        def placed(uri: str | None) -> str | None:
            for place in former:
                if uri is not None and uri.startswith(place):
                    return f"{now}/{uri.removeprefix(place)}"
            return uri

        return placed

    def check_models(self, models: Mapping[str, str], chosen: ModelSettings) -> None:
        """Remember the models of the first run, and how they were chosen. Raises ConfigurationError where a later one
        has others: their vectors can't be compared.
        """
        known = self._run().get("models")
        if isinstance(known, dict):
            for kind, model in models.items():
                if known.get(kind, model) != model:
                    raise ConfigurationError(
                        f"the results in {self.root} were made with {kind} model {known[kind]}, this run has {model}: "
                        "set the same model, or name a new folder with --out"
                    )
        self._remember({"models": dict(models), "chosen": to_remember(chosen)})

    @property
    def kinds_off(self) -> tuple[ItemKind, ...]:
        """Kinds that the models of the runs did not look for."""
        known = self._run().get("models")
        models = known if isinstance(known, Mapping) else {}
        return tuple(kind for kind in KINDS if kind in ("face", "person") and models.get(kind, "off") == "off")

    @property
    def detectors(self) -> dict[ItemKind, str]:
        """What found the items of a kind, for those that were looked for."""
        known = self._run().get("models")
        models = known if isinstance(known, Mapping) else {}
        found = {kind: str(models.get(f"{kind} detector", "off")) for kind in KINDS}
        return {kind: detector for kind, detector in found.items() if detector != "off"}

    @property
    def source(self) -> str | None:
        """The folder that was sorted."""
        source = self._run().get("source")
        return source if isinstance(source, str) else None

    def remember_source(self, folder: Path) -> None:
        """For the title of the contact sheet, and for `rushes feedback`."""
        self._remember({"source": str(folder.absolute())})

    @property
    def library(self) -> str | None:
        """The library of this folder."""
        library = self._run().get("library")
        return library if isinstance(library, str) else None

    def remember_library(self, library: str) -> None:
        """One folder holds one library. Raises ConfigurationError where it holds another."""
        known = self.library
        if known is not None and known != library:
            raise ConfigurationError(
                f"{self.root} holds library {known!r}, found {library!r}: name a new folder with --out"
            )
        self._remember({"library": library})

    def known_files(self) -> dict[str, SeenFile]:
        """The inventory of the last run, by path."""
        return load_inventory(self._inventory_file)

    def save_inventory(self, inventory: Inventory) -> None:
        save_inventory(self._inventory_file, inventory)

    def file_results(self) -> tuple[FileResult, ...]:
        """What became of each file in the last run."""
        try:
            rows = json.loads(self._files_file.read_text("utf-8"))
        except FileNotFoundError:
            return ()
        return tuple(FileResult(**{**row, "paths": tuple(row["paths"])}) for row in rows)

    def save_file_results(self, files: Sequence[FileResult]) -> None:
        write_atomically(self._files_file, json.dumps([asdict(file) for file in files], ensure_ascii=True).encode())

    def _places(self) -> list[str]:
        places = self._run().get("places")
        return [place for place in places if isinstance(place, str)] if isinstance(places, list) else []

    def _remember_place(self) -> None:
        places = self._places()
        if str(self.root) not in places:
            self._remember({"places": [*places, str(self.root)]})

    def _run(self) -> dict[str, object]:
        try:
            found = json.loads(self._run_file.read_text("utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return {}
        return found if isinstance(found, dict) else {}

    def _remember(self, values: Mapping[str, object]) -> None:
        now = {**self._run(), **values}
        if now != self._run():
            write_atomically(self._run_file, json.dumps(now, indent=1).encode())
