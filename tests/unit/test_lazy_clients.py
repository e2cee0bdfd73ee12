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
