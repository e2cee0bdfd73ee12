"""JSON as text that survives any file name and every reader of lines."""

import json
import re
from collections.abc import Iterable

from pydantic import JsonValue

_UNSAFE_IN_LINES = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Characters that some readers take for a line's end, and the lone surrogates with which Python spells those bytes of
a file name that are no UTF-8. JSON can escape them; UTF-8 can't hold the latter."""

_UNSAFE_IN_SCRIPTS = re.compile("[<>&]")


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def line_of(value: JsonValue) -> str:
    r"""One line of JSON, readable Unicode, keys in the order given.

    >>> line_of({"path": "Brücke\u2028.mov"})
    '{"path": "Brücke\\u2028.mov"}'
    """
    return _UNSAFE_IN_LINES.sub(_escaped, json.dumps(value, ensure_ascii=False, allow_nan=False))


def lines_of(values: Iterable[JsonValue]) -> bytes:
    """JSON lines (UTF-8)."""
    return "".join(line_of(value) + "\n" for value in values).encode()


def script_of(value: JsonValue) -> str:
    r"""Compact JSON that is ASCII and safe inside any HTML or script.

    >>> script_of("</script>")
    '"\\u003c/script\\u003e"'
    """
    return _UNSAFE_IN_SCRIPTS.sub(_escaped, json.dumps(value, separators=(",", ":"), allow_nan=False))
