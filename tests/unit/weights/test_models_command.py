"""`rushes models` and `--preset`, as a person types them."""

import json

import pytest
from typer.testing import CliRunner

from rushes.infra.settings import ModelSettings, Settings
from rushes.infra.weights.fit import Device, fit, memory_needed
from rushes.infra.weights.presets import PRESETS
from rushes.infra.weights.registry import MODELS
from rushes.streams.cli.app import app
from rushes.streams.cli.folder import PresetOption, _looking_with
from tests.weights_server import Served, serving

FILES = {"config.json": b'{"model_type": "dinov2"}', "model.safetensors": b"weights" * 100}


@pytest.fixture
def served():
    with serving(Served()) as source:
        source.hub_repo("facebook/dinov2-small", FILES)
        yield source


@pytest.fixture
def rushes(served, tmp_path, monkeypatch):
    monkeypatch.setenv("RUSHES_MODELS__FOLDER", str(tmp_path / "models"))
    monkeypatch.setenv("RUSHES_MODELS__HUB", served.url)
    monkeypatch.setenv("COLUMNS", "250")
    return lambda *arguments: CliRunner().invoke(app, ["models", *arguments])


def test_the_list_names_every_model_with_state_size_fit_and_licence(rushes):
    text = rushes("list").stdout
    for name, model in MODELS.items():
        (line,) = [line for line in text.splitlines() if line.split()[:1] == [name]]
        assert "missing" in line
        assert model.licence.name in line
    for words in ("39 MB", "offline   ready", "needs sface, yunet", "rushes models fetch"):
        assert words in text


def test_the_list_fits_a_terminal_of_80_characters(rushes, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = rushes("list").stdout
    assert "\u2026" not in text  # nothing is cut
    for name, model in MODELS.items():
        (line,) = [line for line in text.splitlines() if line.split()[:1] == [name]]
        assert model.licence.name in line


def test_the_list_is_json_for_machines(rushes):
    document = json.loads(rushes("list", "--json").stdout)
    sface = next(one for one in document["models"] if one["name"] == "sface")
    assert sface["state"] == "missing"
    assert sface["files"][0]["sha256"] == MODELS["sface"].files[0].sha256
    assert sface["fits"] in {"yes", "tight", "no"}
    assert [one["name"] for one in document["presets"] if one["ready"]] == ["offline"]


def test_a_model_is_shown_with_what_is_missing_from_where_and_its_licence(rushes):
    text = rushes("show", "sface").stdout
    for words in (
        "missing",
        "38,696,353 bytes",
        MODELS["sface"].files[0].sha256,
        "github.com",
        "Apache-2.0",
        "128 values",
    ):
        assert str(words) in text
    assert "Unverified until the first fetch; pinned then" in " ".join(rushes("show", "dinov2-s").stdout.split())


def test_a_fetched_model_is_shown_verified_and_named_with_its_setting(rushes, tmp_path):
    ended = rushes("fetch", "dinov2-s")
    assert ended.exit_code == 0, ended.output
    assert "RUSHES_MODELS__SCENE=dinov2-s" in ended.stdout
    text = rushes("show", "dinov2-s").stdout
    assert "installed" in text
    assert "matches the hash that its source announced; pinned" in text
    assert "all 2 files as they were fetched" in rushes("verify").stdout
    (tmp_path / "models/dinov2-s/model.safetensors").write_bytes(b"WEIGHTS" * 100)
    changed = rushes("verify", "dinov2-s")
    assert changed.exit_code == 1
    assert "expected SHA-256" in changed.stdout
    assert json.loads(rushes("verify", "--json").stdout)["verified"] is False


def test_a_missing_model_does_not_verify_and_an_unknown_name_lists_the_known(rushes):
    assert rushes("verify", "sface").exit_code == 1
    ended = rushes("fetch", "sfase")
    assert "sface" in str(ended.exception)
    assert "faces" in str(ended.exception)


def test_an_estimate_counts_weights_and_says_where_it_does_not_fit():
    large, small = MODELS["dinov2-l"], MODELS["dinov2-s"]
    assert memory_needed(large) > 4 * large.parameters > memory_needed(small)
    here = Device("main memory", 2 * memory_needed(small), memory_needed(small) // 2)
    assert fit(small, here).verdict == "tight"
    assert fit(large, Device("main memory", 10**9, 10**9)).verdict == "no"
    assert fit(small, Device("main memory", 10**10, 10**10)).verdict == "yes"


@pytest.mark.parametrize(("said", "then"), [(None, True), (False, False), (True, True)])
def test_a_run_goes_on_without_a_presets_weights_unless_the_settings_forbid_it(said, then):
    settings = Settings(models=ModelSettings(allow_fallback=said, face="opencv"))
    looking = _looking_with(settings, preset=PresetOption.FAST, scene=None, face="sface").models
    assert (looking.preset, looking.face, looking.allow_fallback) == ("fast", "sface", then)


def test_the_command_line_knows_all_presets():
    assert set(PresetOption) == set(PRESETS)
