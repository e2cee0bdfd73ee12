"""Starting the program must not wait for clients that it may not need."""

import subprocess
import sys


def test_adapters_are_imported_without_their_clients():
    code = (
        "import sys\n"
        "import rushes.infra.store.milvus, rushes.infra.store.verify, rushes.infra.cache.opening\n"
        "print(sorted({'pymilvus', 'milvus_lite', 'grpc', 'redis', 'pandas', 'torch'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_embedders_are_named_and_chosen_without_their_libraries():
    code = (
        "import sys\n"
        "import rushes.processors.embedding.families as families\n"
        "for name in ('clip', 'dinov2', 'dinov3', 'inception', 'internvit', 'onnx_embedder', 'siglip', 'timm_models',\n"
        "             'torch_embedder', 'vjepa2'):\n"
        "    __import__(f'rushes.processors.embedding.{name}')\n"
        "families.parse_model('dinov2:x')\n"
        "print(sorted({'torch', 'torchvision', 'transformers', 'timm', 'onnxruntime'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
