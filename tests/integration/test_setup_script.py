"""`make setup`, on a small project with a small lock: what it promises for the large one."""

import base64
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

TOOLS = (
    "bash",
    "sh",
    "env",
    "sha256sum",
    "cut",
    "cat",
    "df",
    "awk",
    "grep",
    "du",
    "rm",
    "mkdir",
    "basename",
    "dirname",
)
SCRIPT = Path(__file__).parents[2] / "scripts" / "setup.sh"

BUILD_BACKEND = """
import zipfile
def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "sample-1-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.writestr("sample-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: sample\\nVersion: 1\\n")
        wheel.writestr("sample-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("sample-1.dist-info/RECORD", "")
    return name
"""
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def wheel(folder: Path, version: str) -> str:
    """Writes a wheel of the module `parcel`; its line in a lock."""
    file = folder / f"parcel-{version}-py3-none-any.whl"
    contents = {
        "parcel.py": f"VERSION = {version!r}\n",
        f"parcel-{version}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: parcel\nVersion: {version}\n",
        f"parcel-{version}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{name},sha256={urlsafe(text)},{len(text)}" for name, text in contents.items()]
    contents[f"parcel-{version}.dist-info/RECORD"] = "\n".join([*record, f"parcel-{version}.dist-info/RECORD,,\n"])
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in contents.items():
            archive.writestr(name, text)
    return f"parcel=={version} \\\n    --hash=sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}\n"


def urlsafe(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


class Project:
    def __init__(self, root: Path) -> None:
        self.root = root / "a project's folder"
        self.wheels = root / "wheels"
        self.wheels.mkdir()
        (self.root / "scripts").mkdir(parents=True)
        shutil.copy(SCRIPT, self.root / "scripts")
        (self.root / "backend.py").write_text(BUILD_BACKEND)
        (self.root / "pyproject.toml").write_text(PYPROJECT)
        self.lock("1.0")
        self.tools = root / "tools"
        self.tools.mkdir()
        for name in TOOLS:
            (self.tools / name).symlink_to(str(shutil.which(name)))
        self.python = self.tools / "python3"
        self.python.symlink_to(Path(sys.executable).resolve())

    def lock(self, version: str) -> None:
        (self.root / "requirements.lock").write_text(wheel(self.wheels, version))

    def environment(self, **more: str) -> dict[str, str]:
        """As on a machine without uv and without a network."""
        links = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels), "PIP_CONFIG_FILE": os.devnull}
        return {"PATH": str(self.tools), "HOME": str(self.root), **links, **more}

    def setup(self, **more: str) -> subprocess.CompletedProcess:
        command = [str(self.root / "scripts" / "setup.sh")]
        return subprocess.run(
            command, env=self.environment(**more), cwd="/", text=True, capture_output=True, check=False, timeout=120
        )

    def version(self) -> str:
        command = [str(self.root / ".venv/bin/python"), "-c", "import parcel; print(parcel.VERSION)"]
        return subprocess.run(command, text=True, capture_output=True, check=True).stdout.strip()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_the_first_run_installs_the_lock_and_the_second_returns_at_once(project: Project) -> None:
    first = project.setup()
    assert first.returncode == 0, first.stderr
    assert "MiB" in first.stderr
    assert project.version() == "1.0"
    made = (project.root / ".venv/pyvenv.cfg").stat().st_mtime_ns

    second = project.setup(PYTHON="/nowhere", PIP_FIND_LINKS="/nowhere")

    assert (second.returncode, second.stderr, second.stdout) == (0, "", "")
    assert (project.root / ".venv/pyvenv.cfg").stat().st_mtime_ns == made


def test_a_run_that_was_killed_half_way_is_repaired_by_the_next(project: Project) -> None:
    fifo = project.wheels / "blocked"
    os.mkfifo(fifo)
    command = [str(project.root / "scripts" / "setup.sh")]
    lock = (project.root / "requirements.lock").read_text()
    (project.root / "requirements.lock").write_text(lock + f"-r {fifo}\n")
    running = subprocess.Popen(command, env=project.environment(), stderr=subprocess.DEVNULL, start_new_session=True)
    with fifo.open("w"):  # opens when the installer has begun to read what it shall install
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    assert (project.root / ".venv").is_dir()
    (project.root / "requirements.lock").write_text(lock)

    again = project.setup()

    assert again.returncode == 0, again.stderr
    assert "making it anew" in again.stderr
    assert project.version() == "1.0"


def test_a_changed_lock_makes_the_environment_anew_and_a_changed_project_does_not(project: Project) -> None:
    assert project.setup().returncode == 0
    made = (project.root / ".venv/pyvenv.cfg").stat().st_mtime_ns
    (project.root / "pyproject.toml").write_text(PYPROJECT + "# changed\n")
    assert project.setup().returncode == 0
    assert (project.root / ".venv/pyvenv.cfg").stat().st_mtime_ns == made

    project.lock("2.0")

    assert project.setup().returncode == 0
    assert project.version() == "2.0"


def test_a_file_that_is_not_the_locked_one_is_refused(project: Project) -> None:
    with zipfile.ZipFile(project.wheels / "parcel-1.0-py3-none-any.whl", "a") as archive:
        archive.writestr("added.py", "")
    refused = project.setup()
    assert refused.returncode != 0
    assert "HASH" in refused.stderr.upper()
    assert project.setup().returncode != 0, "a failed run must not count as done"


def test_without_a_python_that_serves_it_says_what_to_install(project: Project) -> None:
    project.python.unlink()
    project.python.write_text('#!/bin/sh\n[ "$1" = --version ] && { echo Python 3.9.2; exit; }\nexit 1\n')
    project.python.chmod(0o755)
    refused = project.setup()
    assert refused.returncode == 1
    assert "expected Python 3.11" in refused.stderr
    assert "Python 3.9.2" in refused.stderr
    assert "apt install" in refused.stderr
