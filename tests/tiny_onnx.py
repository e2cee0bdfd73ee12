"""A tiny ONNX embedder with random weights, written byte for byte: the package `onnx` is not needed.

Field numbers are those of onnx.proto (IR version 8, opset 13): pictures -> Conv -> Relu -> global mean -> (n, d).
"""

import struct
from collections.abc import Sequence

import numpy as np


def tiny_embedder(
    *, batch: int | None = None, size: int | None = 32, dim: int = 16, nhwc: bool = False, seed: int = 0
) -> bytes:
    """Bytes of a model of `(batch, 3, size, size)`, or channels last; None is a symbolic axis."""
    axes: list[int | str] = [batch or "n", 3, size or "h", size or "w"]
    shape = [axes[0], axes[2], axes[3], axes[1]] if nhwc else axes
    weights = np.random.default_rng(seed).normal(size=(dim, 3, 4, 4)).astype(np.float32)
    nodes = [_node("Conv", ["x", "w"], "c", _ints("strides", [4, 4])), _node("Relu", ["c"], "r")]
    nodes += [_node("GlobalAveragePool", ["r"], "p"), _node("Flatten", ["p"], "embeddings")]
    if nhwc:
        nodes = [_node("Transpose", ["images"], "x", _ints("perm", [0, 3, 1, 2])), *nodes]
    else:
        nodes = [_node("Identity", ["images"], "x"), *nodes]
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, b"tiny")
    graph += _field(5, _tensor("w", weights))
    graph += _field(11, _value("images", shape)) + _field(12, _value("embeddings", [axes[0], dim]))
    return _number(1, 8) + _field(7, graph) + _field(8, _field(1, b"") + _number(2, 13))


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _node(kind: str, inputs: Sequence[str], output: str, attribute: bytes = b"") -> bytes:
    body = b"".join(_field(1, name.encode()) for name in inputs) + _field(2, output.encode()) + _field(4, kind.encode())
    return body + (_field(5, attribute) if attribute else b"")


def _ints(name: str, values: Sequence[int]) -> bytes:
    return _field(1, name.encode()) + b"".join(_number(8, value) for value in values) + _number(20, 7)


def _tensor(name: str, values: np.ndarray) -> bytes:
    dims = b"".join(_number(1, side) for side in values.shape)
    raw = struct.pack(f"<{values.size}f", *values.ravel())
    return dims + _number(2, 1) + _field(8, name.encode()) + _field(9, raw)


def _value(name: str, shape: Sequence[int | str]) -> bytes:
    dims = b"".join(
        _field(1, _number(1, axis) if isinstance(axis, int) else _field(2, axis.encode())) for axis in shape
    )
    return _field(1, name.encode()) + _field(2, _field(1, _number(1, 1) + _field(2, dims)))
