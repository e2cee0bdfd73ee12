"""The tables that machines read: `assignments.jsonl`, `clusters.json`, `failed.jsonl`."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from pydantic import JsonValue

from rushes.infra.results.catalogue import item_order, resolve_merged
from rushes.infra.results.json_text import line_of, lines_of
from rushes.infra.results.rows import FileResult, ItemResult, Results

SIMILARITY_DIGITS = 6
"""Of a cosine in the tables. Two runs agree within 1e-3; more digits than float32 has would be noise."""


def assignments_jsonl(results: Results) -> bytes:
    """A line an item, sorted by path, time, kind and box. Removed and retired items have none.

    Items of a film that is one file of several have `span` besides.
    """
    merged = resolve_merged(results)
    return lines_of(_assignment(item, merged) for item in sorted(_live(results), key=item_order))


def clusters_json(results: Results) -> bytes:
    """A list of all clusters, sorted by kind and id; each with the scenes it meets, the items in it, and the clusters
    that it may be one with (`proposals`).
    """
    merged = resolve_merged(results)
    members: dict[str, list[str]] = defaultdict(list)
    scenes: dict[str, set[str]] = defaultdict(set)
    for item in sorted(_live(results), key=item_order):
        cluster_id, parent = item.assigned.cluster_id, item.assigned.parent_cluster_id
        if cluster_id is None:
            continue
        members[cluster_id].append(item.assigned.item_id)
        if parent is not None and item.assigned.kind != "scene":
            scenes[cluster_id].add(merged.get(parent, parent))
    rows: list[JsonValue] = [
        {
            "cluster_id": changed.cluster_id,
            "kind": changed.kind,
            "name": changed.name,
            "size": changed.size,
            "status": changed.status,
            "merged_into": changed.merged_into,
            "cover": changed.cover_item_id,
            "exemplars": list(changed.exemplar_item_ids),
            "proposals": [
                {
                    "cluster_id": proposed.cluster_id,
                    "similarity": round(proposed.similarity, SIMILARITY_DIGITS) + 0.0,
                    "probability": None if proposed.probability is None else round(proposed.probability, 3),
                }
                for proposed in changed.proposals
            ],
            "scenes": list[JsonValue](sorted(scenes[changed.cluster_id])),
            "items": list[JsonValue](members[changed.cluster_id]),
        }
        for changed in sorted((row.changed for row in results.clusters), key=lambda c: (c.kind, c.cluster_id))
    ]
    return ("[\n" + ",\n".join(line_of(row) for row in rows) + "\n]\n").encode() if rows else b"[]\n"


def failed_jsonl(files: Iterable[FileResult]) -> bytes:
    """A line a path that failed, or of which only a part could be sorted (error `partial`)."""
    rows = [
        (path, file.media or "", "partial" if file.status == "partial" else file.error or "error", file.reason or "")
        for file in files
        if file.status != "sorted"
        for path in file.paths
    ]
    return lines_of(
        {"media": media or None, "path": path, "error": error, "reason": reason}
        for path, media, error, reason in sorted(rows)
    )


def _live(results: Results) -> Iterable[ItemResult]:
    return (item for item in results.items if item.live)


def _assignment(item: ItemResult, merged: Mapping[str, str]) -> JsonValue:
    assigned = item.assigned
    parent = assigned.parent_cluster_id
    row: dict[str, JsonValue] = {
        "media": assigned.media_id,
        "paths": list[JsonValue](sorted(item.paths)),
        "frame_id": assigned.frame_id,
        "time_s": item.time_s,
        "item_id": assigned.item_id,
        "kind": assigned.kind,
        "box": None if assigned.box is None else list(assigned.box),
        "cluster_id": assigned.cluster_id,
        "parent_cluster_id": None if parent is None else merged.get(parent, parent),
        "decision": assigned.decision,
        "similarity": None if assigned.similarity is None else round(assigned.similarity, SIMILARITY_DIGITS) + 0.0,
        "model": assigned.model_id,
    }
    if item.facts is not None and (span := item.facts.span) is not None:
        row["span"] = {"span_id": span.span_id, "name": span.name, "index": span.index}
    return row
