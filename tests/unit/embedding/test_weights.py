"""Weights are those that were named, whole, and part of the model's id; nothing is downloaded unasked."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from rushes.processors.embedding.families import FAMILIES, open_model, parse_model
from rushes.processors.embedding.options import BackendOptions
from rushes.schemas.errors import ConfigurationError
from tests.tiny_checkpoints import pictures

OPTIONS = BackendOptions(device="cpu", threads=1)


@pytest.fixture
def folder(checkpoint, tmp_path) -> Path:
    shutil.copytree(checkpoint("dinov2").folder, tmp_path / "model")
    return tmp_path / "model"


def model_id(folder: Path, family: str = "dinov2", **options) -> str:
    return str(open_model(f"{family}:{folder}", options=BackendOptions(device="cpu", **options)).model_id)


def test_the_id_follows_weights_config_preprocessing_and_size_alone(folder, tmp_path):
    first = model_id(folder)
    family, weights, _ = first.split("/")
    assert family == "dinov2"
    moved = folder.rename(tmp_path / "moved")
    assert model_id(moved) == first
    assert model_id(moved, precision="bfloat16", batch=2) == first
    assert model_id(moved, image_size=48).split("/")[:2] == [family, weights]
    assert model_id(moved, image_size=48) != first
    config = json.loads((moved / "config.json").read_text())
    (moved / "config.json").write_text(json.dumps(config | {"transformers_version": "6.0"}))
    assert model_id(moved) == first
    (moved / "config.json").write_text(json.dumps(config | {"hidden_act": "relu"}))
    assert model_id(moved) != first
    (moved / "config.json").write_text(json.dumps(config))
    said = json.loads((moved / "preprocessor_config.json").read_text())
    (moved / "preprocessor_config.json").write_text(json.dumps(said | {"image_mean": [0.5, 0.5, 0.5]}))
    assert model_id(moved) != first
    file = moved / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    assert model_id(moved).split("/")[1] != weights


def test_weights_that_lack_a_part_are_refused_rather_than_filled_with_random_numbers(folder):
    state = load_file(folder / "model.safetensors")
    state.pop("layernorm.weight")
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ConfigurationError, match=r"layernorm\.weight"):
        open_model(f"dinov2:{folder}", options=OPTIONS).load()


def test_a_timm_file_that_lacks_a_part_is_refused_likewise(checkpoint, tmp_path):
    state = load_file(checkpoint("timm-file").folder / "weights.safetensors")
    state.pop("blocks.0.attn.qkv.weight")
    save_file(state, tmp_path / "weights.safetensors")
    with pytest.raises(ConfigurationError, match=r"blocks\.0\.attn\.qkv"):
        open_model(f"timm:test_vit.r160_in1k@{tmp_path / 'weights.safetensors'}", options=OPTIONS).load()


def test_weights_of_another_shape_are_refused(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    with pytest.raises(ConfigurationError, match="missing"):
        open_model(f"dinov2:{folder}", options=OPTIONS).load()


def test_a_folder_of_another_family_is_refused_by_what_it_holds(folder):
    with pytest.raises(ConfigurationError, match="dinov2"):
        model_id(folder, "vjepa2")


@pytest.mark.parametrize(
    ("missing", "said"), [("config.json", "config.json"), ("model.safetensors", "safetensors"), ("", "no folder")]
)
def test_an_incomplete_folder_is_refused_by_what_it_lacks(folder, missing, said):
    if missing:
        (folder / missing).unlink()
    with pytest.raises(ConfigurationError, match=said):
        model_id(folder if missing else folder / "config.json")


def test_a_preprocessing_file_that_is_not_understood_is_refused(folder):
    said = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps(said | {"size": {"max_height": 9, "max_width": 9}}))
    with pytest.raises(ConfigurationError, match="max_height"):
        model_id(folder)


def test_nothing_is_downloaded_unless_allowed():
    for setting in ("dinov3", "dinov2:facebook/dinov2-small"):
        with pytest.raises(ConfigurationError, match="downloads are not allowed"):
            open_model(setting, options=OPTIONS)


def test_where_allowed_the_hub_is_asked_and_then_timms_copy_there(checkpoint):
    asked = []

    def fetch(name: str) -> Path:
        asked.append(name)
        if name.startswith("facebook/"):
            raise ConfigurationError("behind a consent form")
        return checkpoint("timm-folder").folder

    embedder = open_model("dinov3", options=BackendOptions(device="cpu", fetch=fetch))
    assert [name.split("/")[0] for name in asked] == ["facebook", "timm"]
    assert str(embedder.model_id).startswith("timm-test_resnet")


def test_where_no_source_has_the_weights_each_is_named_with_its_reason():
    def fetch(name: str) -> Path:
        raise ConfigurationError(f"no network for {name}")

    with pytest.raises(ConfigurationError, match=r"no network for facebook.*no network for timm"):
        open_model("dinov2", options=BackendOptions(fetch=fetch))


def test_a_pickle_with_a_program_in_it_is_refused(tmp_path):
    class Program:
        def __reduce__(self):
            return print, ("run",)

    torch.save({"state": Program()}, tmp_path / "weights.pt")
    with pytest.raises(ConfigurationError, match=r"weights\.pt"):
        open_model(f"inception:{tmp_path / 'weights.pt'}", options=OPTIONS).load()


@pytest.mark.parametrize("family", ["inception", "timm"])
def test_a_file_of_other_weights_is_refused(tmp_path, family):
    torch.save({"other.weight": torch.zeros(3)}, tmp_path / "weights.pt")
    name = "test_vit.r160_in1k@" if family == "timm" else ""
    with pytest.raises(ConfigurationError, match=r"weights\.pt"):
        open_model(f"{family}:{name}{tmp_path / 'weights.pt'}", options=OPTIONS).load()


@pytest.mark.parametrize("setting", ["", "dino:", "dinov9:x", "opencv:x", "onnx:"])
def test_a_setting_that_names_no_family_is_refused_with_those_there_are(setting):
    with pytest.raises(ConfigurationError, match=r"dinov2.*vjepa2"):
        parse_model(setting)


def test_every_family_but_the_weightless_asks_for_weights():
    for family in FAMILIES[1:]:
        with pytest.raises(ConfigurationError):
            open_model(f"{family}:/nowhere/at/all", options=OPTIONS)
    assert open_model("opencv", options=OPTIONS).embed(pictures()[:1]).shape[0] == 1
    assert open_model("opencv", options=OPTIONS, face=True).weak
