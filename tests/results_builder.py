"""Results of a made-up library: films with frames and faces, photos, noise, failed files."""

import html.parser
import json
from pathlib import Path

from rushes.infra.results.rows import ClusterResult, FileResult, ItemResult, Results
from rushes.schemas import ids
from rushes.schemas.decisions import Cause, ClusterAssigned, ClusterChanged, MergeProposal, Neighbour, Thresholds
from rushes.schemas.media import MediaFacts, Rational, Timecode
from rushes.schemas.revision import Revision

LIBRARY = ids.LibraryId("lib")
REVISION = Revision(n=1, k=0)
HOSTILE = (
    "<script>window.hacked=1</script>.mov", '"><img src=x onerror="window.hacked=1">.mov',
    "a'b\"c`${window.hacked=1}.mov",
    "line\nbreak\r\t.mov", "\u2028\u2029\u202etxt.vom", "Brücke 日本 🎬.mov", "</script><!--.mov", "bytes\udcff.mov",
    "&lt;b&gt;.mov", "javascript:alert(1).mov", "%2e%2e%2f#?.mov",
)  # fmt: skip
FILM_FACTS = MediaFacts(
    media_kind="video", container="mov", codec="h264", width=1280, height=720, reel="A001",
    frame_rate=Rational(numerator=25, denominator=1), timecode=Timecode(text="10:00:00:00", drop_frame=False),
)  # fmt: skip


def some_id(*parts: str | int) -> str:
    return ids.derive("test", LIBRARY, *parts)


def item(
    media: str, time_us: int | None, *, cluster: str | None, kind: str = "scene", scene: str | None = None,
    box: tuple[float, float, float, float] | None = None, path: str | None = None, out: Path | None = None, **changes,
) -> ItemResult:  # fmt: skip
    frame = ids.frame_id(LIBRARY, ids.MediaId(media), 0, time_us)
    record = {
        "library_id": LIBRARY, "item_id": ids.item_id(LIBRARY, frame, kind, box), "kind": kind,
        "cluster_id": cluster, "parent_cluster_id": scene, "decision": "joined" if cluster else "noise",
        "similarity": 0.87654321, "policy": "fixed", "model_id": f"opencv-{kind}", "weak": kind == "face",
        "generation": "g1", "revision": REVISION, "cause": Cause(entry_id=some_id("entry")), "media_id": media,
        "media_version": 1, "shot_id": some_id(media, time_us or 0), "frame_id": frame, "time_us": time_us, "box": box,
        "image_uri": (out / f"blobs/{frame}.jpg").as_uri() if out else None,
        "thumbnail_uri": (out / f"blobs/{frame}.thumb.jpg").as_uri() if out else None,
    } | changes  # fmt: skip
    facts = FILM_FACTS if time_us is not None else None
    return ItemResult(ClusterAssigned(**record), (path or f"{media}.mov",), facts)


def cluster(cluster_id: str, kind: str, size: int, **changes) -> ClusterResult:
    record = {
        "library_id": LIBRARY, "cluster_id": cluster_id, "kind": kind, "status": "active", "size": size,
        "model_id": "m", "generation": "g1", "revision": REVISION, "cause": Cause(entry_id=some_id("entry")),
    } | changes  # fmt: skip
    return ClusterResult(ClusterChanged(**record))


def may_be(cluster_id: str, probability: float) -> MergeProposal:
    return MergeProposal(cluster_id=cluster_id, similarity=0.7123456789, probability=probability)


KITCHEN, STREET, ANNA, BEN = (some_id(name) for name in ("kitchen", "street", "anna", "ben"))
FIXED = Thresholds(join=0.85, join_in_scene=0.75, found=0.5)
LEFT, RIGHT = (0.125, 0.25, 0.25, 0.5), (0.5, 0.25, 0.75, 0.625)


