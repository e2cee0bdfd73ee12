"""How each model stands on this machine, in plain values: what `rushes models` shows and prints as JSON."""

from dataclasses import dataclass
from typing import Final

from rushes.infra.settings import PresetName
from rushes.infra.weights.fit import Device, Fit, fit
from rushes.infra.weights.presets import PRESETS
from rushes.infra.weights.registry import MODELS, KnownModel, Licence
from rushes.infra.weights.shelf import CheckedBy, FileTrouble, Shelf, Shelved, State
from rushes.schemas.errors import ConfigurationError

FLOAT_BYTES: Final = 4
"""Of a parameter in most published checkpoints: what a download is estimated by where nobody told its size."""


@dataclass(frozen=True, slots=True)
class FileReport:
    """A file of a model. `checked_by` is None until it is here; `size_bytes` and `sha256` until somebody tells."""

    path: str
    here: bool
    size_bytes: int | None
    sha256: str | None
    checked_by: CheckedBy | None
    urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModelReport:
    """A model, what it is for, and how it stands. `setting`: what names it once it is here."""

    name: str
    kinds: tuple[str, ...]
    family: str
    about: str
    text_search: bool
    licence: Licence
    parameters: int
    dim: int | None
    input_size: tuple[int, int] | None
    state: State
    folder: str
    setting: str
    source: str
    gated: bool
    otherwise: str | None
    size_bytes: int
    size_is_estimate: bool
    files: tuple[FileReport, ...]
    troubles: tuple[FileTrouble, ...]
    memory_bytes: int
    fits: str
    device: Device
    presets: tuple[PresetName, ...]


@dataclass(frozen=True, slots=True)
class PresetReport:
    """A preset and whether all of its weights are here."""

    name: PresetName
    about: str
    scene: str
    face: str
    face_detector: str
    person_detector: str
    person: str
    ready: bool
    missing: tuple[str, ...]


def known_model(name: str) -> KnownModel:
    """The model of that name. Raises ConfigurationError, which lists the names."""
    if name not in MODELS:
        raise ConfigurationError(f"expected a model ({', '.join(MODELS)}), found {name!r}")
    return MODELS[name]


def models_of(name: str) -> tuple[KnownModel, ...]:
    """The model of that name, or all of a preset's. Raises ConfigurationError."""
    for preset, parts in PRESETS.items():
        if preset == name:
            return parts.models
    if name not in MODELS:
        raise ConfigurationError(
            f"expected a model ({', '.join(MODELS)}) or a preset ({', '.join(PRESETS)}), found {name!r}"
        )
    return (MODELS[name],)


def report_model(model: KnownModel, shelf: Shelf, device: Device, shelved: Shelved | None = None) -> ModelReport:
    """The model by a look at its folder, or as `shelved` says (after reading its files)."""
    stands = shelved or shelf.look(model)
    files = _files(model, stands)
    here = stands.size_bytes if stands.state in {"installed", "changed"} else 0
    size = here or model.size_bytes or model.stored_bytes or model.parameters * FLOAT_BYTES
    told: Fit = fit(model, device)
    return ModelReport(
        name=model.name,
        kinds=model.kinds,
        family=model.family,
        about=model.about,
        text_search=model.text,
        licence=model.licence,
        parameters=model.parameters,
        dim=model.dim,
        input_size=model.input_size,
        state=stands.state,
        folder=str(stands.folder),
        setting=model.choice(stands.folder),
        source=stands.manifest.source if stands.manifest is not None else _source(model),
        gated=model.hub is not None and model.hub.gated,
        otherwise=model.otherwise,
        size_bytes=size,
        size_is_estimate=not here and model.size_bytes is None,
        files=files,
        troubles=stands.troubles,
        memory_bytes=told.needs_bytes,
        fits=told.verdict,
        device=told.device,
        presets=tuple(name for name, preset in PRESETS.items() if model in preset.models),
    )


def report_presets(shelf: Shelf) -> tuple[PresetReport, ...]:
    """All presets; a model counts as here where the edition that may stand for it is."""
    return tuple(
        PresetReport(
            name, one.about, one.scene, one.face, one.face_detector, one.person_detector, one.person,
            ready=not missing, missing=missing,
        )
        for name, one in PRESETS.items()
        for missing in (tuple(model.name for model in one.models if not _any_edition(model, shelf)),)
    )  # fmt: skip


def _any_edition(model: KnownModel, shelf: Shelf) -> bool:
    editions = (model, *((MODELS[model.otherwise],) if model.otherwise is not None else ()))
    return any(shelf.look(one).state in {"installed", "unrecorded", "changed"} for one in editions)


def _source(model: KnownModel) -> str:
    return model.hub.repo if model.hub is not None else "its publisher"


def _files(model: KnownModel, stands: Shelved) -> tuple[FileReport, ...]:
    """The registry's files, and those that the manifest knows."""
    kept = dict(stands.manifest.files) if stands.manifest is not None else {}
    rows = []
    for file in model.files:
        had = kept.pop(file.path, None)
        rows.append(
            FileReport(
                file.path, (stands.folder / file.path).is_file(),
                had.size_bytes if had is not None else file.size_bytes,
                had.sha256 if had is not None else file.sha256,
                had.checked_by if had is not None else None, file.urls,
            )
        )  # fmt: skip
    rows += [
        FileReport(path, (stands.folder / path).is_file(), had.size_bytes, had.sha256, had.checked_by, ())
        for path, had in kept.items()
    ]
    return tuple(rows)
