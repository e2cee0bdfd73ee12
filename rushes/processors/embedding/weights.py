"""Weights on disk: found, hashed, and read into nothing but what they were saved from.

Sources in order: the local path that is named; the hub, where downloads are allowed; the family's other names there
(timm's copies of gated weights). The hash of the weights is part of every model id, so that vectors of other weights
never pass for these.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from rushes.processors.embedding.options import Fetch
from rushes.schemas.errors import ConfigurationError

READ_BYTES: Final = 1 << 22

WEIGHTS: Final = ("model*.safetensors", "pytorch_model*.bin")
"""Patterns of weight files in a folder, the first that is there."""

CONFIG: Final = "config.json"

NOT_OF_THE_MODEL: Final = ("_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version")
"""Keys of a config.json that change no vector: who saved it, and how."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A folder in the format of transformers or timm (config.json and weights), or a single file (config empty)."""

    path: Path
    sha256: str
    config: Mapping[str, JsonValue]

    @property
    def short_hash(self) -> str:
        return self.sha256[:16]

    @property
    def config_text(self) -> str:
        """All of the config that can change a vector, in one fixed spelling."""
        kept = {key: value for key, value in self.config.items() if key not in NOT_OF_THE_MODEL}
        return json.dumps(kept, sort_keys=True)

    def json_file(self, name: str) -> dict[str, JsonValue] | None:
        """A JSON object beside the weights; None where there is no such file. Raises ConfigurationError."""
        file = self.path / name
        return _json_object(file) if file.is_file() else None


def located(family: str, given: Path | None, hub_names: Sequence[str], fetch: Fetch | None) -> Path:
    """Where the weights are now. `given` is a path or, where there is none such, a name on the hub.

    Raises ConfigurationError that says what is missing and what to do.
    """
    if given is not None and given.exists():
        return given
    names = list(hub_names) if given is None else [given.as_posix()] if _is_hub_name(given) else []
    if not names:
        raise ConfigurationError(f"expected the weights of {family} at {given}, found nothing there: correct the path")
    if fetch is None:
        missing = "no path was named" if given is None else f"there is nothing at {given}"
        raise ConfigurationError(
            f"expected a folder with the weights of {family}, but {missing}, and downloads are not allowed: get "
            f"{' or '.join(names)} from the hub on a machine that may, and name the folder ({family}:FOLDER)"
        )
    refusals = []
    for name in names:
        try:
            return fetch(name)
        except ConfigurationError as error:  # gated, unreachable or gone: the next name may be there
            refusals.append(f"{name}: {error}")
    raise ConfigurationError(
        f"expected the weights of {family} from the hub, found none ({'; '.join(refusals)}): get them by hand, and "
        f"name the folder ({family}:FOLDER)"
    )


def read_folder(family: str, folder: Path) -> Weights:
    """The weights of a folder. Raises ConfigurationError where config.json or the weight files are missing."""
    if not (folder / CONFIG).is_file():
        raise ConfigurationError(
            f"expected {family} at {folder} to be a folder with {CONFIG} and model.safetensors, found "
            f"{'no ' + CONFIG if folder.is_dir() else 'no folder'}: name the folder that the weights were saved in"
        )
    found: list[Path] = []
    for pattern in WEIGHTS:
        found = found or sorted(folder.glob(pattern))
    if not found:
        raise ConfigurationError(
            f"expected weights ({' or '.join(WEIGHTS)}) in {folder}, found {CONFIG} alone: fetch the rest"
        )
    return Weights(folder, sha256_of(found), _json_object(folder / CONFIG))


def read_file(family: str, file: Path) -> Weights:
    """Weights of a single file. Raises ConfigurationError."""
    if not file.is_file():
        raise ConfigurationError(f"expected the weights of {family} in the file {file}, found no such file")
    return Weights(file, sha256_of([file]), {})


def sha256_of(files: Sequence[Path]) -> str:
    """Over the files' bytes, in the order given."""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(READ_BYTES):
                digest.update(block)
    return digest.hexdigest()


def check_model_type(family: str, weights: Weights, wanted: Sequence[str]) -> str:
    """The config's `model_type`. Raises ConfigurationError where it is none of `wanted`."""
    found = weights.config.get("model_type")
    if found not in wanted or not isinstance(found, str):
        raise ConfigurationError(
            f"expected {weights.path} to hold {family} (model_type {' or '.join(wanted)}), found {found!r}: name the "
            f"family that it is of, or another folder"
        )
    return found


def _is_hub_name(given: Path) -> bool:
    return not given.is_absolute() and len(given.parts) == 2 and not set(given.parts) & {".", "..", "~"}


def _json_object(file: Path) -> dict[str, JsonValue]:
    try:
        value = json.loads(file.read_bytes())
    except ValueError as error:
        raise ConfigurationError(f"expected {file} to be JSON, found other bytes ({error}): fetch it anew") from error
    if not isinstance(value, dict):
        raise ConfigurationError(f"expected {file} to be a JSON object, found {type(value).__name__}: fetch it anew")
    return value
