"""Looking for faces does not load torch's compiler, and leaves it as it was for who wants it."""

import subprocess
import sys

SCRIPT = """
import sys
import numpy as np
from rushes.processors.faces.mtcnn import MtcnnDetector
detector = MtcnnDetector()
detector.load()
detector.detect([np.zeros((64, 64, 3), np.uint8)])
print("torch._dynamo" in sys.modules, "sympy" in sys.modules)
import torch._dynamo
from torch._dynamo.utils import is_compile_supported
print(torch._dynamo.__file__ is not None, is_compile_supported.__module__)
"""


def test_faces_load_no_compiler_and_leave_it_importable():
    ended = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=120)
    assert ended.stdout.split() == ["False", "False", "True", "torch._dynamo.utils"]
