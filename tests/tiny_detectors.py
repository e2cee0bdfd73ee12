"""Tiny detectors with random weights, in the formats of the real ones."""

import json
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from transformers import (
    AutoModelForObjectDetection,
    DFineConfig,
    RTDetrConfig,
    RTDetrImageProcessor,
    RTDetrResNetConfig,
    RTDetrV2Config,
)


def _model(nodes, inputs, outputs, weights) -> bytes:
    graph = helper.make_graph(
        nodes, "tiny", inputs, outputs, [numpy_helper.from_array(value, name) for name, value in weights.items()]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _floats(name, shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def tiny_yunet(*, size: tuple[int, int] | None = None, seed: int = 0) -> bytes:
    """YuNet's signature: a linear look at each cell of three strides."""
    height, width = size or ("h", "w")
    rng = np.random.default_rng(seed)
    nodes, weights, outputs = [], {}, []
    shapes = {"cls": (1, 60.0, -2.0), "obj": (1, 60.0, -2.0), "bbox": (4, 30.0, 1.0), "kps": (10, 10.0, 0.5)}
    for stride in (8, 16, 32):
        for name, (columns, strength, shift) in shapes.items():
            key = f"{name}_{stride}"
            kernel = rng.normal(size=(columns, 3, stride, stride)) * strength / 255 / stride
            kernel -= kernel.mean(axis=(1, 2, 3), keepdims=True)
            weights[f"w{key}"] = kernel.astype(np.float32)
            weights[f"b{key}"] = np.full(columns, shift, np.float32)
            weights[f"s{key}"] = np.array([0, -1, columns], np.int64)
            last = "Sigmoid" if columns == 1 else "Tanh"
            nodes += [
                helper.make_node("Conv", ["input", f"w{key}", f"b{key}"], [f"c{key}"], strides=[stride, stride]),
                helper.make_node("Transpose", [f"c{key}"], [f"t{key}"], perm=[0, 2, 3, 1]),
                helper.make_node("Reshape", [f"t{key}", f"s{key}"], [f"r{key}"]),
                helper.make_node(last, [f"r{key}"], [key]),
            ]
            outputs.append(_floats(key, [1, f"n{key}", columns]))
    order = [f"{name}_{stride}" for name in shapes for stride in (8, 16, 32)]
    outputs.sort(key=lambda output: order.index(output.name))
    return _model(nodes, [_floats("input", [1, 3, height, width])], outputs, weights)


def tiny_detr_onnx(*, seed: int = 0, queries: int = 12, classes: int = 5) -> bytes:
    """`pixel_values` to `logits` and `pred_boxes`, each a linear look at the picture's mean colours in 4 x 4 cells."""
    rng = np.random.default_rng(seed)
    weights = {
        "flat": np.array([0, -1], np.int64),
        "wl": (rng.normal(size=(48, queries * classes)) * 2).astype(np.float32),
        "wb": (rng.normal(size=(48, queries * 4)) * 0.5).astype(np.float32),
        "sl": np.array([0, queries, classes], np.int64),
        "sb": np.array([0, queries, 4], np.int64),
    }
    nodes = [
        helper.make_node("AveragePool", ["pixel_values"], ["p"], kernel_shape=[16, 16], strides=[16, 16]),
        helper.make_node("Reshape", ["p", "flat"], ["f"]),
        helper.make_node("MatMul", ["f", "wl"], ["ml"]),
        helper.make_node("Reshape", ["ml", "sl"], ["logits"]),
        helper.make_node("MatMul", ["f", "wb"], ["mb"]),
        helper.make_node("Sigmoid", ["mb"], ["gb"]),
        helper.make_node("Reshape", ["gb", "sb"], ["pred_boxes"]),
    ]
    outputs = [_floats("logits", ["n", queries, classes]), _floats("pred_boxes", ["n", queries, 4])]
    return _model(nodes, [_floats("pixel_values", ["n", 3, 64, 64])], outputs, weights)


def save_tiny_detr(folder: Path, family: str, *, seed: int = 0) -> Path:
    """A randomly initialised RT-DETR, RT-DETRv2 or D-FINE, saved by the library in its own format."""
    torch.manual_seed(seed)
    backbone = RTDetrResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1], layer_type="basic",
        out_features=["stage2", "stage3", "stage4"], out_indices=[2, 3, 4],
    )  # fmt: skip
    sizes = {
        "backbone_config": backbone, "encoder_hidden_dim": 16, "encoder_in_channels": [8, 16, 16],
        "encoder_ffn_dim": 16, "encoder_attention_heads": 2, "d_model": 16, "num_queries": 20,
        "decoder_in_channels": [16, 16, 16], "decoder_ffn_dim": 16, "decoder_layers": 2, "decoder_attention_heads": 2,
        "hidden_expansion": 0.5, "num_labels": 3,
    }  # fmt: skip
    config_class = {"rt_detr": RTDetrConfig, "rt_detr_v2": RTDetrV2Config, "d_fine": DFineConfig}[family]
    config = config_class(**sizes)
    config.id2label, config.label2id = {0: "bicycle", 1: "Person", 2: "dog"}, {"bicycle": 0, "Person": 1, "dog": 2}
    model = AutoModelForObjectDetection.from_config(config)
    with torch.no_grad():  # an untrained head is sure of nothing: spread its scores
        for name, parameter in model.named_parameters():
            if "class_embed" in name or "enc_score_head" in name:
                parameter.copy_(torch.randn_like(parameter) * 0.6)
    model.save_pretrained(folder)
    RTDetrImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)
    return folder


def without_weights(folder: Path) -> Path:
    """The folder as a download that stopped leaves it."""
    (folder / "model.safetensors").unlink()
    return folder


def with_labels(folder: Path, names: dict[int, str]) -> Path:
    config = json.loads((folder / "config.json").read_text())
    config["id2label"] = {str(label): name for label, name in names.items()}
    (folder / "config.json").write_text(json.dumps(config))
    return folder
