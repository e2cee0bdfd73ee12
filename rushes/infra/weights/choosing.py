"""From the settings to the models that will look: preset, explicit names, what lies on the shelf, and what stands in.

Explicit settings win over the preset. A model named by itself must be there. Where a preset's weights are missing, it
depends on who asks: a worker must not start and sort a library by something else, so that is an error which names the
command; `rushes run` and `demo` go on with what needs no weights, and say so on every surface.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, get_args

import structlog

from rushes.infra.settings import ModelSettings
from rushes.infra.weights.fetching import Fetcher
from rushes.infra.weights.presets import PRESETS
from rushes.infra.weights.registry import BUILT_IN, MODELS, KnownModel, ModelKind
from rushes.infra.weights.shelf import Shelf
from rushes.schemas.errors import ConfigurationError, WeightsMissing, WeightsUnavailable

log = structlog.get_logger(__name__)

KINDS: Final[tuple[ModelKind, ...]] = get_args(ModelKind)

WITHOUT_WEIGHTS: Final[dict[ModelKind, str]] = {
    "scene": "opencv", "face": "opencv", "face_detector": "mtcnn", "person_detector": "off", "person": "scene",
}  # fmt: skip
"""What is used where nothing is chosen, and what stands in for a preset's missing weights."""

_ALLOWED: Final[dict[ModelKind, tuple[str, ...]]] = {
    "scene": ("opencv",),
    "face": ("opencv",),
    "face_detector": ("mtcnn", "off"),
    "person_detector": ("off",),
    "person": ("scene",),
}

_FOUND_BY: Final[dict[ModelKind, ModelKind]] = {"face": "face_detector", "person": "person_detector"}

_NAMES: Final[dict[ModelKind, str]] = {
    "scene": "scenes",
    "face": "faces",
    "face_detector": "finding faces",
    "person_detector": "finding persons",
    "person": "persons",
}


@dataclass(frozen=True, slots=True)
class Fallback:
    """A model without weights of its own that stands in. `wanted`: what should be there; `do`: how to get it."""

    kind: ModelKind
    wanted: str
    used: str
    why: str
    do: str

    @property
    def text(self) -> str:
        return f"Fallback for {_NAMES[self.kind]}: {self.used} instead of {self.wanted} ({self.why}). {self.do}"


@dataclass(frozen=True, slots=True)
class Choice:
    """What each kind is looked at with: `FAMILY:WEIGHTS`, or a name that needs no weights."""

    scene: str
    face: str
    face_detector: str
    person_detector: str
    person: str
    fallbacks: tuple[Fallback, ...] = field(default=())

    def fallback_of(self, kind: ModelKind) -> Fallback | None:
        return next((one for one in self.fallbacks if one.kind == kind), None)


def choose(settings: ModelSettings, pause: Callable[[float], None] = time.sleep) -> Choice:
    """The models of these settings, each checked to be there.

    Raises WeightsMissing where weights are not here (all of them are named), WeightsRejected where they changed since
    they were fetched, ConfigurationError for a name that is none; with `download`, also WeightsUnavailable.
    """
    chooser = _Chooser(settings, pause)
    found = {kind: chooser.choose(kind) for kind in KINDS}
    if chooser.missing:
        raise WeightsMissing(chooser.complaint())
    for used in chooser.fallbacks:
        log.warning("fallback", kind=used.kind, wanted=used.wanted, used=used.used, why=used.why, do=used.do)
    return Choice(**{str(kind): name for kind, name in found.items()}, fallbacks=tuple(chooser.fallbacks))


def looks_for_persons(settings: ModelSettings) -> bool:
    """Whether bodies are to be looked for, wherever the weights for it are."""
    preset = PRESETS[settings.preset].person_detector if settings.preset is not None else None
    return (settings.person_detector or preset or WITHOUT_WEIGHTS["person_detector"]) != "off"


