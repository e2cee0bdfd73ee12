"""Pictures through all models, each in batches: scenes, faces, persons, the producer's regions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import structlog
from numpy.typing import NDArray

from rushes.processors.embedding.protocol import (
    ClipEmbedder,
    Embedder,
    FaceEmbedder,
    Image,
    Prepared,
    Preparing,
    Reduction,
    RegionEmbedder,
    SecondaryEmbedder,
)
from rushes.processors.faces.detector import DetectedFace, FaceDetector
from rushes.processors.faces.finder import FaceFinder, FoundFaces
from rushes.processors.faces.quality import VERSION as QUALITY_VERSION
from rushes.processors.faces.second_look import VERSION as LOOK_VERSION
from rushes.processors.persons.detector import PersonDetector, PersonModels
from rushes.processors.persons.linking import bodies_of_faces
from rushes.schemas.errors import PermanentError
from rushes.schemas.event import ItemKind
from rushes.schemas.ids import Box
from rushes.schemas.media import ProducerBox
from rushes.schemas.shots import FaceFinds, Keyframe
from rushes.schemas.vectors import encode_vector
from rushes.streams.stages.crops import Crop, face_crops, person_crops, region_crops
from rushes.streams.stages.seen import Seen, SeenItem, SeenKind
from rushes.streams.stages.shot_clips import ShotClip

log = structlog.get_logger(__name__)

NO_PIXELS: Final[Image] = np.empty((0, 0, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded frame and the producer's boxes in it.

    `scene` is the picture as the scene model takes it, where it was made ready before; `image` is NO_PIXELS where
    nothing else is looked at. `whole`: its scene is looked at, as in any frame but a face sample. `clip`: digest of the
    shot's clip, which `scene` is then of; `no_scene`: why there is none. `faces`: what was found in the
    whole frame before.
    """

    image: Image
    regions: tuple[ProducerBox, ...] = ()
    scene: Prepared | None = None
    whole: bool = True
    clip: str | None = None
    no_scene: str | None = None
    faces: FaceFinds | None = None


def is_sample(frame: Keyframe) -> bool:
    """Whether a frame was taken for the sake of its faces only."""
    return frame.why == "face_sample"


