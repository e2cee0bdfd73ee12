"""Where weights lie on this machine, and what is known of each file.

FOLDER/
├── NAME/
│   ├── the model's files, as its loader wants them
│   └── rushes-manifest.json      where each file came from, its size and SHA-256: pinned from the first fetch on
└── NAME.lock                     who fetches it now

A filled folder is a mirror: served by any file server, its address is all that RUSHES_MODELS__MIRROR needs.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rushes.infra.results.atomic import write_atomically
from rushes.infra.weights.registry import KnownModel
from rushes.schemas.errors import WeightsMissing, WeightsRejected

MANIFEST: Final = "rushes-manifest.json"

BLOCK_BYTES: Final = 1 << 20

CheckedBy = Literal["pinned", "announced", "first_seen"]
"""What a file was held against when it came: the hash in the registry, the source's own, or nothing."""

State = Literal["installed", "missing", "incomplete", "changed", "unrecorded"]
"""`unrecorded`: put there by hand, and not looked at yet."""


class KeptFile(BaseModel):
    """A file as it came. `mtime_ns`: of the file on this machine; while it stands, the bytes are not read again."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    size_bytes: int
    sha256: str
    checked_by: CheckedBy
    mtime_ns: int = 0


class Manifest(BaseModel):
    """What is known of one model's files. `complete`: nothing is left to fetch."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str
    source: str
    revision: str | None = None
    complete: bool = False
    files: dict[str, KeptFile] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FileTrouble:
    """A file that is not as it should be."""

    path: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Shelved:
    """How a model stands on this machine."""

    state: State
    folder: Path
    manifest: Manifest | None = None
    troubles: tuple[FileTrouble, ...] = field(default=())

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.manifest.files.values()) if self.manifest else 0


class Shelf:
    """All weights of this machine, below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser()

    def folder(self, model: KnownModel) -> Path:
        return self.root / model.name

    def manifest(self, model: KnownModel) -> Manifest | None:
        """What was written down of the model; None where nothing was, or it can't be read."""
        try:
            return Manifest.model_validate_json((self.folder(model) / MANIFEST).read_bytes())
        except (OSError, ValidationError):
            return None

    def write(self, model: KnownModel, manifest: Manifest) -> None:
        write_atomically(self.folder(model) / MANIFEST, manifest.model_dump_json(indent=1).encode() + b"\n")

    def write_sidecar(self, model: KnownModel) -> None:
        """Beside an ONNX file, how it wants its pictures."""
        if model.sidecar is not None:
            for file in model.files:
                text = json.dumps(dict(model.sidecar), indent=1) + "\n"
                write_atomically(self.folder(model) / f"{file.path}.json", text.encode())

    def look(self, model: KnownModel) -> Shelved:
        """How the model stands, by names, sizes and times: no file is read."""
        folder, manifest = self.folder(model), self.manifest(model)
        if manifest is None:
            return Shelved("unrecorded" if _could_load(model, folder) else "missing", folder)
        if not manifest.complete:
            return Shelved("incomplete", folder, manifest)
        troubles = tuple(_trouble(folder, manifest, by_time=True))
        return Shelved("changed" if troubles else "installed", folder, manifest, troubles)

    def verify(self, model: KnownModel, read: Callable[[int], None] = lambda _: None) -> Shelved:
        """How the model stands, by reading all of its files; what was put there by hand is recorded.

        `read` hears of bytes as they are read. Raises WeightsRejected where a file put there by hand is not the one
        that the registry pins.
        """
        folder, manifest = self.folder(model), self.manifest(model)
        if manifest is None:
            return self.record(model, read) if _could_load(model, folder) else Shelved("missing", folder)
        if not manifest.complete:
            return Shelved("incomplete", folder, manifest)
        troubles = tuple(_trouble(folder, manifest, by_time=False, read=read))
        if not troubles:
            self._remember_times(model, manifest)
        return Shelved("changed" if troubles else "installed", folder, manifest, troubles)

    def _remember_times(self, model: KnownModel, manifest: Manifest) -> None:
        """So that a folder that was copied is read once, not at every start; one that is read-only stays as it is."""
        folder = self.folder(model)
        files = {
            name: file.model_copy(update={"mtime_ns": (folder / name).stat().st_mtime_ns})
            for name, file in manifest.files.items()
        }
        if files != manifest.files:
            with suppress(OSError):
                self.write(model, manifest.model_copy(update={"files": files}))

    def record(self, model: KnownModel, read: Callable[[int], None] = lambda _: None) -> Shelved:
        """Take up files that somebody put into the model's folder. Raises WeightsRejected."""
        folder = self.folder(model)
        pinned = {file.path: file for file in model.files}
        files = {}
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = path.relative_to(folder).as_posix()
            if name.endswith((".part", ".part.json")):
                continue
            digest, pin = sha256_of(path, read), pinned.get(name)
            if pin is not None and pin.sha256 is not None and pin.sha256 != digest:
                raise WeightsRejected(
                    f"expected {path} with SHA-256 {pin.sha256}, found {digest}: remove it, then `rushes models fetch "
                    f"{model.name}`"
                )
            files[name] = kept(path, digest, "pinned" if pin is not None and pin.sha256 else "first_seen")
        self.write_sidecar(model)
        manifest = Manifest(model=model.name, source="put there by hand", complete=True, files=files)
        self.write(model, manifest)
        return Shelved("installed", folder, manifest)

    def ready(self, model: KnownModel) -> Path:
        """The folder of a model that is all there and as it was fetched.

        Files whose time changed are read again. Raises WeightsMissing and WeightsRejected, which say what to do.
        """
        shelved = self.look(model)
        if shelved.state in {"changed", "unrecorded"}:
            shelved = self.verify(model)
        match shelved.state:
            case "installed" | "unrecorded":
                return shelved.folder
            case "missing" | "incomplete":
                raise WeightsMissing(how_to_get(model, shelved))
            case "changed":
                told = "; ".join(f"{one.path}: expected {one.expected}, found {one.found}" for one in shelved.troubles)
                raise WeightsRejected(
                    f"the weights of {model.name} in {shelved.folder} are not what was fetched ({told}): fetch them "
                    f"anew with `rushes models fetch {model.name} --force`, or find out who changed them"
                )


