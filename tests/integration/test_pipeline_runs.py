"""What goes wrong while a pipeline runs is blamed on whom it belongs to."""

import os
from pathlib import Path

import pytest

from tests.forked_commands import ForkedCommands

pytestmark = pytest.mark.slow
SCRIPT = """
from rag_llm_system.domain.errors import BackendError
from tools.pipeline_runs import zenml_store
for error in (FileNotFoundError(2, "No such file", "/models/weights.onnx"), ConnectionResetError(104, "reset")):
    try:
        with zenml_store():
            raise error
    except OSError as caught:
        print(caught is error)
try:
    with zenml_store():
        raise OSError(5, "Input/output error")
except BackendError as caught:
    print(caught.message)
"""


def test_zenmls_folder_is_named_only_for_errors_of_its_own(forked: ForkedCommands, tmp_path: Path) -> None:
    script = tmp_path / "script.py"  # ZenML wants a main module that is a file
    script.write_text(SCRIPT)
    ran = forked.run([script], environment={**os.environ, "RAG_HOME": str(tmp_path / "home")})
    assert ran.stdout.splitlines()[:2] == ["True", "True"], ran.stderr
    assert f"ZenML failed on {tmp_path}/home/zenml" in ran.stdout