class Vision:
    """The models of one worker. `kinds` is what it looks for in any picture; regions only where there are boxes."""

    def __init__(
        self,
        scene: Embedder,
        detector: FaceDetector | None,
        face: FaceEmbedder | None,
        persons: PersonModels | None = None,
        *,
        pool_regions: bool = False,
    ) -> None:
        """`pool_regions`: the producer's boxes from one pass over their picture, by a scene model that can; else by
        crops. Raises ValueError where it can't."""
        if (detector is None) != (face is None):
            raise ValueError("expected a face detector and a face embedder, or neither of them")
        self.scene = scene
        self._preparing: Preparing | None = scene if isinstance(scene, Preparing) else None
        self._secondary: SecondaryEmbedder | None = scene if isinstance(scene, SecondaryEmbedder) else None
        self.clips: ClipEmbedder | None = scene if isinstance(scene, ClipEmbedder) else None
        self._pooled: RegionEmbedder | None = None
        if pool_regions:
            if not isinstance(scene, RegionEmbedder):
                raise ValueError(f"expected a scene model whose feature map can be pooled, found {scene.model_id}")
            self._pooled = scene
        self.detector = detector
        self.finder = None if detector is None else FaceFinder(detector)
        self.face = face
        self.persons = persons
        kinds: list[ItemKind] = ["scene"]
        if face is not None:
            kinds.append("face")
        if persons is not None:
            kinds.append("person")
        self.kinds: tuple[ItemKind, ...] = tuple(kinds)

    @property
    def models(self) -> str:
        """All that changes what is seen, for cache keys and entry ids."""
        parts = [str(self.scene.model_id)]
        if self.secondary is not None:
            parts.append(self.secondary)
        if self._pooled is not None:
            parts.append(self.region_model_id)
        if self.detector is not None and self.face is not None:
            parts += [str(self.face.model_id), self.detector.detector_id, f"faces-{QUALITY_VERSION}.{LOOK_VERSION}"]
        if self.persons is not None:
            parts += [self.person_model_id, self.persons.detector.detector_id]
        return "+".join(parts)

    @property
    def person_model_id(self) -> str:
        """Of the persons' vectors. Raises ValueError where persons are off."""
        if self.persons is None:
            raise ValueError("expected models for persons, found none")
        return str(self.persons.model_id)

    @property
    def region_model_id(self) -> str:
        """Of the vectors of the producer's regions."""
        return str(self.scene.model_id if self._pooled is None else self._pooled.region_model_id())

    @property
    def secondary(self) -> str | None:
        """What the scene model gives beside its primary vectors; None: nothing."""
        return None if self._secondary is None else self._secondary.secondary_id()

    def kinds_of(self, frame: Keyframe) -> tuple[ItemKind, ...]:
        """What is looked for in a frame: of a face sample only who is in it, so that scenes have no near-duplicates."""
        if is_sample(frame):
            return tuple(kind for kind in self.kinds if kind != "scene")
        return (*self.kinds, "region") if frame.boxes else self.kinds

    def load(self) -> None:
        """Take all models into memory."""
        for model in self._all():
            model.load()

    def unload(self) -> None:
        for model in self._all():
            model.unload()

    def embedders(self) -> dict[str, Embedder]:
        """By the first kind that each looks at."""
        person = None if self.persons is None else self.persons.embedder
        named = {"scene": self.scene, "face": self.face, "person": person}
        once: dict[int, tuple[str, Embedder]] = {}
        for kind, embedder in named.items():
            if embedder is not None:
                once.setdefault(id(embedder), (kind, embedder))
        return dict(once.values())

    def _all(self) -> list[Embedder | FaceDetector | PersonDetector]:
        """Each model once: persons may be embedded by the scene's."""
        persons = () if self.persons is None else (self.persons.detector, self.persons.embedder)
        models = (self.scene, self.detector, self.face, *persons)
        return list({id(model): model for model in models if model is not None}.values())

    def needs_whole(self, regions: Sequence[ProducerBox]) -> bool:
        """Faces, persons, producers' regions and a scene model that prepares nothing ahead want all of a picture."""
        return self._preparing is None or self.detector is not None or self.persons is not None or bool(regions)

    def reduction(self, height: int, width: int, regions: Sequence[ProducerBox]) -> Reduction:
        """By how much a JPEG of this size may be decoded smaller. From any thread."""
        return 1 if self._preparing is None or self.needs_whole(regions) else self._preparing.reduction(height, width)

    def picture(
        self, image: Image, regions: tuple[ProducerBox, ...], *, whole: bool = True, faces: FaceFinds | None = None
    ) -> Picture:
        """What `see` needs of a decoded frame, made ready as far as can be. From any thread."""
        ready = None if self._preparing is None or not whole else self._preparing.prepare(image)
        return Picture(self._kept(image, regions), regions, ready, whole, faces=faces)

    def picture_of_shot(self, image: Image, regions: tuple[ProducerBox, ...], clip: ShotClip) -> Picture:
        """The same of a frame whose scene is its shot's clip. Raises TransientError where that can't be read now."""
        kept = self._kept(image, regions)
        try:
            return Picture(kept, regions, clip.prepared(), clip=clip.digest)
        except PermanentError as error:
            return Picture(kept, regions, clip=clip.digest, no_scene=f"the shot's clip can't be seen: {error}")

    def _kept(self, image: Image, regions: tuple[ProducerBox, ...]) -> Image:
        return image if self.needs_whole(regions) else NO_PIXELS

    def see(self, pictures: Sequence[Picture]) -> list[Seen]:
        """One per picture, in the same order."""
        scenes = self._scenes(pictures)
        faces = self._faces(pictures)
        persons = self._persons(pictures)
        if faces and persons:
            faces = {index: _with_bodies(kind, persons[index]) for index, kind in faces.items()}
        regions = self._regions(pictures)
        return [
            Seen(kinds=tuple(kinds[index] for kinds in (scenes, faces, persons, regions) if index in kinds))
            for index in range(len(pictures))
        ]

    def _scenes(self, pictures: Sequence[Picture]) -> dict[int, SeenKind]:
        lost = {
            index: SeenKind(kind="scene", clip=picture.clip, error=picture.no_scene)
            for index, picture in enumerate(pictures)
            if picture.no_scene is not None
        }
        wanted = [index for index, picture in enumerate(pictures) if picture.whole and index not in lost]
        if not wanted:
            return lost
        whole = [pictures[index] for index in wanted]
        named: Sequence[Mapping[str, NDArray[np.float32]]] = [{}] * len(whole)
        rows: Sequence[NDArray[np.float32]]
        if self._preparing is None:
            rows = list(self.scene.embed([picture.image for picture in whole]))
        else:
            prepare = self._preparing.prepare
            ready = [prepare(p.image) if p.scene is None else p.scene for p in whole]
            if self._secondary is None:
                rows = _forward(self._preparing, ready)
            else:
                embedded = self._secondary.forward_all(ready)
                rows, named = list(embedded.primary), embedded.secondary
        return lost | {
            index: SeenKind(kind="scene", clip=pictures[index].clip, items=(_whole(row, beside),))
            if _usable(row)
            else SeenKind(kind="scene", clip=pictures[index].clip, error=_no_vector(1, "whole picture"))
            for index, row, beside in zip(wanted, rows, named, strict=True)
        }

    def _faces(self, pictures: Sequence[Picture]) -> dict[int, SeenKind]:
        if self.finder is None or self.face is None:
            return {}
        found = self._found(self.finder, pictures)
        crops = [
            crop
            for index, (picture, own) in enumerate(zip(pictures, found, strict=True))
            for crop in face_crops(index, picture.image, own.faces, self.face)
        ]
        errors = {index: own.error for index, own in enumerate(found) if own.error}
        kinds = _with_vectors("face", range(len(pictures)), crops, _rows(self.face, crops), errors)
        return {
            index: kind.model_copy(update={"rejected": len(found[index].rejected)}) for index, kind in kinds.items()
        }

    def _found(self, finder: FaceFinder, pictures: Sequence[Picture]) -> list[FoundFaces]:
        """Faces of each picture: those that came with it, where they are this finder's own, else by looking."""
        known = {
            index: _as_found(picture.faces)
            for index, picture in enumerate(pictures)
            if picture.faces is not None and picture.faces.finder == finder.finder_id
        }
        others = [index for index in range(len(pictures)) if index not in known]
        looked = finder.find([pictures[index].image for index in others]) if others else []
        scores = [round(score, 3) for own in looked for score in own.rejected]
        if scores:
            log.info("no faces: a second look, upright and mirrored, does not find them", scores=scores)
        return [own for _, own in sorted([*known.items(), *zip(others, looked, strict=True)])]

    def _persons(self, pictures: Sequence[Picture]) -> dict[int, SeenKind]:
        if self.persons is None:
            return {}
        found = self.persons.detector.detect([picture.image for picture in pictures])
        crops = [
            crop
            for index, detections in enumerate(found)
            for crop in person_crops(index, pictures[index].image, detections.found)
        ]
        errors = {index: detections.error for index, detections in enumerate(found) if detections.error}
        rows = _crop_rows(self.persons.embedder, self.persons.pooled, pictures, crops)
        return _with_vectors("person", range(len(pictures)), crops, rows, errors)

    def _regions(self, pictures: Sequence[Picture]) -> dict[int, SeenKind]:
        crops = [
            crop
            for index, picture in enumerate(pictures)
            if picture.regions
            for crop in region_crops(index, picture.image, picture.regions)
        ]
        wanted = [index for index, picture in enumerate(pictures) if picture.regions]
        rows = _crop_rows(self.scene, self._pooled, pictures, crops)
        return _with_vectors("region", wanted, crops, rows, {})


