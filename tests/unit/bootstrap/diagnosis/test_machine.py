"""The machine, as far as every machine has it."""

from pathlib import Path

import pytest

from rag_llm_system.application.diagnosis.findings import Level
from rag_llm_system.bootstrap.diagnosis import machine


@pytest.mark.parametrize(
    ("instruction_sets", "said"),
    [
        ({"sse2", "avx2", "avx512f", "avx512_vnni"}, "AVX-512 VNNI, the int8 embedder is fast"),
        ({"avx2", "avx_vnni"}, "AVX VNNI, the int8 embedder is fast"),
        ({"fp", "asimd", "asimddp"}, "dot products, the int8 embedder is fast"),
        ({"sse2", "avx2"}, "AVX2 without VNNI, see whether RAG_EMBED_PRECISION=fp32 is as fast"),
        (set(), "nothing known that speeds int8 up"),
    ],
)
def test_instruction_sets_decide_whether_int8_is_fast(instruction_sets: set[str], said: str) -> None:
    assert machine.int8_support(frozenset(instruction_sets)) == said


def test_this_machine_can_be_described() -> None:
    assert machine.cpu().level is Level.INFO
    assert " GB free of " in machine.memory().found
    assert machine.chromium().level is Level.INFO


def test_a_program_that_is_missing_is_a_warning_with_advice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    finding = machine.git()
    assert finding.level is Level.WARN
    assert "apt install git" in finding.advice
    assert machine.chromium().found.startswith("not found")


def test_the_version_of_a_program_that_is_there_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "git"
    program.write_text("#!/bin/sh\necho git version 9.9.9\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.git().found == "9.9.9"
