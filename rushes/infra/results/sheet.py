"""The contact sheet: `index.html`, which opens from the disk without a server, and its data in parts beside it.

A page opened by file:// may not fetch, but may load scripts: each part is a script that hands its rows to the page,
and is loaded when somebody looks at them. The parts' names carry a hash of their content and the page is replaced
last, so a sheet is always of one state, whenever the writer is killed.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal

from pydantic import JsonValue

from rushes.infra.results.atomic import write_atomically
from rushes.infra.results.catalogue import NOUNS, Catalogue, CatalogueCluster, short_id
from rushes.infra.results.json_text import script_of
from rushes.infra.results.pictures import Links
from rushes.infra.results.rows import FileResult, ItemResult
from rushes.infra.results.summary import Summary
from rushes.infra.results.timecode import time_label
from rushes.schemas.decisions import Thresholds
from rushes.schemas.event import KINDS

ITEMS_PER_PART: Final = 500
"""About 120 KB a part: parsed in a few milliseconds, and 100,000 items are 200 files."""
CLUSTERS_PER_PART: Final = 250
FILES_PER_PART: Final = 500
ON_FIRST_SCREEN: Final = 24
"""Clusters of a kind that the page itself carries, so that it opens without loading a part."""
MOST_PAIRS: Final = 1_000
"""Of clusters that may be one, the likeliest: 20 KB of the page. Nobody looks at more before the next run."""

CORRECTIONS: Mapping[str, str] = {
    "confirm": "rushes feedback confirm --item {item} --out {out}",
    "reject": "rushes feedback reject --item {item} --cluster {cluster} --out {out}",
    "move": "rushes feedback move --item {item} --to {cluster} --out {out}",
    "new": "rushes feedback move --item {item} --to new --out {out}",
    "join": "rushes feedback move {items} --to {cluster} --out {out}",
    "explain": "rushes explain {item} --out {out}",
}
"""What to type to correct an assignment, to make one of two clusters, or to have a place explained; the page fills in
the ids and its own folder."""

PartKind = Literal["items", "clusters", "files"]
_PARTS_FOLDER = "sheet"
_SCRIPTS = ("text.js", "data.js", "cards.js", "views.js", "detail.js", "main.js")
"""In the order of loading: each uses the names of those before it."""


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    data: bytes


def write_sheet(out: Path, catalogue: Catalogue, summary: Summary, title: str) -> Path:
    """Write or replace the contact sheet in the folder `out`; returns the place of `index.html`."""
    folder = out / _PARTS_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    links = Links(out)
    style = _asset("sheet.css")
    scripts = [_asset(name) for name in _SCRIPTS]
    names: dict[PartKind, list[str]] = {"items": [], "clusters": [], "files": []}
    kept: set[str] = set()
    for asset in (style, *scripts):
        _put(folder, asset)
        kept.add(asset.name)
    for kind, part in _parts(links, catalogue, summary):
        _put(folder, part)
        names[kind].append(part.name)
        kept.add(part.name)
    page = _page(style.name, [script.name for script in scripts], _head(links, catalogue, summary, title, names))
    index = out / "index.html"
    write_atomically(index, page)
    for stale in folder.iterdir():
        if stale.name not in kept and stale.is_file():
            stale.unlink()
    return index


def _put(folder: Path, part: _Part) -> None:
    """A part of that name holds that content already: it is written once."""
    path = folder / part.name
    if not path.exists():
        write_atomically(path, part.data)


def _asset(name: str) -> _Part:
    data = files("rushes.infra.results").joinpath("page", name).read_bytes()
    stem, suffix = name.split(".")
    return _Part(f"{stem}-{_digest(data)}.{suffix}", data)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


def _page(style: str, scripts: Sequence[str], head: str) -> bytes:
    template = files("rushes.infra.results").joinpath("page", "index.html").read_text("utf-8")
    for mark, value in (
        ("@STYLE@", f"{_PARTS_FOLDER}/{style}"),
        ("@SCRIPTS@", "\n".join(f'<script src="{_PARTS_FOLDER}/{script}"></script>' for script in scripts)),
        ("@DATA@", head),
    ):
        template = template.replace(mark, value, 1)
    return template.encode()


def _head(links: Links, catalogue: Catalogue, summary: Summary, title: str, names: Mapping[PartKind, list[str]]) -> str:
    """What the page must know at once: counts, notices, names of the parts, and the first clusters of each kind."""
    first: dict[str, JsonValue] = {}
    for kind in KINDS:
        for place in catalogue.of_kind(kind)[:ON_FIRST_SCREEN]:
            first[str(place)] = _cluster_row(catalogue.clusters[place], links)
    return script_of(
        {
            "title": title,
            "kinds": [
                {
                    "kind": kind,
                    "one": NOUNS[kind][0],
                    "many": NOUNS[kind][1],
                    "first": catalogue.of_kind(kind).start,
                    "count": len(catalogue.of_kind(kind)),
                    "noise": [catalogue.noise[kind].start, len(catalogue.noise[kind])]
                    if kind in catalogue.noise
                    else [0, 0],
                }
                for kind in KINDS
            ],
            "items": len(catalogue.items),
            "files": {status: summary.files[status] for status in ("sorted", "partial", "failed")},
            "troubles": len(summary.troubles),
            "models": [
                {"kind": model.kind, "model": model.model_id, "weak": model.weak, "items": model.items}
                for model in summary.models
            ],
            "off": list[JsonValue](summary.off),
            "detectors": {str(kind): detector for kind, detector in summary.detectors.items()},
            "notices": [
                {"title": notice.title, "text": notice.text, "command": notice.command} for notice in summary.notices
            ],
            "corrections": dict[str, JsonValue](CORRECTIONS),
            "sizes": {"items": ITEMS_PER_PART, "clusters": CLUSTERS_PER_PART, "files": FILES_PER_PART},
            "parts": {kind: list[JsonValue](parts) for kind, parts in names.items()},
            "clusters": first,
            "pairs": [
                [pair.one, pair.other, None if pair.probability is None else round(pair.probability, 3)]
                for pair in catalogue.pairs[:MOST_PAIRS]
            ],
            "firstFiles": [_file_row(file) for file in summary.troubles[:ON_FIRST_SCREEN]],
        }
    )


def _parts(links: Links, catalogue: Catalogue, summary: Summary) -> Iterator[tuple[PartKind, _Part]]:
    mates = _frame_mates(catalogue)
    for start in range(0, len(catalogue.items), ITEMS_PER_PART):
        places = range(start, min(start + ITEMS_PER_PART, len(catalogue.items)))
        yield "items", _part("items", start // ITEMS_PER_PART, _items_part(catalogue, places, mates, links))
    for start in range(0, len(catalogue.clusters), CLUSTERS_PER_PART):
        rows = [_cluster_row(cluster, links) for cluster in catalogue.clusters[start : start + CLUSTERS_PER_PART]]
        yield "clusters", _part("clusters", start // CLUSTERS_PER_PART, rows)
    for start in range(0, len(summary.troubles), FILES_PER_PART):
        rows = [_file_row(file) for file in summary.troubles[start : start + FILES_PER_PART]]
        yield "files", _part("files", start // FILES_PER_PART, rows)


def _part(kind: PartKind, number: int, rows: JsonValue) -> _Part:
    data = f"rushes.part({script_of(kind)},{number},{script_of(rows)});\n".encode("ascii")
    return _Part(f"{kind}-{number + 1:04d}-{_digest(data)}.js", data)


def _frame_mates(catalogue: Catalogue) -> Mapping[str, Sequence[int]]:
    """The boxed items of each frame, by place: drawn together on the enlarged keyframe."""
    boxed: dict[str, list[int]] = defaultdict(list)
    for place, item in enumerate(catalogue.items):
        if item.assigned.box is not None:
            boxed[item.assigned.frame_id].append(place)
    return boxed


class _Table:
    """Values that many rows of a part share, each written once."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}

    def place(self, value: str) -> int:
        return self._places.setdefault(value, len(self._places))

    def rows(self) -> list[JsonValue]:
        return list[JsonValue](self._places)