def _forward(model: Preparing, ready: Sequence[Prepared]) -> Sequence[NDArray[np.float32]]:
    """A row for each. What several share (a clip, by the keyframes of its shot) goes through the model once, and what
    differs in shape (clips and stills) goes in passes of its own."""
    rows: dict[int, NDArray[np.float32]] = {}
    distinct = {id(one): one for one in ready}
    for shape in dict.fromkeys(one.shape for one in distinct.values()):
        alike = {key: one for key, one in distinct.items() if one.shape == shape}
        rows |= zip(alike, model.forward(list(alike.values())), strict=True)
    return [rows[id(one)] for one in ready]


def _whole(row: NDArray[np.float32], named: Mapping[str, NDArray[np.float32]]) -> SeenItem:
    """The whole picture as an item."""
    secondary = {name: encode_vector(vector) for name, vector in named.items()}
    return SeenItem(vector=encode_vector(row), secondary=secondary)


def _as_found(finds: FaceFinds) -> FoundFaces:
    return FoundFaces(
        tuple((DetectedFace(find.box, find.landmarks, find.score), find.second_score) for find in finds.faces),
        finds.rejected,
    )


def _with_bodies(faces: SeenKind, persons: SeenKind) -> SeenKind:
    """The faces with the places of their bodies among the persons."""
    bodies = bodies_of_faces(
        [item.box for item in faces.items if item.box is not None],
        [item.box for item in persons.items if item.box is not None],
    )
    items = tuple(item.model_copy(update={"body": body}) for item, body in zip(faces.items, bodies, strict=True))
    return faces.model_copy(update={"items": items})


