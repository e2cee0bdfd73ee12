"""A file of weights comes whole and right, or not at all, whatever the network does."""

import hashlib
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from rushes.infra.weights import download as downloads
from rushes.infra.weights.download import NotAllowed, NotThere, Wanted, download
from rushes.schemas.errors import ConfigurationError, WeightsRejected, WeightsUnavailable
from tests.weights_server import Served, git_blob, serving

DATA = np.random.default_rng(4).bytes(3_000_000)
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def served():
    with serving(Served({"/m.onnx": DATA}, etag='"v1"')) as source:
        yield source


@pytest.fixture
def pauses() -> list[float]:
    return []


def known(served: Served, **change: object) -> Wanted:
    return Wanted(**{"url": f"{served.url}/m.onnx", "size_bytes": len(DATA), "sha256": SHA256} | change)


def unknown(served: Served) -> Wanted:
    return Wanted(f"{served.url}/m.onnx")


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_comes_whole_with_progress_and_its_record(served, tmp_path, pauses):
    told: list[tuple[int, int | None]] = []
    kept = download(known(served), tmp_path / "a/m.onnx", pauses.append, lambda *now: told.append(now))
    assert (tmp_path / "a/m.onnx").read_bytes() == DATA
    assert (kept.size_bytes, kept.sha256) == (len(DATA), SHA256)
    assert told[-1] == (len(DATA), len(DATA))
    assert left(tmp_path / "a") == ["m.onnx"]
    assert pauses == []


@pytest.mark.parametrize("wanted", [known, unknown])
def test_a_connection_cut_again_and_again_goes_on_where_it_stopped(served, tmp_path, pauses, wanted):
    served.cut_after, served.cuts = 250_000, 11
    download(wanted(served), tmp_path / "m.onnx", pauses.append)
    assert (tmp_path / "m.onnx").read_bytes() == DATA
    assert served.ranges_of("/m.onnx") == [None, *(f"bytes={250_000 * n}-" for n in range(1, 12))]
    assert pauses == []  # each brought something: no reason to wait


def test_a_process_that_ended_halfway_is_taken_up_by_the_next(served, tmp_path, pauses):
    served.cut_after, served.cuts = 1_000_000, 99
    served.statuses["/m.onnx"] = []
    with pytest.raises(KeyboardInterrupt):
        download(known(served), tmp_path / "m.onnx", pauses.append, stop_after(900_000))
    half = (tmp_path / "m.onnx.part").stat().st_size
    assert 0 < half < len(DATA)
    assert not (tmp_path / "m.onnx").exists()
    served.cuts = 0
    download(known(served), tmp_path / "m.onnx", pauses.append)
    assert served.ranges_of("/m.onnx")[-1] == f"bytes={half}-"
    assert (tmp_path / "m.onnx").read_bytes() == DATA


def stop_after(count: int):
    def told(done: int, _total: int | None) -> None:
        if done >= count:
            raise KeyboardInterrupt

    return told


def test_a_source_without_ranges_is_begun_anew(served, tmp_path, pauses):
    served.ranges, served.cut_after, served.cuts = False, 1_000_000, 2
    download(known(served), tmp_path / "m.onnx", pauses.append)
    assert (tmp_path / "m.onnx").read_bytes() == DATA
    assert len(served.asked) == 3


def test_a_source_without_ranges_that_always_cuts_is_given_up_in_the_end(served, tmp_path, pauses):
    served.ranges, served.cut_after, served.cuts = False, 1_000_000, 99
    with pytest.raises(WeightsUnavailable, match="ended after 1,000,000 of 3,000,000 bytes"):
        download(known(served), tmp_path / "m.onnx", pauses.append)
    assert pauses == sorted(pauses)
    assert not (tmp_path / "m.onnx").exists()


def test_another_version_behind_the_same_address_is_not_glued_to_the_first(served, tmp_path, pauses):
    with pytest.raises(KeyboardInterrupt):
        download(unknown(served), tmp_path / "m.onnx", pauses.append, stop_after(1))
    other = np.random.default_rng(5).bytes(2_000_000)
    served.files["/m.onnx"], served.etag = other, '"v2"'
    download(unknown(served), tmp_path / "m.onnx", pauses.append)
    assert (tmp_path / "m.onnx").read_bytes() == other


