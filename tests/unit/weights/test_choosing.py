"""Which models look, by the settings; what stands in for missing ones is never silent."""

import hashlib
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from rushes.infra.metrics import Metrics
from rushes.infra.models import vision_models
from rushes.infra.settings import ModelSettings, Settings
from rushes.infra.weights import choosing
from rushes.infra.weights.choosing import choose, looks_for_persons
from rushes.infra.weights.presets import PRESETS
from rushes.infra.weights.registry import BUILT_IN, MODELS
from rushes.infra.weights.shelf import Shelf
from rushes.schemas.errors import ConfigurationError, WeightsMissing
from tests.tiny_onnx import tiny_embedder
from tests.weights_server import Served, serving


@pytest.fixture
def settings(tmp_path) -> ModelSettings:
    return ModelSettings(folder=tmp_path, hub="http://127.0.0.1:1")


def with_weights(settings: ModelSettings, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Put tiny files where these models' weights lie; what the registry pins is put aside."""
    known = dict(MODELS)
    for name in names:
        model = MODELS[name]
        folder = settings.folder / name
        folder.mkdir(parents=True)
        known[name] = replace(model, files=tuple(replace(file, sha256=None) for file in model.files))
        for file in model.files or ():
            (folder / file.path).write_bytes(tiny_embedder(batch=1, size=112))
        if not model.files:
            (folder / "config.json").write_text("{}")
            (folder / "model.safetensors").write_bytes(b"weights")
    monkeypatch.setattr(choosing, "MODELS", known)


def test_without_settings_nothing_is_fetched_and_the_fallback_is_loud(settings):
    with capture_logs() as logs:
        models = vision_models(settings)
    assert (models.scene.model_id.split("/")[0], models.detector.detector_id.split("/")[0]) == ("opencv-scene", "mtcnn")
    assert models.face.weak
    assert [(line["event"], line["kind"], line["log_level"]) for line in logs] == [
        ("fallback", "scene", "warning"), ("fallback", "face", "warning"),
    ]  # fmt: skip
    assert "rushes models fetch faces" in models.fallbacks[1].text


def test_the_preset_offline_is_a_choice_and_no_fallback(settings):
    with capture_logs() as logs:
        chosen = choose(settings.model_copy(update={"preset": "offline"}))
    assert (chosen.scene, chosen.face, chosen.face_detector, chosen.fallbacks) == ("opencv", "opencv", "mtcnn", ())
    assert logs == []


def test_a_preset_names_its_files_and_explicit_settings_win(settings, monkeypatch):
    with_weights(settings, monkeypatch, "sface", "yunet", "dinov2-s")
    chosen = choose(settings.model_copy(update={"preset": "fast"}))
    assert chosen.scene == f"dinov2:{settings.folder}/dinov2-s"
    assert chosen.face == f"sface:{settings.folder}/sface/face_recognition_sface_2021dec.onnx"
    assert chosen.face_detector == f"yunet:{settings.folder}/yunet/face_detection_yunet_2023mar.onnx"
    own = choose(settings.model_copy(update={"preset": "fast", "scene": "onnx:mine.onnx", "face_detector": "mtcnn"}))
    assert (own.scene, own.face_detector, own.face) == ("onnx:mine.onnx", "mtcnn", chosen.face)


def test_where_faces_are_not_looked_for_their_models_need_not_be_there(settings, monkeypatch):
    with_weights(settings, monkeypatch, "dinov2-s")
    chosen = choose(settings.model_copy(update={"preset": "fast", "face_detector": "off"}))
    assert (chosen.face_detector, chosen.fallbacks) == ("off", ())


def test_a_worker_does_not_start_without_its_presets_weights_and_says_what_to_type(settings):
    with pytest.raises(WeightsMissing) as told:
        choose(settings.model_copy(update={"preset": "best"}))
    for part in ("`rushes models fetch best`", "dinov3-l", "auraface", "yunet", "RUSHES_MODELS__ALLOW_FALLBACK"):
        assert part in str(told.value)


def test_where_it_is_allowed_plain_models_stand_in_and_say_so(settings, monkeypatch):
    with_weights(settings, monkeypatch, "yunet")
    with capture_logs() as logs:
        chosen = choose(settings.model_copy(update={"preset": "balanced", "allow_fallback": True}))
    assert (chosen.scene, chosen.face) == ("opencv", "opencv")
    assert chosen.face_detector.startswith("yunet:")
    assert [(one.kind, one.wanted) for one in chosen.fallbacks] == [("scene", "dinov2-b"), ("face", "sface")]
    assert [line["do"] for line in logs] == [
        "Get it: `rushes models fetch dinov2-b`.", "Get it: `rushes models fetch sface`.",
    ]  # fmt: skip


def test_a_model_that_is_named_itself_must_be_there_even_where_fallbacks_are_allowed(settings):
    with pytest.raises(WeightsMissing, match=r"RUSHES_MODELS__SCENE=dinov2-s: .*rushes models fetch dinov2-s"):
        choose(settings.model_copy(update={"scene": "dinov2-s", "allow_fallback": True}))


@pytest.mark.parametrize(
    ("kind", "name"),
    [("scene", "best"), ("scene", "sface"), ("face", "mtcnn"), ("face_detector", "opencv"), ("face", "onnx:")],
)  # fmt: skip
def test_a_name_that_is_none_lists_those_that_are(settings, kind, name):
    with pytest.raises(ConfigurationError, match=f"RUSHES_MODELS__{kind.upper()}.* found {name!r}"):
        choose(settings.model_copy(update={kind: name}))


def test_a_gated_model_is_looked_for_here_then_on_the_hub_then_in_its_other_edition(settings, monkeypatch):
    files = {"config.json": b"{}", "model.safetensors": b"weights"}
    wanted = settings.model_copy(update={"scene": "dinov3-s"})
    with serving(Served()) as hub:
        hub.hub_repo("facebook/dinov3-vits16-pretrain-lvd1689m", files, gated=True)
        hub.hub_repo("timm/vit_small_patch16_dinov3.lvd1689m", files)
        online = wanted.model_copy(update={"hub": hub.url, "download": True})
        other = f"timm:vit_small_patch16_dinov3.lvd1689m@{settings.folder}/dinov3-s-timm/model.safetensors"
        with pytest.raises(WeightsMissing):
            choose(wanted)
        assert choose(online).scene == other
        assert hub.asked[0][0].startswith("/api/models/facebook/")
        hub.asked.clear()
        assert choose(wanted).scene == other  # from the shelf, no hub asked
        (settings.folder / "dinov3-s").mkdir(exist_ok=True)
        for name, data in files.items():
            (settings.folder / "dinov3-s" / name).write_bytes(data)
        assert choose(online).scene == f"dinov3:{settings.folder}/dinov3-s"
        assert hub.asked == []


def test_the_metric_says_which_models_look_and_what_they_stand_in_for(settings):
    metrics, models = Metrics(), vision_models(settings)
    metrics.set_models(models.ids(), {one.kind: one.wanted for one in models.fallbacks})
    labels = {
        sample.labels["kind"]: (sample.labels["model"], sample.labels["weak"], sample.labels["fallback"])
        for family in metrics.registry.collect()
        if family.name == "rushes_model_info"
        for sample in family.samples
    }
    assert labels["face"] == ("opencv-face/none/1", "true", "a trained model")
    assert labels["face_detector"][0].startswith("mtcnn/")
    assert labels["scene"][2] == "a trained model"


def test_settings_come_from_the_environment_and_the_token_is_never_shown(monkeypatch, tmp_path):
    monkeypatch.setenv("RUSHES_MODELS__PRESET", "faces")
    monkeypatch.setenv("RUSHES_MODELS__FACE", "onnx:mine.onnx")
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.example")
    monkeypatch.setenv("HF_TOKEN", "very-secret")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    models = Settings().models
    assert (models.preset, models.face, models.hub) == ("faces", "onnx:mine.onnx", "http://hub.example")
    assert models.hub_token is not None
    assert "very-secret" not in repr(models)


def test_the_registry_and_the_presets_fit_together():
    for preset in PRESETS.values():
        for kind in choosing.KINDS:
            name = getattr(preset, kind)
            assert name in BUILT_IN or kind in MODELS[name].kinds
    for model in MODELS.values():
        assert bool(model.files) != (model.hub is not None)
        assert model.otherwise is None or model.otherwise in MODELS
        for file in model.files:
            assert file.sha256 is None or bytes.fromhex(file.sha256)
            assert (file.size_bytes is None) == (file.sha256 is None)
    assert not [name for name, one in PRESETS.items() for model in one.models if "non-commercial" in model.licence.note]


def test_the_weights_here_are_not_those_of_the_registry_unless_their_hash_says_so(settings):
    (settings.folder / "sface").mkdir()
    file = settings.folder / "sface" / MODELS["sface"].files[0].path
    file.write_bytes(tiny_embedder(batch=1, size=112))
    with pytest.raises(ConfigurationError, match=hashlib.sha256(file.read_bytes()).hexdigest()):
        choose(settings.model_copy(update={"face": "sface"}))
    assert Shelf(settings.folder).manifest(MODELS["sface"]) is None


def test_whether_persons_are_looked_for_is_told_without_their_weights(settings):
    assert not looks_for_persons(settings)
    best = settings.model_copy(update={"preset": "best"})
    assert looks_for_persons(best)
    assert not looks_for_persons(best.model_copy(update={"person_detector": "off"}))
    assert looks_for_persons(settings.model_copy(update={"person_detector": "rtdetr:FOLDER"}))
