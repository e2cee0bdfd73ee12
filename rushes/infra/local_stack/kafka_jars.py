"""Kafka's jars, fetched by Maven once per machine."""

import hashlib
import subprocess
from importlib.resources import files
from pathlib import Path

from rushes.infra.local_stack.download import once
from rushes.infra.local_stack.errors import EngineMissing
from rushes.infra.local_stack.process import program

OLDEST_JAVA = 17
"""Major version; what Kafka 4's broker is compiled for."""

FETCH_WITHIN_S = 600.0
"""43 MB and Maven's own plugins; ten seconds on a good line."""


def java() -> str:
    """Path of a Java that runs Kafka 4. Raises EngineMissing."""
    how = f"install a Java runtime of version {OLDEST_JAVA} or newer (Debian: apt install openjdk-17-jre-headless)"
    path = program("java", how)
    answer = subprocess.run([path, "-version"], capture_output=True, text=True, check=False)  # noqa: S603 - found on PATH
    major = _major_version(answer.stderr)
    if major is None or major < OLDEST_JAVA:
        found = answer.stderr.strip().splitlines()
        raise EngineMissing(f"Kafka needs Java {OLDEST_JAVA} or newer, found {found[:1] or 'no answer'}; {how}")
    return path


def kafka_jars(cache: Path) -> Path:
    """Folder of the jars that run one broker, below `cache`. Raises EngineMissing when they can't be had."""
    pom = files("rushes.infra.local_stack").joinpath("kafka/pom.xml").read_bytes()
    return once(cache / f"kafka-jars-{hashlib.sha256(pom).hexdigest()[:12]}", lambda folder: _fetch(pom, folder))


def _fetch(pom: bytes, folder: Path) -> None:
    maven = program("mvn", "install Maven (Debian: apt install maven), which fetches Kafka's jars once")
    project = folder / "pom.xml"
    project.write_bytes(pom)
    command = [maven, "-q", "-B", "-f", str(project), "dependency:copy-dependencies"]
    command += ["-DincludeScope=runtime", f"-DoutputDirectory={folder}"]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=FETCH_WITHIN_S)  # noqa: S603 - made above
    except subprocess.TimeoutExpired as error:
        raise EngineMissing(
            f"Maven did not fetch Kafka's jars within {FETCH_WITHIN_S:.0f} s; is there a way out?"
        ) from error
    except subprocess.CalledProcessError as error:
        said = f"{error.stdout}{error.stderr}".strip()[-1500:]
        raise EngineMissing(
            f"Maven could not fetch Kafka's jars; check the network and its mirrors:\n{said}"
        ) from error


def _major_version(said: str) -> int | None:
    """Major version in what `java -version` prints: `openjdk version "17.0.15" ...`; `"1.8.0"` is 8, and too old."""
    _, _, rest = said.partition('version "')
    digits = rest.split('"')[0].split(".")[0].split("-")[0]
    return int(digits) if digits.isdigit() else None
