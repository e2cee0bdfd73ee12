"""Where a model's files come from: a private mirror, fixed addresses, or a model hub.

Where a mirror is set, the mirror alone is asked. Else a model's own addresses, else the hub, whose list of files tells
size and hash of each before anything comes.
"""

import urllib.error
from dataclasses import dataclass
from fnmatch import fnmatch
from http.client import HTTPException
from typing import Final
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, ValidationError

from rushes.infra.settings import ModelSettings
from rushes.infra.weights.download import NotAllowed, NotThere, Wanted
from rushes.infra.weights.http import ask
from rushes.infra.weights.registry import HubRepo, KnownModel
from rushes.infra.weights.shelf import MANIFEST, CheckedBy, Manifest
from rushes.schemas.errors import WeightsMissing, WeightsRejected, WeightsUnavailable

FROM_A_REPOSITORY: Final = (
    "config.json", "*processor_config.json", "*.safetensors", "*.safetensors.index.json", "tokenizer*", "vocab.*",
    "merges.txt", "*.model", "special_tokens_map.json", "added_tokens.json", "LICENSE*",
)  # fmt: skip
"""What loaders read, and the licence. Pickled weights (*.bin, *.pt) are left out: loading them can run code."""

LIST_BYTES: Final = 16 << 20
"""Of a hub's list of files, at most: one of a thousand files has half a megabyte."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where one model's files come from. Each file has one or several addresses."""

    name: str
    revision: str | None
    files: dict[str, tuple[Wanted, ...]]


class _LargeFile(BaseModel):
    model_config = ConfigDict(extra="ignore")

    sha256: str
    size: int


class _Listed(BaseModel):
    model_config = ConfigDict(extra="ignore")

    rfilename: str
    size: int | None = None
    blobId: str | None = None  # noqa: N815 - the hub's name
    lfs: _LargeFile | None = None


class _Repository(BaseModel):
    """The hub's answer to /api/models/REPO/revision/REVISION?blobs=true, as far as it is used."""

    model_config = ConfigDict(extra="ignore")

    sha: str
    siblings: tuple[_Listed, ...]


class Sources:
    """Finds the source of a model by the settings."""

    def __init__(self, settings: ModelSettings) -> None:
        self._settings = settings

    def of(self, model: KnownModel, revision: str | None = None) -> Source:
        """The source of all files. `revision`: the hub's commit that an earlier fetch took, which is taken again.

        Raises WeightsMissing, WeightsRejected, WeightsUnavailable.
        """
        if self._settings.mirror is not None:
            return self._mirror(model, self._settings.mirror.rstrip("/"))
        if model.files:
            files = {
                file.path: tuple(
                    Wanted(
                        self._hub_of(url), file.size_bytes, file.sha256, None, "pinned" if file.sha256 else "first_seen"
                    )
                    for url in file.urls
                )
                for file in model.files
            }
            return Source("its publisher", None, files)
        if model.hub is None:
            raise WeightsMissing(
                f"no source is known of {model.name}: put its files into {self._settings.folder / model.name}"
            )
        return self._hub(model.hub, revision or model.hub.revision)

    def _hub_of(self, url: str) -> str:
        """An address on the public hub is one on the operator's hub."""
        return url.replace("https://huggingface.co", self._settings.hub.rstrip("/"), 1)

    def _mirror(self, model: KnownModel, base: str) -> Source:
        """A copy of a weights folder: its manifest names the files; the registry's hashes hold there too."""
        at = f"{base}/{quote(model.name)}"
        pinned = {file.path: file for file in model.files}
        try:
            listed = Manifest.model_validate_json(self._get(f"{at}/{MANIFEST}", None))
            files = {name: (file.size_bytes, file.sha256) for name, file in listed.files.items()}
            revision = listed.revision
        except NotThere:
            if not pinned:
                raise WeightsMissing(
                    f"expected {at}/{MANIFEST}, found nothing there: a mirror is a copy of a weights folder that "
                    f"`rushes models fetch {model.name}` filled"
                ) from None
            files, revision = {file.path: (file.size_bytes or 0, file.sha256 or "") for file in model.files}, None
        except ValidationError as error:
            raise WeightsRejected(f"expected a manifest at {at}/{MANIFEST}, found something else: {error}") from error
        wanted: dict[str, tuple[Wanted, ...]] = {}
        for name, (size, sha256) in files.items():
            pin = pinned.get(name)
            known = (pin.sha256 if pin is not None else None) or sha256 or None
            checked: CheckedBy = "pinned" if pin is not None and pin.sha256 else "announced" if known else "first_seen"
            wanted[name] = (Wanted(f"{at}/{quote(name)}", size or None, known, None, checked),)
        return Source(f"the mirror {base}", revision, wanted)

    def _hub(self, hub: HubRepo, revision: str) -> Source:
        base = self._settings.hub.rstrip("/")
        token = self._settings.hub_token.get_secret_value() if self._settings.hub_token is not None else None
        url = f"{base}/api/models/{hub.repo}/revision/{quote(revision, safe='')}?blobs=true"
        try:
            listed = _Repository.model_validate_json(self._get(url, token))
        except ValidationError as error:
            raise WeightsRejected(
                f"expected the files of {hub.repo} from {url}, found something else: {error}"
            ) from error
        chosen = [
            file
            for file in listed.siblings
            if "/" not in file.rfilename and any(fnmatch(file.rfilename, pattern) for pattern in FROM_A_REPOSITORY)
        ]
        if not any(file.rfilename.endswith(".safetensors") for file in chosen):
            found = ", ".join(file.rfilename for file in listed.siblings)
            raise WeightsRejected(f"expected weights as *.safetensors in {hub.repo}, found {found}")
        files: dict[str, tuple[Wanted, ...]] = {
            file.rfilename: (
                Wanted(
                    f"{base}/{hub.repo}/resolve/{listed.sha}/{quote(file.rfilename)}",
                    file.lfs.size if file.lfs is not None else file.size,
                    file.lfs.sha256 if file.lfs is not None else None,
                    None if file.lfs is not None else file.blobId,
                    "announced" if file.lfs is not None or file.blobId is not None else "first_seen",
                    token,
                ),
            )
            for file in chosen
        }
        return Source(f"{base}/{hub.repo}", listed.sha, files)

    def _get(self, url: str, token: str | None) -> bytes:
        """A small document. Raises NotThere, NotAllowed, WeightsUnavailable."""
        try:
            with ask(url, token=token) as answer:
                return answer.read(LIST_BYTES)
        except urllib.error.HTTPError as error:
            said = f"{error.code} {error.reason}"
            error.close()
            if error.code in {401, 403}:
                raise NotAllowed(f"the source refuses {url}: it says {said}") from error
            if error.code == 404:
                raise NotThere(f"there is nothing at {url}: the source says {said}") from error
            raise WeightsUnavailable(f"{url} can't be had now: the source says {said}", retry_after_s=60) from error
        except (OSError, HTTPException) as error:
            raise WeightsUnavailable(f"{url} does not answer ({getattr(error, 'reason', error)})", 60) from error
