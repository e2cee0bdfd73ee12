"""The results in a few rows: what the console shows at the end of a run, and `--json` prints."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from rushes.infra.results.catalogue import Catalogue
from rushes.infra.results.rows import FileResult, FileStatus, Results
from rushes.schemas.event import KINDS, ItemKind


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a person must know before trusting the results, and what to type about it."""

    title: str
    text: str
    command: str


WEAK_FACES = Notice(
    title="Faces were compared without a trained model.",
    text=(
        "People are grouped only where it is sure: expect one person in several characters, and many faces in noise."
        " For trained vectors fetch a detector and an embedder (39 MB), and run into a new output folder:"
    ),
    command="rushes models fetch faces && rushes run FOLDER --preset faces --out NEW_FOLDER",
)

PLAIN_SCENES = Notice(
    title="Scenes were compared without a trained model.",
    text=(
        "Shots are grouped by colours, textures and layout: one place seen from two sides counts as two. For trained"
        " vectors fetch the preset fast, and run into a new output folder:"
    ),
    command="rushes models fetch fast && rushes run FOLDER --preset fast --out NEW_FOLDER",
)

WITHOUT_WEIGHTS = "opencv"
"""How the ids of the plain descriptors begin."""


@dataclass(frozen=True, slots=True)
class ClusterRow:
    """A scene with the characters within it, or a character with its scenes: (label, items) each, most first."""

    cluster_id: str
    label: str
    named: bool
    hidden: bool
    items: int
    within: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model whose vectors were compared. `weak`: made without training; identity holds only where it is sure."""

    kind: ItemKind
    model_id: str
    weak: bool
    items: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run came to."""

    clusters: Mapping[ItemKind, tuple[ClusterRow, ...]]
    noise: Mapping[ItemKind, int]
    items: int
    files: Mapping[FileStatus, int]
    troubles: tuple[FileResult, ...]
    models: tuple[ModelRow, ...]
    off: tuple[ItemKind, ...] = ()
    detectors: Mapping[ItemKind, str] = field(default_factory=dict)

    @property
    def notices(self) -> tuple[Notice, ...]:
        weak_faces = any(model.weak and model.kind == "face" for model in self.models)
        plain_scenes = any(
            model.kind == "scene" and model.model_id.startswith(WITHOUT_WEIGHTS) for model in self.models
        )
        return ((WEAK_FACES,) if weak_faces else ()) + ((PLAIN_SCENES,) if plain_scenes else ())


def summarise(catalogue: Catalogue, results: Results) -> Summary:
    """Rows in the catalogue's order; troubles are the partial and the failed files, by path."""
    models = Counter(
        (KINDS.index(item.assigned.kind), item.assigned.model_id, item.assigned.weak) for item in catalogue.items
    )
    statuses = Counter[FileStatus]()
    for file in results.files:
        statuses[file.status] += max(len(file.paths), 1)
    return Summary(
        clusters={kind: tuple(_row(catalogue, place) for place in catalogue.of_kind(kind)) for kind in KINDS},
        noise={kind: len(places) for kind, places in catalogue.noise.items()},
        items=len(catalogue.items),
        files={"sorted": statuses["sorted"], "partial": statuses["partial"], "failed": statuses["failed"]},
        troubles=troubles(results),
        models=tuple(ModelRow(KINDS[kind], name, weak, n) for (kind, name, weak), n in sorted(models.items())),
        off=results.off,
        detectors=results.detectors,
    )


def troubles(results: Results) -> tuple[FileResult, ...]:
    """The files that are not wholly sorted, by path."""
    return tuple(
        sorted(
            (file for file in results.files if file.status != "sorted"), key=lambda file: (file.paths, file.media or "")
        )
    )


def _row(catalogue: Catalogue, place: int) -> ClusterRow:
    cluster = catalogue.clusters[place]
    return ClusterRow(
        cluster_id=cluster.cluster_id,
        label=cluster.label,
        named=cluster.name is not None,
        hidden=cluster.status == "hidden",
        items=cluster.count,
        within=tuple(
            (other.label, link.count)
            for link in cluster.links
            if (other := catalogue.clusters[link.cluster]).kind in ("scene", "face")
        ),
    )