def how_to_get(model: KnownModel, shelved: Shelved) -> str:
    """What to type with a network, and what to put where without one."""
    part = "only in part" if shelved.state == "incomplete" else "not"
    return (
        f"the weights of {model.name} are {part} in {shelved.folder}: `rushes models fetch {model.name}`; without a "
        f"network, {by_hand(model, shelved.folder)}"
    )


def by_hand(model: KnownModel, folder: Path) -> str:
    """Which files to put where, and whose they are; or the ways to bring a whole folder of weights."""
    if model.files:
        files = ", ".join(f"{file.path} ({file.urls[0]})" for file in model.files)
    else:
        files = f"config.json, *.safetensors and the other JSON files of {model.hub.repo if model.hub else model.name}"
    return (
        f"put {files} into {folder}, copy that folder from a machine that has it, or serve one and set "
        "RUSHES_MODELS__MIRROR"
    )


def kept(path: Path, sha256: str, checked_by: CheckedBy) -> KeptFile:
    """The record of a file that lies at `path`."""
    facts = path.stat()
    return KeptFile(size_bytes=facts.st_size, sha256=sha256, checked_by=checked_by, mtime_ns=facts.st_mtime_ns)


def sha256_of(path: Path, read: Callable[[int], None] = lambda _: None) -> str:
    """Of a file's bytes; `read` hears of each block."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(BLOCK_BYTES):
            digest.update(block)
            read(len(block))
    return digest.hexdigest()


def safe_path(folder: Path, name: str) -> Path:
    """Where a file of this name lies in the folder. Raises WeightsRejected for a name that leads out of it."""
    parts = PurePosixPath(name).parts
    if not parts or PurePosixPath(name).is_absolute() or ".." in parts or "\\" in name or ":" in name:
        raise WeightsRejected(
            f"expected the name of a file below {folder}, found {name!r}: the source is not to be trusted"
        )
    return folder.joinpath(*parts)


def _could_load(model: KnownModel, folder: Path) -> bool:
    """Whether the files that a loader needs lie there: those of the registry, or a configuration and weights."""
    if model.files:
        return all((folder / file.path).is_file() for file in model.files)
    return any(folder.glob("*.safetensors")) and (model.family == "timm" or (folder / "config.json").is_file())


def _trouble(
    folder: Path, manifest: Manifest, *, by_time: bool, read: Callable[[int], None] = lambda _: None
) -> Iterator[FileTrouble]:
    for name, file in manifest.files.items():
        path = folder / name
        try:
            facts = path.stat()
            if facts.st_size != file.size_bytes:
                yield FileTrouble(name, f"{file.size_bytes:,} bytes", f"{facts.st_size:,}")
            elif by_time:
                if facts.st_mtime_ns != file.mtime_ns:
                    yield FileTrouble(name, "its time as fetched", "another time")
            elif (digest := sha256_of(path, read)) != file.sha256:
                yield FileTrouble(name, f"SHA-256 {file.sha256}", digest)
        except FileNotFoundError:
            yield FileTrouble(name, f"{file.size_bytes:,} bytes", "no file")