def small_library(out: Path | None = None) -> Results:
    """Anna in the kitchen and the street, Ben in the kitchen, one face in noise, one failed and one partial file. Anna
    and Ben may be one; so may the street and a scene that became a part of the kitchen.
    """
    near_ben = (Neighbour(cluster_id=BEN, similarity=0.61),)
    items = (
        item("film", 0, cluster=KITCHEN, out=out),
        item("film", 40_000, cluster=KITCHEN, out=out),
        item("film", 4_000_000, cluster=STREET, out=out),
        item("photo", None, cluster=STREET, path="photo.jpg", out=out),
        item(
            "film",
            0,
            kind="face",
            cluster=ANNA,
            scene=KITCHEN,
            box=LEFT,
            out=out,
            nearest=near_ben,
            thresholds=FIXED,
            margin=0.266,
        ),
        item("film", 0, kind="face", cluster=BEN, scene=KITCHEN, box=RIGHT, out=out),
        item("film", 4_000_000, kind="face", cluster=ANNA, scene=STREET, box=LEFT, out=out, nearest=near_ben),
        item("photo", None, kind="face", cluster=None, scene=STREET, box=RIGHT, path="photo.jpg", out=out),
        item("film", 40_000, kind="face", cluster=None, decision="removed", box=LEFT, out=out),
    )
    clusters = (
        cluster(KITCHEN, "scene", 2, proposals=(may_be(some_id("old"), 0.9),)),
        cluster(STREET, "scene", 2, proposals=(may_be(some_id("old"), 0.25), may_be(some_id("gone"), 0.8))),
        cluster(
            ANNA,
            "face",
            2,
            name="Anna",
            exemplar_item_ids=(items[4].assigned.item_id,),
            proposals=(may_be(BEN, 0.42),),
        ),
        cluster(BEN, "face", 1, cover_item_id=items[5].assigned.item_id, proposals=(may_be(ANNA, 0.38),)),
        cluster(some_id("old"), "scene", 0, status="merged", merged_into=KITCHEN),
    )
    files = (
        FileResult("film", ("film.mov",), "sorted"),
        FileResult("photo", ("photo.jpg",), "sorted"),
        FileResult("torn", ("torn.mov", "copy of torn.mov"), "partial", "partial", "the last 3 s do not decode"),
        FileResult(None, ("locked.mov",), "failed", "media-not-found", "permission denied: make it readable"),
    )
    return Results(items, clusters, files)


def hostile_library(names: tuple[str, ...] = HOSTILE) -> Results:
    """A film and a failed file of every name, and a cluster called so."""
    items = tuple(item(some_id(name), 0, cluster=some_id("c", name), path=name) for name in names)
    clusters = tuple(
        cluster(some_id("c", name), "scene", 1, name=name.encode("utf-8", "replace").decode()[:256]) for name in names
    )
    files = tuple(FileResult(None, (name,), "failed", "damaged-media", f"no film: {name}") for name in names)
    return Results(items, clusters, files)


class Page(html.parser.HTMLParser):
    """The elements and inline data of `index.html`, as a browser's parser sees them."""

    def __init__(self, index: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self._inline: list[str] = []
        self._in_data = False
        self.feed(index.read_text("utf-8"))
        self.data = json.loads("".join(self._inline))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(attrs)))
        self._in_data = ("id", "data") in attrs

    def handle_endtag(self, tag: str) -> None:
        self._in_data = False

    def handle_data(self, data: str) -> None:
        if self._in_data:
            self._inline.append(data)


def sheet_parts(out: Path, kind: str) -> list:
    """The rows that the named parts hand to the page, in order."""
    rows = []
    for number, name in enumerate(Page(out / "index.html").data["parts"][kind]):
        text = (out / "sheet" / name).read_text("ascii")
        head = f'rushes.part("{kind}",{number},'
        assert text.startswith(head)
        assert text.endswith(");\n")
        rows.append(json.loads(text[len(head) : -3]))
    return rows
