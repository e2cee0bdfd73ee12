"""Importing facenet-pytorch without torch's compiler, which it never uses."""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from facenet_pytorch import MTCNN

_COMPILER: Final = "torch._dynamo"
_ASKED_OF_IT: Final = "is_compile_supported"


def mtcnn_class() -> "type[MTCNN]":
    """The class MTCNN.

    facenet-pytorch imports torchvision for its non-maximum suppression; torchvision's `roi_align` imports torch's
    compiler to ask whether it may compile itself, and with it sympy, distributed tensors and more: 3.6 of 7.2 CPU
    seconds. While it is imported for the first time, an answer "no" stands in the compiler's place.
    """
    if _COMPILER in sys.modules or "torchvision" in sys.modules:
        return _imported()
    package, answers = ModuleType(_COMPILER), ModuleType(f"{_COMPILER}.utils")
    package.__path__ = []
    setattr(package, "utils", answers)  # noqa: B010 - modules have no such attribute for mypy
    setattr(answers, _ASKED_OF_IT, lambda _device: False)
    stand_ins = {package.__name__: package, answers.__name__: answers}
    import_module("torch")  # first: torch itself must not meet the stand-ins
    if _COMPILER in sys.modules:  # another torch, which needs its compiler from the start
        return _imported()
    sys.modules.update(stand_ins)
    try:
        import_module("torchvision.ops")
    except ImportError:  # another torchvision, which asks for more: it gets the compiler
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
    finally:
        for name in stand_ins:
            sys.modules.pop(name, None)
    return _imported()


def _imported() -> "type[MTCNN]":
    from facenet_pytorch import MTCNN  # noqa: PLC0415 - imports torch: only where faces are looked for

    found: type[MTCNN] = MTCNN
    return found