def _items_part(catalogue: Catalogue, places: range, mates: Mapping[str, Sequence[int]], links: Links) -> JsonValue:
    """Rows by column, in the order that `data.js` reads (`ITEM_COLUMNS` there)."""
    folders, models, thresholds = _Table(), _Table(), _Table()
    media: dict[str, int] = {}
    paths: list[JsonValue] = []
    rows: list[JsonValue] = []
    for place in places:
        item = catalogue.items[place]
        assigned = item.assigned
        if assigned.media_id not in media:
            media[assigned.media_id] = len(paths)
            reel, span = (item.facts.reel, item.facts.span) if item.facts is not None else (None, None)
            part: JsonValue = None if span is None else [span.name, span.index]
            paths.append([assigned.media_id, list[JsonValue](sorted(item.paths)), reel, part])
        nearest: list[JsonValue] = [
            [catalogue.places[near.cluster_id], round(near.similarity, 3)]
            for near in assigned.nearest[:3]
            if near.cluster_id in catalogue.places and near.cluster_id != assigned.cluster_id
        ]
        rows.append(
            [
                assigned.item_id,
                KINDS.index(assigned.kind),
                media[assigned.media_id],
                time_label(assigned.time_us, item.facts),
                catalogue.cluster_of[place],
                catalogue.parent_of[place],
                assigned.decision,
                None if assigned.similarity is None else round(assigned.similarity, 3),
                _split(links.to(assigned.image_uri), folders),
                _split(links.to(assigned.thumbnail_uri), folders),
                None if assigned.box is None else list(assigned.box),
                nearest,
                list[JsonValue](other for other in mates.get(assigned.frame_id, ()) if other != place),
                models.place(assigned.model_id),
                assigned.frame_id,
                assigned.pinned,
                None if assigned.margin is None else round(assigned.margin, 3),
                None if assigned.thresholds is None else thresholds.place(_wording(assigned.thresholds)),
                _seen(item),
                assigned.reason,
            ]
        )
    return {
        "media": paths,
        "folders": folders.rows(),
        "models": models.rows(),
        "thresholds": thresholds.rows(),
        "rows": rows,
    }