def test_without_hash_or_version_a_part_is_thrown_away(served, tmp_path, pauses):
    served.etag = None
    (tmp_path / "m.onnx.part").write_bytes(b"of yesterday")
    download(unknown(served), tmp_path / "m.onnx", pauses.append)
    assert served.ranges_of("/m.onnx") == [None]
    assert (tmp_path / "m.onnx").read_bytes() == DATA


def test_a_part_that_is_longer_than_the_file_is_thrown_away(served, tmp_path, pauses):
    (tmp_path / "m.onnx.part").write_bytes(DATA + b"and more")
    download(known(served), tmp_path / "m.onnx", pauses.append)
    assert (tmp_path / "m.onnx").read_bytes() == DATA


def test_a_part_that_is_whole_needs_no_request(served, tmp_path, pauses):
    (tmp_path / "m.onnx.part").write_bytes(DATA)
    download(known(served), tmp_path / "m.onnx", pauses.append)
    assert served.asked == []
    assert (tmp_path / "m.onnx").read_bytes() == DATA


@pytest.mark.parametrize(
    "change", [{"sha256": "0" * 64}, {"sha256": None, "git_blob": "0" * 40}, {"size_bytes": 5, "sha256": None}]
)
def test_other_bytes_than_expected_are_thrown_away(served, tmp_path, pauses, change):
    with pytest.raises(WeightsRejected, match=r"/m\.onnx"):
        download(known(served, **change), tmp_path / "m.onnx", pauses.append)
    assert left(tmp_path) == []


def test_small_files_are_held_against_gits_hash(served, tmp_path, pauses):
    download(known(served, sha256=None, git_blob=git_blob(DATA)), tmp_path / "m.onnx", pauses.append)
    assert (tmp_path / "m.onnx").read_bytes() == DATA


@pytest.mark.parametrize(("status", "error"), [(404, NotThere), (410, NotThere), (401, NotAllowed), (403, NotAllowed)])
def test_what_is_not_there_or_not_allowed_is_said_at_once(served, tmp_path, pauses, status, error):
    served.statuses["/m.onnx"] = [status]
    with pytest.raises(error, match=str(status)):
        download(known(served), tmp_path / "m.onnx", pauses.append)
    assert pauses == []
    assert left(tmp_path) == []


def test_a_busy_source_is_asked_again_after_longer_and_longer_waits(served, tmp_path, pauses):
    served.statuses["/m.onnx"] = [503, 500, 429]
    download(known(served), tmp_path / "m.onnx", pauses.append)
    assert pauses == [1, 2, 4]
    assert (tmp_path / "m.onnx").read_bytes() == DATA


def test_a_source_that_is_down_is_given_up_soon(tmp_path, pauses):
    with serving(Served()) as gone:
        pass
    with pytest.raises(WeightsUnavailable, match="can't be had now"):
        download(known(gone), tmp_path / "m.onnx", pauses.append)
    assert len(pauses) < downloads.ATTEMPTS


def test_a_body_of_unknown_length_is_taken_and_checked(served, tmp_path, pauses):
    served.chunked = True
    download(Wanted(f"{served.url}/m.onnx", sha256=SHA256), tmp_path / "m.onnx", pauses.append)
    assert (tmp_path / "m.onnx").read_bytes() == DATA


def test_a_redirect_is_followed_but_a_token_stays_with_its_host(served, tmp_path, pauses):
    with serving(Served({"/there": DATA})) as elsewhere:
        served.redirects = {"/m.onnx": "/second", "/second": f"{elsewhere.url}/there"}
        download(known(served, token="secret"), tmp_path / "m.onnx", pauses.append)
        assert (tmp_path / "m.onnx").read_bytes() == DATA
        assert served.tokens == [("/m.onnx", "Bearer secret"), ("/second", "Bearer secret")]
        assert elsewhere.tokens == [("/there", None)]


def test_a_full_disk_is_seen_before_the_download(served, tmp_path, pauses, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000_000))
    with pytest.raises(ConfigurationError, match="RUSHES_MODELS__FOLDER"):
        download(known(served), tmp_path / "m.onnx", pauses.append)


def test_an_address_that_is_no_http_url_is_refused(tmp_path, pauses):
    with pytest.raises(ConfigurationError, match="http"):
        download(Wanted("file:///etc/passwd"), tmp_path / "m.onnx", pauses.append)