class _Chooser:
    def __init__(self, settings: ModelSettings, pause: Callable[[float], None]) -> None:
        self._settings = settings
        self._preset = PRESETS[settings.preset] if settings.preset is not None else None
        self._shelf = Shelf(settings.folder)
        self._pause = pause
        self.fallbacks: list[Fallback] = []
        self.missing: list[KnownModel] = []

    def choose(self, kind: ModelKind) -> str:
        finder = _FOUND_BY.get(kind)
        if finder is not None and self._wanted(finder) == "off":
            return WITHOUT_WEIGHTS[kind]  # nothing will be found for it to look at
        explicit: str | None = getattr(self._settings, kind)
        if explicit is not None:
            return self._named(kind, explicit)
        if self._preset is None:
            return self._unchosen(kind)
        name: str = getattr(self._preset, kind)
        if name in BUILT_IN:
            return name
        model = MODELS[name]
        try:
            return self._on_shelf(model)
        except (WeightsMissing, WeightsUnavailable) as error:
            return self._instead(kind, model, error)

    def _wanted(self, kind: ModelKind) -> str:
        """The name as chosen, wherever its weights are."""
        explicit: str | None = getattr(self._settings, kind)
        if explicit is not None or self._preset is None:
            return explicit or WITHOUT_WEIGHTS[kind]
        name: str = getattr(self._preset, kind)
        return name

    def complaint(self) -> str:
        names = ", ".join(model.name for model in self.missing)
        folder = self._shelf.root
        return (
            f"the preset {self._settings.preset} needs weights that are not in {folder} ({names}): "
            f"`rushes models fetch {self._settings.preset}` here; or without a network copy {folder} from a machine "
            "that has them, set RUSHES_MODELS__MIRROR, or put the files that `rushes models show NAME` lists into "
            "their folders. To go on without them for now, set RUSHES_MODELS__ALLOW_FALLBACK=true or "
            "RUSHES_MODELS__PRESET=offline"
        )

    def _named(self, kind: ModelKind, name: str) -> str:
        """A model that the settings name: it must be there, or nothing starts."""
        setting = f"RUSHES_MODELS__{kind.upper()}"
        if name in _ALLOWED[kind] or (":" in name and not name.endswith(":")):
            return name
        model = MODELS.get(name)
        if model is None or kind not in model.kinds:
            known = ", ".join((*_ALLOWED[kind], *(m.name for m in MODELS.values() if kind in m.kinds)))
            raise ConfigurationError(f"expected {setting} to be FAMILY:WEIGHTS or one of {known}, found {name!r}")
        try:
            return self._on_shelf(model)
        except WeightsMissing as error:
            raise WeightsMissing(f"{setting}={name}: {error}") from error

    def _unchosen(self, kind: ModelKind) -> str:
        used = WITHOUT_WEIGHTS[kind]
        if kind in {"scene", "face"}:
            how = (
                "For trained face vectors: `rushes models fetch faces`, then --preset faces (39 MB)."
                if kind == "face"
                else "For trained scene vectors: `rushes models fetch fast`, then --preset fast."
            )
            self.fallbacks.append(Fallback(kind, "a trained model", used, "no model is chosen", how))
        return used

    def _on_shelf(self, model: KnownModel) -> str:
        """The model's setting: from the shelf, else fetched where that is allowed, else its other edition's.

        Raises WeightsMissing, WeightsRejected, WeightsUnavailable.
        """
        other = MODELS[model.otherwise] if model.otherwise is not None else None
        absent = self._shelf.look(model).state == "missing"
        if other is not None and absent and self._shelf.look(other).state != "missing":
            log.info("another edition of the model is here", wanted=model.name, used=other.name)
            return other.choice(self._shelf.ready(other))
        try:
            return model.choice(self._shelf.ready(model))
        except WeightsMissing:
            if not self._settings.download:
                raise
        log.info("fetching weights", model=model.name, folder=str(self._shelf.folder(model)))
        got = Fetcher(self._settings, self._pause).fetch(model).model
        return got.choice(self._shelf.folder(got))

    def _instead(self, kind: ModelKind, model: KnownModel, error: WeightsMissing | WeightsUnavailable) -> str:
        used = WITHOUT_WEIGHTS[kind]
        if not self._settings.allow_fallback:
            if isinstance(error, WeightsUnavailable):
                raise error
            self.missing.append(model)
            return used
        why = "its weights are not on this machine" if isinstance(error, WeightsMissing) else str(error)
        do = f"Get it: `rushes models fetch {model.name}`."
        self.fallbacks.append(Fallback(kind, model.name, used, why, do))
        return used