def _seen(item: ItemResult) -> JsonValue:
    """Time codes between which the item's person is in the shot."""
    seen = item.assigned.presence
    return None if seen is None else [time_label(at, item.facts) for at in (seen.from_us, seen.to_us)]


def _wording(thresholds: Thresholds) -> str:
    if thresholds.uncertainty is not None:
        return f"joins from {thresholds.join:.2f} ± {thresholds.uncertainty:.2f}, learnt from {thresholds.source}"
    in_scene = f", {thresholds.join_in_scene:.2f} within its scene" if thresholds.join_in_scene is not None else ""
    return f"joins from {thresholds.join:.2f}{in_scene}; new below {thresholds.found:.2f}"


def _split(link: str | None, folders: _Table) -> JsonValue:
    if link is None:
        return None
    folder, _, name = link.rpartition("/")
    return [folders.place(folder), name]


def _cluster_row(cluster: CatalogueCluster, links: Links) -> JsonValue:
    """In the order that `data.js` reads (`CLUSTER_COLUMNS` there)."""
    cover = cluster.cover
    return [
        cluster.cluster_id,
        short_id(cluster.cluster_id),
        KINDS.index(cluster.kind),
        cluster.name,
        cluster.status,
        cluster.first,
        cluster.count,
        [[link.cluster, link.first, link.count] for link in cluster.links],
        _cover(cover, links) if cover is not None else None,
        cluster.label,
    ]


def _cover(item: ItemResult, links: Links) -> JsonValue:
    assigned = item.assigned
    return [
        links.to(assigned.image_uri),
        links.to(assigned.thumbnail_uri),
        None if assigned.box is None else list(assigned.box),
        min(item.paths, default=assigned.media_id),
        time_label(assigned.time_us, item.facts),
    ]


def _file_row(file: FileResult) -> JsonValue:
    return [file.media, list(file.paths), file.status, file.error or "", file.reason or ""]
