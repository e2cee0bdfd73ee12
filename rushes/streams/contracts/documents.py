"""Writing the contract documents, and finding where they no longer say what the code says."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rushes.streams.contracts.asyncapi import asyncapi_document
from rushes.streams.contracts.json_schema import JsonObject, event_types, schema_name, schema_of

ASYNCAPI_FILE = "asyncapi.json"
SCHEMA_FOLDER = "schemas"


@dataclass(frozen=True, slots=True)
class Drift:
    """A document that is not what the code would write."""

    path: Path
    problem: Literal["missing", "differs", "unknown"]

    def __str__(self) -> str:
        match self.problem:
            case "missing":
                return f"{self.path} is missing: write the documents again"
            case "differs":
                return f"{self.path} differs from the code: write the documents again"
            case "unknown":
                return f"{self.path} belongs to no event of the code: remove it, or bring the event back"


def write_documents(folder: Path) -> list[Path]:
    """Write every document below `folder` (made if absent) and return their paths. Other files stay."""
    written = []
    for path, text in _texts(folder):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def check_documents(folder: Path) -> list[Drift]:
    """Where the documents below `folder` differ from what the code would write; empty when they agree."""
    drifts: list[Drift] = []
    expected = dict(_texts(folder))
    for path, text in expected.items():
        if not path.is_file():
            drifts.append(Drift(path, "missing"))
        elif path.read_text(encoding="utf-8") != text:
            drifts.append(Drift(path, "differs"))
    present = sorted((folder / SCHEMA_FOLDER).glob("*.json"))
    drifts.extend(Drift(path, "unknown") for path in present if path not in expected)
    return drifts


def _texts(folder: Path) -> Iterator[tuple[Path, str]]:
    for event in event_types():
        yield folder / SCHEMA_FOLDER / schema_name(event), _text(schema_of(event))
    yield folder / ASYNCAPI_FILE, _text(asyncapi_document(SCHEMA_FOLDER))


def _text(document: JsonObject) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
