"""The head of every benchmark's output: hardware, versions and commit."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import psutil


def describe(*packages: str) -> str:
    """One paragraph that names the machine, Python, the packages and the commit measured."""
    root = Path(__file__).resolve().parent.parent
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=root, capture_output=True, text=True, check=False
    ).stdout.strip()
    memory_gb = psutil.virtual_memory().total / 1e9
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    return (
        f"{_cpu()}, {os.cpu_count()} cores, {memory_gb:.0f} GB; {platform.system()} {platform.release()}; "
        f"Python {platform.python_version()}, {versions}; commit {commit or 'unknown'}"
    )


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
