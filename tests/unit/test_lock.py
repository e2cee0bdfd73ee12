"""The lock: everything pinned and hashed, nothing from an address, one version per interpreter."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
ENTRY = re.compile(r"^([a-zA-Z0-9][^\n\\]*?) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE)
LOCKED = [Requirement(entry[1]) for entry in ENTRY.finditer(LOCK)]


def test_every_line_is_a_pinned_requirement_its_hashes_or_a_comment() -> None:
    rest = [line for line in ENTRY.sub("", LOCK).splitlines() if not line.lstrip().startswith("#")]
    assert rest == []
    assert len(LOCKED) > 100
    for requirement in LOCKED:
        assert re.fullmatch(r"==[^*,]+", str(requirement.specifier)), requirement
        assert requirement.url is None


def test_no_index_host_or_folder_is_in_the_lock() -> None:
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host|file:|^-", LOCK, re.MULTILINE)


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
def test_each_interpreter_gets_one_version_of_everything_the_project_names(python) -> None:
    place = default_environment() | {
        "python_version": python,
        "python_full_version": f"{python}.1",
        "sys_platform": "linux",
        "platform_machine": "x86_64",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    chosen: dict[str, Requirement] = {}
    for requirement in LOCKED:
        if requirement.marker is None or requirement.marker.evaluate(place):
            name = canonicalize_name(requirement.name)
            assert name not in chosen, f"two versions of {name} for Python {python}"
            chosen[name] = requirement
    project = PROJECT["project"]
    wanted = [*project["dependencies"], *PROJECT["dependency-groups"]["dev"]]
    wanted += [line for extra in project["optional-dependencies"].values() for line in extra]
    for line in wanted:
        requirement = Requirement(line)
        name = canonicalize_name(requirement.name)
        assert name in chosen, f"{name} is in pyproject.toml but not in requirements.lock"
        version = str(chosen[name].specifier).removeprefix("==")
        assert requirement.specifier.contains(version, prereleases=True), f"{line} and the locked {version} disagree"


def test_every_direct_dependency_has_its_reason_in_the_documents() -> None:
    told = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    project = PROJECT["project"]
    lines = [*project["dependencies"], *PROJECT["dependency-groups"]["dev"]]
    lines += [line for extra in project["optional-dependencies"].values() for line in extra]
    missing = {Requirement(line).name for line in lines if f"`{Requirement(line).name}`" not in told}
    assert not missing
