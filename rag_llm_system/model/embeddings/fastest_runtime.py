"""Which way to compute is chosen on this CPU, and remembered beside the models.

A CPU that multiplies 8-bit integers in one instruction (VNNI) needs no test: int8 is the fastest there, OpenVINO's
before ONNX Runtime's. On any other CPU each way is tried once, for some milliseconds (`speed_test`), and what was found
stays in `fastest-<16 digits>.json`. The digits stand for the CPU, the weights, the ways there were and the versions of
what computes, so a models folder that moves to another machine is tested there anew.
"""

import hashlib
import importlib.util
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from loguru import logger

from rag_llm_system.domain.errors import BackendError, ConfigurationError
from rag_llm_system.model.embeddings.onnx_kinds import Precision, Runtime
from rag_llm_system.model.embeddings.weights import weights_sha256

_TEST_MODULE = "rag_llm_system.model.embeddings.speed_test"
_PACKAGE_ROOT = str(Path(__file__).resolve().parents[3])
_INT8_INSTRUCTIONS = {"avx512_vnni", "avx_vnni"}
_LEAST_COSINE = 0.95
_EXACT: Runtime = "onnx-fp32"
_TEST_TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class Cpu:
    """What a processor calls itself, and which instructions it says it has, in alphabetical order."""

    name: str
    instructions: tuple[str, ...]

    @property
    def multiplies_int8(self) -> bool:
        """Whether int8 is known to be the fastest there is."""
        return not _INT8_INSTRUCTIONS.isdisjoint(self.instructions)


def this_cpu() -> Cpu:
    """Gives the processor of this machine; where the system lists no instructions, none are known."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    name = fields.get("model name") or platform.processor() or platform.machine()
    return Cpu(name, tuple(sorted({*fields.get("flags", fields.get("Features", "")).split()})))


@dataclass(frozen=True, slots=True)
class Choice:
    """What reads long texts, and with which precision ONNX Runtime reads short ones where that is OpenVINO."""

    runtime: Runtime
    short_precision: Precision


def possible_runtimes() -> list[Runtime]:
    """Gives the ways to compute that are installed, the one that is fastest on most CPUs first."""
    with_openvino: list[Runtime] = ["openvino-int8", "openvino-bf16"] if importlib.util.find_spec("openvino") else []
    return [*with_openvino, "onnx-int8", "onnx-fp32"]


def fastest_runtime(
    *,
    weights_dir: Path,
    cache_dir: Path,
    runtimes: Sequence[Runtime],
    cpu: Cpu,
    on_message: Callable[[str], None] = lambda _message: None,
) -> Choice:
    """Gives what is chosen, tested now if it has to be and never was.

    Several processes may ask at once: one tests, the others wait for it.

    Raises:
        ConfigurationError: the cache cannot be written.
        IntegrityError: the weights cannot be read.
        BackendError: the test ended without a result.
    """
    from filelock import FileLock

    if cpu.multiplies_int8:
        return Choice(runtimes[0], "int8")
    key = {"cpu": asdict(cpu), "runtimes": [*runtimes], "versions": _versions(), "weights": weights_sha256(weights_dir)}
    digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
    file = cache_dir / f"fastest-{digest}.json"
    if (known := _remembered(file, runtimes)) is not None:
        return known
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{file}.lock"):
            if (known := _remembered(file, runtimes)) is not None:
                return known
            on_message("Trying how this CPU embeds fastest, once; this takes some seconds")
            measured = _run_test(weights_dir, runtimes)
            chosen = choose(measured, runtimes)
            found = {**asdict(chosen), "cpu": cpu.name, "versions": _versions(), "measured": measured}
            half_written = file.with_suffix(".new")
            half_written.write_text(json.dumps(found, indent=1), encoding="utf-8")
            half_written.replace(file)
    except OSError as error:
        what = f"what was found about this CPU cannot be kept in {cache_dir} ({type(error).__name__})"
        raise ConfigurationError(f"{what}; make the folder writable or set EMBED_BACKEND=onnx") from error
    logger.info("embedder_chosen runtime={} short={} cpu={!r}", chosen.runtime, chosen.short_precision, cpu.name)
    return chosen


def choose(measured: Mapping[str, Mapping[str, float]], runtimes: Sequence[Runtime]) -> Choice:
    """Gives the fastest of the runtimes whose vectors are near those of float32; of equal ones the first.

    On x86 without VNNI int8 products may saturate, and vectors then are rough.
    """
    near = [runtime for runtime in runtimes if measured[runtime]["cosine"] >= _LEAST_COSINE]
    ranked = sorted(near, key=lambda runtime: -measured[runtime]["tokens_per_cpu_s"])
    on_onnx = [runtime for runtime in ranked if runtime.startswith("onnx-")]
    return Choice((ranked or [_EXACT])[0], "int8" if on_onnx[:1] == ["onnx-int8"] else "fp32")


def _remembered(file: Path, runtimes: Sequence[Runtime]) -> Choice | None:
    """Gives what was chosen before; None where nothing was, or where the file is damaged."""
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        choice = Choice(stored["runtime"], stored["short_precision"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return choice if choice.runtime in runtimes and choice.short_precision in ("int8", "fp32") else None


def _versions() -> dict[str, str]:
    found = {}
    for package in ("onnxruntime", "openvino"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _run_test(weights_dir: Path, runtimes: Sequence[Runtime]) -> dict[str, dict[str, float]]:
    paths = [_PACKAGE_ROOT, *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [sys.executable, "-P", "-m", _TEST_MODULE, str(weights_dir), *runtimes]
    try:
        result = subprocess.run(
            command,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=_TEST_TIMEOUT_S,
        )
        found: dict[str, dict[str, float]] = json.loads(result.stdout)
    except (subprocess.SubprocessError, ValueError) as error:
        logger.error("embedder_speed_test_failed error={}", type(error).__name__)
        what = f"the test of how this CPU embeds fastest failed ({type(error).__name__})"
        raise BackendError(f"{what}; set EMBED_BACKEND=onnx") from None
    return found
