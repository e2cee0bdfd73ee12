"""Memory of a backbone at work, beside the estimate that `rushes models` shows.

    python benchmarks/bench_model_memory.py [dinov2-s dinov2-b dinov2-l]

Each model is made with random weights in a process of its own and embeds one batch of the estimate's size in float32 on
the CPU. Measured is the highest resident memory over what the bare process had before it imported torch. What no model
adds, the libraries alone, is the first row.
"""

import argparse
import resource
import subprocess
import sys

import psutil
from environment import describe

from rushes.infra.weights.fit import BATCH, RUNTIME_BYTES, memory_needed
from rushes.infra.weights.registry import MODELS

SHAPES = {"dinov2-s": (384, 12, 6), "dinov2-b": (768, 12, 12), "dinov2-l": (1024, 24, 16)}
"""Width, layers and heads."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help=f"of {', '.join(SHAPES)}")
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone is not None:
        print(measured(arguments.alone))
        return
    print(describe("torch", "transformers"))
    print(f"{'model':<12}{'estimate MB':>14}{'measured MB':>14}{'estimate/measured':>20}")
    for name in ("libraries", *(arguments.models or SHAPES)):
        command = [sys.executable, __file__, "--alone", name]
        found = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])
        expected = RUNTIME_BYTES["torch"] if name == "libraries" else memory_needed(MODELS[name])
        print(f"{name:<12}{expected / 1e6:>14,.0f}{found / 1e6:>14,.0f}{expected / found:>20.2f}")


def measured(name: str) -> int:
    """Bytes that this process took at most, over what it had at first."""
    before = psutil.Process().memory_info().rss
    import torch  # noqa: PLC0415 - its memory is a part of what is measured
    from transformers import Dinov2Config, Dinov2Model  # noqa: PLC0415

    if name != "libraries":
        width, layers, heads = SHAPES[name]
        config = Dinov2Config(
            hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, image_size=518, patch_size=14
        )
        model = Dinov2Model(config).eval()
        with torch.inference_mode():
            model(torch.zeros(BATCH, 3, 224, 224))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) - before


if __name__ == "__main__":
    main()
