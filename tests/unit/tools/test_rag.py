"""Asking: what takes long to import is not imported while the API may answer."""

import subprocess
import sys

HEAVY = ("httpx", "numpy", "onnxruntime", "psutil", "sqlalchemy", "tqdm", "zenml")


def test_asking_imports_nothing_that_only_answering_needs() -> None:
    look = f"import sys, tools.rag; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
