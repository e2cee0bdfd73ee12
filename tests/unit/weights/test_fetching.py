"""Models come from a mirror, their own addresses or a hub; what came first is pinned."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from huggingface_hub import HfApi, hf_hub_url
from pydantic import SecretStr

from rushes.infra.settings import ModelSettings
from rushes.infra.weights import fetching
from rushes.infra.weights.fetching import Fetched, Fetcher
from rushes.infra.weights.registry import APACHE, DINOV3, HubRepo, KnownModel, WeightFile
from rushes.infra.weights.shelf import MANIFEST, Shelf
from rushes.infra.weights.sources import Sources
from rushes.schemas.errors import WeightsMissing, WeightsRejected, WeightsUnavailable
from tests.weights_server import Served, serving

WEIGHTS = b"weights of the repository" * 1000
FILES = {"config.json": b'{"model_type": "dinov2"}', "model.safetensors": WEIGHTS, "README.md": b"# hello"}
FROM_HUB = KnownModel(
    "tiny", ("scene",), "dinov2", "For tests.", APACHE, parameters=10, dim=8, hub=HubRepo("maker/tiny")
)
FACE = b"a face embedder"
PINNED = KnownModel(
    "tiny-face", ("face",), "onnx", "For tests.", APACHE, parameters=10, dim=8, weights="{folder}/face.onnx",
    files=(WeightFile("face.onnx", ("URL/face.onnx",), len(FACE), hashlib.sha256(FACE).hexdigest()),),
    sidecar=MappingProxyType({"range": [-1, 1]}),
)  # fmt: skip


def pinned_at(*urls: str) -> KnownModel:
    return replace(PINNED, files=(replace(PINNED.files[0], urls=urls),))


@pytest.fixture
def served():
    with serving(Served()) as source:
        source.hub_repo("maker/tiny", FILES)
        source.files["/face.onnx"] = FACE
        yield source


@pytest.fixture
def settings(served, tmp_path) -> ModelSettings:
    return ModelSettings(folder=tmp_path / "models", hub=served.url)


def fetched(settings: ModelSettings, model: KnownModel, *, force: bool = False) -> Fetched:
    return Fetcher(settings, lambda _: None).fetch(model, force=force)


def test_a_repository_of_the_hub_comes_with_what_its_loader_reads_and_each_file_checked(settings, served):
    got = fetched(settings, FROM_HUB)
    folder = settings.folder / "tiny"
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors", MANIFEST]
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert (got.manifest.source, got.manifest.revision) == (f"{served.url}/maker/tiny", "c0ffee")
    assert {file.checked_by for file in got.manifest.files.values()} == {"announced"}
    assert Shelf(settings.folder).look(FROM_HUB).state == "installed"


def test_our_hub_of_the_tests_is_one_to_the_hubs_own_client(served):
    """Slow truth: what we read of a repository is what huggingface_hub reads of it."""
    told = HfApi(endpoint=served.url).model_info("maker/tiny", files_metadata=True)
    theirs = {one.rfilename: (one.size, one.blob_id, one.lfs.sha256 if one.lfs else None) for one in told.siblings}
    source = Sources(ModelSettings(hub=served.url)).of(FROM_HUB)
    assert source.revision == told.sha
    for name, (wanted,) in source.files.items():
        size, blob, sha256 = theirs[name]
        assert (wanted.size_bytes, wanted.sha256, wanted.git_blob) == (size, sha256, None if sha256 else blob)
        assert wanted.url == hf_hub_url("maker/tiny", name, revision=told.sha, endpoint=served.url)


def test_what_is_here_and_right_is_not_asked_for_again(settings, served):
    fetched(settings, FROM_HUB)
    served.asked.clear()
    fetched(settings, FROM_HUB)
    assert served.asked == []


def test_a_fetch_that_was_interrupted_between_files_goes_on(settings, served):
    served.statuses["/maker/tiny/resolve/c0ffee/model.safetensors"] = [404]
    with pytest.raises(WeightsMissing):
        fetched(settings, FROM_HUB)
    assert Shelf(settings.folder).look(FROM_HUB).state == "incomplete"
    served.asked.clear()
    fetched(settings, FROM_HUB)
    assert "/maker/tiny/resolve/c0ffee/config.json" not in [path for path, _ in served.asked]
    assert Shelf(settings.folder).look(FROM_HUB).state == "installed"


def test_a_damaged_file_is_brought_back_as_it_was_first(settings, served):
    fetched(settings, FROM_HUB)
    (settings.folder / "tiny/model.safetensors").write_bytes(b"?" * len(WEIGHTS))
    assert Shelf(settings.folder).look(FROM_HUB).state == "changed"
    fetched(settings, FROM_HUB)
    assert (settings.folder / "tiny/model.safetensors").read_bytes() == WEIGHTS


def test_a_source_that_changed_its_bytes_since_is_refused_until_forced(settings, served):
    fetched(settings, FROM_HUB)
    (settings.folder / "tiny/model.safetensors").unlink()
    served.hub_repo("maker/tiny", {**FILES, "model.safetensors": b"other weights"})
    with pytest.raises(WeightsRejected, match="--force"):
        fetched(settings, FROM_HUB)
    assert not (settings.folder / "tiny/model.safetensors").exists()
    fetched(settings, FROM_HUB, force=True)
    assert (settings.folder / "tiny/model.safetensors").read_bytes() == b"other weights"


def test_a_gated_model_wants_its_licence_accepted_and_a_token(settings, served):
    served.hub_repo("maker/tiny", FILES, gated=True)
    served.token = "mine"
    with pytest.raises(WeightsMissing, match=r"accept it at .*/maker/tiny and set RUSHES_MODELS__HUB_TOKEN"):
        fetched(settings, FROM_HUB)
    allowed = settings.model_copy(update={"hub_token": SecretStr("mine")})
    assert fetched(allowed, FROM_HUB).manifest.complete
    assert "mine" not in (settings.folder / "tiny" / MANIFEST).read_text()
    assert "mine" not in repr(allowed)


def test_where_a_gated_model_is_refused_the_edition_without_a_gate_comes_and_is_named(settings, served, monkeypatch):
    served.hub_repo("maker/tiny", FILES, gated=True)
    served.hub_repo("timm/tiny", {"config.json": b"{}", "model.safetensors": b"timm's"})
    other = replace(FROM_HUB, name="tiny-timm", family="timm", hub=HubRepo("timm/tiny"))
    monkeypatch.setattr(fetching, "MODELS", {"tiny-timm": other})
    got = fetched(settings, replace(FROM_HUB, licence=DINOV3, otherwise="tiny-timm"))
    assert got.model.name == "tiny-timm"
    assert got.instead_of is not None
    assert got.instead_of[0] == "tiny"
    assert "DINOv3 License" in got.instead_of[1]


def test_pickled_weights_are_not_taken(settings, served):
    served.hub_repo("maker/tiny", {"config.json": b"{}", "pytorch_model.bin": b"pickle"})
    with pytest.raises(WeightsRejected, match="safetensors"):
        fetched(settings, FROM_HUB)


def test_the_next_address_is_asked_where_the_first_has_nothing(settings, served):
    got = fetched(settings, pinned_at(f"{served.url}/gone.onnx", f"{served.url}/face.onnx"))
    assert got.manifest.files["face.onnx"].checked_by == "pinned"
    sidecar = json.loads((settings.folder / "tiny-face/face.onnx.json").read_bytes())
    assert sidecar == {"range": [-1, 1]}


def test_bytes_that_are_not_the_registrys_never_get_to_the_shelf(settings, served):
    served.files["/face.onnx"] = b"a fake embedder"
    with pytest.raises(WeightsRejected, match=PINNED.files[0].sha256):
        fetched(settings, pinned_at(f"{served.url}/face.onnx"))
    assert Shelf(settings.folder).look(PINNED).state == "missing"


def test_a_filled_folder_is_a_mirror_and_then_the_only_source(settings, served, tmp_path):
    fetched(settings, FROM_HUB)
    fetched(settings, pinned_at(f"{served.url}/face.onnx"))
    with serving(Served(mirrored(settings.folder))) as mirror:
        served.asked.clear()
        away = settings.model_copy(update={"folder": tmp_path / "away", "mirror": f"{mirror.url}/"})
        got = fetched(away, FROM_HUB)
        fetched(away, pinned_at(f"{served.url}/face.onnx"))
    assert served.asked == []
    assert got.manifest.source == f"the mirror {mirror.url}"
    assert got.manifest.revision == "c0ffee"
    assert (away.folder / "tiny/model.safetensors").read_bytes() == WEIGHTS
    assert (away.folder / "tiny-face/face.onnx").read_bytes() == FACE


def test_a_mirror_cannot_give_other_bytes_than_the_registry_pins(settings, served, tmp_path):
    fake = Served({"/tiny-face/face.onnx": b"a fake embedder"})
    with serving(fake) as mirror, pytest.raises(WeightsRejected, match=PINNED.files[0].sha256):
        fetched(settings.model_copy(update={"mirror": mirror.url}), PINNED)


def test_a_mirror_cannot_write_outside_the_models_folder(settings, served):
    fetched(settings, FROM_HUB)
    files = mirrored(settings.folder)
    text = files[f"/tiny/{MANIFEST}"].replace(b"config.json", b"../../evil.json")
    with serving(Served({**files, f"/tiny/{MANIFEST}": text, "/tiny/../../evil.json": FILES["config.json"]})) as mirror:
        away = settings.model_copy(update={"folder": settings.folder.parent / "a/b", "mirror": mirror.url})
        with pytest.raises(WeightsRejected, match="not to be trusted"):
            fetched(away, FROM_HUB)
    assert not list(settings.folder.parent.rglob("evil.json"))


def mirrored(folder: Path) -> dict[str, bytes]:
    return {
        f"/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_without_a_network_it_says_exactly_what_to_put_where(tmp_path):
    with serving(Served()) as gone:
        pass
    settings = ModelSettings(folder=tmp_path, hub=gone.url)
    with pytest.raises(WeightsUnavailable) as told:
        fetched(settings, pinned_at(f"{gone.url}/face.onnx"))
    for part in ("put face.onnx", f"into {tmp_path / 'tiny-face'}", "RUSHES_MODELS__MIRROR"):
        assert part in str(told.value)
    with pytest.raises(WeightsUnavailable, match=r"config\.json, \*\.safetensors"):
        fetched(settings, FROM_HUB)


def test_files_put_there_by_hand_are_taken_up_and_held_against_the_registry(tmp_path):
    shelf = Shelf(tmp_path)
    (tmp_path / "tiny-face").mkdir()
    (tmp_path / "tiny-face/face.onnx").write_bytes(FACE)
    assert shelf.look(PINNED).state == "unrecorded"
    assert shelf.ready(PINNED) == tmp_path / "tiny-face"
    assert shelf.look(PINNED).state == "installed"
    assert (tmp_path / "tiny-face/face.onnx.json").exists()
    (tmp_path / "tiny-face" / MANIFEST).unlink()
    (tmp_path / "tiny-face/face.onnx").write_bytes(b"something else")
    with pytest.raises(WeightsRejected, match=PINNED.files[0].sha256):
        shelf.ready(PINNED)


def test_weights_that_changed_on_disk_are_refused_and_a_copied_folder_is_not(settings, served):
    fetched(settings, FROM_HUB)
    shelf, file = Shelf(settings.folder), settings.folder / "tiny/model.safetensors"
    file.touch()
    assert shelf.look(FROM_HUB).state == "changed"  # by its time: looked at, not read
    assert shelf.ready(FROM_HUB) == settings.folder / "tiny"
    assert shelf.look(FROM_HUB).state == "installed"
    file.write_bytes(b"x" + WEIGHTS[1:])
    with pytest.raises(WeightsRejected, match=r"rushes models fetch tiny --force"):
        shelf.ready(FROM_HUB)
