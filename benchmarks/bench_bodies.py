"""What bodies add to faces that say little: python benchmarks/bench_bodies.py [--seeds 3] [--kept .3 .15]

Made-up libraries of one day: ten people in two outfits each, 160 photos of one person each in four places; faces,
bodies and places drawn from the labelled sets (RUSHES_TEST_DATA). Of the faces 40 % are turned away: told as poor,
their vectors noise of length 1 with a share of the face (--kept). The same log is folded with and without the bodies'
ids on the faces. `uniforms`: every two people are in the same clothes in the same places, so that a body misleads.
B-cubed F1 of the faces in the mean of the seeds; of the faces that their body placed, how many are where most are of
their person.
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import numpy as np
from environment import describe
from identity_suite import labelled_sets
from numpy.typing import NDArray

from rushes.processors.clustering.fold import apply
from rushes.processors.clustering.library import Library
from rushes.processors.clustering.policy import Policy
from rushes.processors.evaluation.embedders import Embedder
from rushes.processors.evaluation.metrics import NOISE, bcubed
from rushes.schemas.event import ItemKind
from rushes.schemas.ids import Box, Generation, LibraryId, MediaId, ModelId, derive, frame_id, item_id
from rushes.schemas.log import CandidateItem, ConsolidationRequested, EmbeddedFrame, ItemsEmbedded, KindItems
from rushes.schemas.vectors import encode_vector

LIBRARY: Final = LibraryId("bench")
FACE: Final[Box] = (0.1, 0.1, 0.3, 0.4)
BODY: Final[Box] = (0.1, 0.1, 0.3, 0.9)
PEOPLE, OUTFITS, PHOTOS, PLACES = 10, 2, 8, 4
TURNED: Final = 0.4
DAY: Final = datetime(2026, 5, 1, tzinfo=UTC)

Vector = NDArray[np.float64]


class Shoot:
    """One library: its log, and who is who."""

    def __init__(self, sets: dict[str, Embedder], seed: int, kept: float, *, uniforms: bool) -> None:
        rng = np.random.default_rng(seed)
        faces = sets["faces_dev"].draw(rng, [OUTFITS * PHOTOS] * PEOPLE)
        bodies = sets["persons_dev"].draw(rng, [PHOTOS] * (PEOPLE * OUTFITS))
        places = [iter(rows) for rows in sets["scenes_montage"].draw(rng, [PEOPLE * PHOTOS] * PLACES)]
        photos = [
            (who, outfit, number) for who in range(PEOPLE) for outfit in range(OUTFITS) for number in range(PHOTOS)
        ]
        self.people: dict[str, int] = {}
        self._photos: list[tuple[Vector, Vector, Vector, bool]] = []
        for at in rng.permutation(len(photos)).tolist():
            who, outfit, number = photos[at]
            dressed_as = who - who % 2 if uniforms else who
            place = next(places[(dressed_as + outfit * 2) % PLACES])
            face = faces[who][outfit * PHOTOS + number]
            turned = bool(rng.random() < TURNED)
            if turned:
                noise = rng.standard_normal(len(face))
                face = kept * face + noise / np.linalg.norm(noise)
            body = bodies[dressed_as * OUTFITS + outfit][number]
            if uniforms:
                body = body + 0.15 * rng.standard_normal(len(body)) / np.sqrt(len(body))
            self.people[self._id(len(self._photos), "face", FACE)] = who
            self._photos.append((place, face, body / np.linalg.norm(body), turned))

    def entries(self, *, with_bodies: bool) -> Iterator[ItemsEmbedded | ConsolidationRequested]:
        for number, (place, face, body, turned) in enumerate(self._photos):
            worn = self._id(number, "person", BODY) if with_bodies else None
            (face_item,) = self._kind("face", number, FACE, face).items
            seen = face_item.model_copy(update={"quality": 0.3 if turned else 0.9, "body_item_id": worn})
            kinds = (
                self._kind("scene", number, None, place),
                self._kind("face", number, FACE, face).model_copy(update={"items": (seen,)}),
                self._kind("person", number, BODY, body),
            )
            frame = EmbeddedFrame(
                frame_id=self._frame(number), time_us=None, image_uri=f"s3://bench/frames/{number}.jpg",
                thumbnail_uri=f"s3://bench/thumbs/{number}.jpg", perceptual_hash="0" * 16, kinds=kinds,
            )  # fmt: skip
            yield ItemsEmbedded(
                library_id=LIBRARY, entry_id=derive("entry", LIBRARY, number), media_id=self._media(number), version=1,
                shot_id=derive("shot", LIBRARY, number), captured_at=DAY, kinds_expected=("scene", "face", "person"),
                frames=(frame,),
            )  # fmt: skip
        yield ConsolidationRequested(library_id=LIBRARY, entry_id=derive("entry", LIBRARY, "end"), reason="asked")

    def _kind(self, kind: ItemKind, number: int, box: Box | None, vector: Vector) -> KindItems:
        item = CandidateItem(item_id=self._id(number, kind, box), box=box, quality=0.9, vector=encode_vector(vector))
        return KindItems(kind=kind, model_id=ModelId(f"bench-{kind}"), items=(item,))

    def _media(self, number: int) -> MediaId:
        return MediaId(f"photo-{number}")

    def _frame(self, number: int) -> str:
        return frame_id(LIBRARY, self._media(number), 0, None)

    def _id(self, number: int, kind: str, box: Box | None) -> str:
        return item_id(LIBRARY, frame_id(LIBRARY, self._media(number), 0, None), kind, box)


def scored(shoot: Shoot, *, with_bodies: bool) -> tuple[float, int, int]:
    """B-cubed F1 of the faces; those that their body placed; those of these that are right."""
    library = Library(LIBRARY, Generation("g1"), Policy("calibrated"))
    for entry in shoot.entries(with_bodies=with_bodies):
        apply(library, entry)
    items = {item: library.items[item] for item in library.items if item in shoot.people}
    numbers = {name: at for at, name in enumerate(sorted({str(one.cluster_id) for one in items.values()}))}
    found = [NOISE if one.cluster_id is None else numbers[str(one.cluster_id)] for one in items.values()]
    truth = [shoot.people[item] for item in items]
    inside: defaultdict[int, Counter[int]] = defaultdict(Counter)
    for cluster, who in zip(found, truth, strict=True):
        inside[cluster][who] += 1
    placed = [
        inside[cluster].most_common(1)[0][0] == who
        for cluster, who, one in zip(found, truth, items.values(), strict=True)
        if one.record is not None and one.record.basis == "body"
    ]
    return bcubed(np.array(found), np.array(truth)).f1, len(placed), sum(placed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="libraries of each sort (default: 3)")
    parser.add_argument("--kept", type=float, nargs="+", default=[0.3, 0.15], help="of a face that is turned away")
    asked = parser.parse_args()
    print(describe("numpy", "scipy"))
    sets: dict[str, Embedder] = {one.name: one for one in labelled_sets()}
    if not sets:
        parser.error("set RUSHES_TEST_DATA to the folder of the evaluation data")
    print(f"{'clothes':10} {'kept':>5} {'F1 without':>10} {'with':>6} {'by body':>8} {'right':>6}")
    for uniforms in (False, True):
        for kept in asked.kept:
            shoots = [Shoot(sets, seed, kept, uniforms=uniforms) for seed in range(asked.seeds)]
            without = [scored(shoot, with_bodies=False) for shoot in shoots]
            f1, placed, right = np.mean([scored(shoot, with_bodies=True) for shoot in shoots], axis=0)
            print(
                f"{'uniforms' if uniforms else 'own':10} {kept:5.2f} {np.mean([one[0] for one in without]):10.3f} "
                f"{f1:6.3f} {placed:8.1f} {right:6.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