def _rows(embedder: Embedder, crops: Sequence[Crop]) -> Sequence[NDArray[np.float32]]:
    """A vector for each crop."""
    return list(embedder.embed([crop.image for crop in crops])) if crops else []


def _crop_rows(
    embedder: Embedder, pooled: RegionEmbedder | None, pictures: Sequence[Picture], crops: Sequence[Crop]
) -> Sequence[NDArray[np.float32]]:
    """A vector for each crop, in the order of their pictures: of itself, or of its box in the picture's feature map."""
    if pooled is None:
        return _rows(embedder, crops)
    boxes: list[list[Box]] = [[] for _ in pictures]
    for crop in crops:
        boxes[crop.picture].append(crop.box)
    found = pooled.embed_regions([picture.image for picture in pictures], boxes)
    return [row for rows in found for row in rows]


def _with_vectors(
    kind: ItemKind,
    wanted: Sequence[int],
    crops: Sequence[Crop],
    rows: Sequence[NDArray[np.float32]],
    errors: dict[int, str],
) -> dict[int, SeenKind]:
    """The crops' items by picture; every picture of `wanted` has an answer, be it an empty one."""
    items: dict[int, list[SeenItem]] = {index: [] for index in wanted}
    lost = dict.fromkeys(wanted, 0)
    for crop, row in zip(crops, rows, strict=True):
        if _usable(row):
            items[crop.picture].append(_item(crop, row))
        else:
            lost[crop.picture] += 1
    return {
        index: SeenKind(
            kind=kind,
            items=tuple(items[index]),
            error=errors.get(index) or (_no_vector(lost[index], kind) if lost[index] else None),
        )
        for index in wanted
    }


def _item(crop: Crop, row: NDArray[np.float32]) -> SeenItem:
    return SeenItem(
        box=crop.box,
        landmarks=None if crop.face is None else tuple((round(x, 5), round(y, 5)) for x, y in crop.face.landmarks),
        score=None if crop.score is None else round(crop.score, 4),
        quality=round(crop.quality, 4),
        quality_parts={name: round(part, 3) for name, part in crop.quality_parts.items()},
        label=crop.label,
        vector=encode_vector(row),
    )


def _usable(row: NDArray[np.float32]) -> bool:
    return bool(np.isfinite(row).all() and row.any())


def _no_vector(count: int, what: str) -> str:
    return f"expected a finite vector that is not zero, found none for {count} x {what}: check the model"
