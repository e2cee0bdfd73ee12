"""What the models saw in one picture, free of ids: this is what the embedding cache keeps, by the picture's bytes."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rushes.infra.cache.port import EmbeddingCache
from rushes.schemas.event import GridBox, ItemKind
from rushes.schemas.ids import LibraryId
from rushes.schemas.log import Landmarks
from rushes.schemas.vectors import Vector

FORMAT: Final = 2


class SeenItem(BaseModel):
    """Something in the picture; box None is the whole of it. Quality None: the picture's own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    box: GridBox | None = None
    landmarks: Landmarks | None = None
    score: float | None = Field(default=None, ge=0, le=1)
    quality: float | None = Field(default=None, ge=0, le=1)
    quality_parts: dict[str, float] = Field(default_factory=dict)
    body: int | None = Field(default=None, ge=0, description="Of a face: place of its body among the persons.")
    label: str | None = None
    vector: Vector
    secondary: dict[str, Vector] = Field(default_factory=dict)


class SeenKind(BaseModel):
    """All items of one kind, or why there are none or not all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ItemKind
    clip: str | None = Field(default=None, description="Of scenes: which clip their vector is of, not of the picture.")
    items: tuple[SeenItem, ...] = ()
    rejected: int = Field(default=0, ge=0)
    error: str | None = None


class Seen(BaseModel):
    """All kinds, scenes first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[2] = FORMAT
    kinds: tuple[SeenKind, ...]

    @property
    def whole(self) -> bool:
        """Nothing failed: worth keeping."""
        return all(kind.error is None for kind in self.kinds)


def unseen(kinds: tuple[ItemKind, ...], why: str) -> Seen:
    """A picture that could not be looked at."""
    return Seen(kinds=tuple(SeenKind(kind=kind, error=why) for kind in kinds))


class SeenCache:
    """Looks pictures up by library, content and models. An entry that does not validate counts as a miss."""

    def __init__(self, cache: EmbeddingCache, models: str) -> None:
        """`models` names all that changes what is seen: model ids and the detector's id."""
        self._cache = cache
        self._models = models
        self.hits = 0
        self.misses = 0

    def key(self, library_id: LibraryId, sha256: str, regions: str) -> str:
        """`regions` is a digest of the producer's boxes, empty without any."""
        return f"emb:{library_id}:{sha256}:{self._models}{':' + regions if regions else ''}"

    def look_up(self, wanted: list[tuple[str, tuple[ItemKind, ...], str | None]]) -> list[Seen | None]:
        """By key, with the kinds that an entry must have, and the clip that its scenes must be of."""
        found = [
            _read(packed, kinds, clip)
            for packed, (_, kinds, clip) in zip(self._cache.get([key for key, _, _ in wanted]), wanted, strict=True)
        ]
        hits = sum(seen is not None for seen in found)
        self.hits += hits
        self.misses += len(found) - hits
        return found

    def keep(self, seen: dict[str, Seen]) -> None:
        """Only what is whole: a failure may pass."""
        packed = {key: value.model_dump_json().encode() for key, value in seen.items() if value.whole}
        if packed:
            self._cache.put(packed)

    def forget(self, keys: list[str]) -> bool:
        """False where the cache is away and may keep some of them until they expire."""
        return self._cache.delete(keys)

    @property
    def state(self) -> str:
        return self._cache.state


def _read(packed: bytes | None, kinds: tuple[ItemKind, ...], clip: str | None) -> Seen | None:
    if packed is None:
        return None
    try:
        seen = Seen.model_validate_json(packed)
    except ValidationError:
        return None
    fits = tuple(kind.kind for kind in seen.kinds) == kinds and seen.whole
    return seen if fits and all(kind.clip == clip for kind in seen.kinds if kind.kind == "scene") else None
