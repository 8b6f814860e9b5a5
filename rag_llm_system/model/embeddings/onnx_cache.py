"""ONNX models built from weights, kept so that each is built once: checked by checksum, built under a lock.

A model stands in `<first 16 digits of the weights' SHA-256>-<precision>-v<GRAPH_VERSION>/`: model.onnx, manifest.json.
That of a reranker has `reranker-` before the precision.
"""

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from loguru import logger

from rag_llm_system.domain import errors
from rag_llm_system.domain.errors import BackendError, ConfigurationError, DiskFullError, RagError
from rag_llm_system.model.embeddings.bert_graph import GRAPH_VERSION
from rag_llm_system.model.embeddings.calibration import calibration_sha256
from rag_llm_system.model.embeddings.encoder_config import read_cross_encoder_config, read_encoder_config
from rag_llm_system.model.embeddings.onnx_kinds import Kind
from rag_llm_system.model.embeddings.weights import weights_sha256

MODEL_FILE, MANIFEST_FILE = "model.onnx", "manifest.json"

_BUILD_MODULE = "rag_llm_system.model.embeddings.onnx_build"
_PACKAGE_ROOT = str(Path(__file__).resolve().parents[3])


def built_model(
    *,
    weights_dir: Path,
    cache_dir: Path,
    precision: str,
    kind: Kind = "embedder",
    on_message: Callable[[str], None] = lambda _message: None,
) -> Path:
    """Gives the model.onnx of these weights in this precision, built now if it is not there, or is damaged.

    Several processes may ask at once: one builds, the others wait for it.

    Raises:
        ConfigurationError: the weights are of no kind that can be built, or the cache cannot be written.
        IntegrityError: the weights are damaged.
        DiskFullError: too little space for the model.
        BackendError: building ended without a result.
    """
    from filelock import FileLock

    expected = _expected_manifest(weights_dir, precision, kind)
    variant = precision if kind == "embedder" else f"{kind}-{precision}"
    folder = cache_dir / f"{expected['weights_sha256'][:16]}-{variant}-v{GRAPH_VERSION}"
    if _is_valid(folder, expected):
        return folder / MODEL_FILE
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not _is_valid(folder, expected):
                on_message(f"Preparing the {precision} {kind}, once; this takes some seconds")
                _build(folder, weights_dir, expected, kind)
    except OSError as error:
        raise _unwritable(cache_dir, error, kind) from error
    return folder / MODEL_FILE


def _expected_manifest(weights_dir: Path, precision: str, kind: Kind) -> dict[str, Any]:
    config = read_encoder_config(weights_dir) if kind == "embedder" else read_cross_encoder_config(weights_dir)
    return {
        "weights_sha256": weights_sha256(weights_dir),
        "precision": precision,
        "config": asdict(config),
        **({"calibration_sha256": calibration_sha256()} if precision == "batched-int8" else {}),
    }


def _is_valid(folder: Path, expected: dict[str, Any]) -> bool:
    try:
        manifest = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
        return bool(manifest == {**expected, "model_sha256": _sha256(folder / MODEL_FILE)})
    except (OSError, ValueError):
        return False


def _build(folder: Path, weights_dir: Path, expected: dict[str, Any], kind: Kind) -> None:
    """Builds beside `folder`, makes the result durable, then puts it in the place of what was there."""
    started = time.perf_counter()
    workplace = folder.with_name(f"{folder.name}.building")
    shutil.rmtree(workplace, ignore_errors=True)  # what a killed build left
    workplace.mkdir()
    try:
        _run_build(weights_dir, workplace, expected["precision"], kind)
        manifest = {**expected, "model_sha256": _sha256(workplace / MODEL_FILE)}
        (workplace / MANIFEST_FILE).write_text(json.dumps(manifest, indent=2), encoding="utf-8")
        for path in (workplace / MODEL_FILE, workplace / MANIFEST_FILE, workplace):
            _fsync(path)
        shutil.rmtree(folder, ignore_errors=True)
        workplace.rename(folder)
        _fsync(folder.parent)
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
    seconds = time.perf_counter() - started
    logger.info("onnx_model_built kind={} precision={} seconds={:.1f}", kind, expected["precision"], seconds)


def _run_build(weights_dir: Path, workplace: Path, precision: str, kind: Kind) -> None:
    """Builds in a child process: it needs memory for several copies of the weights, which should not stay with us."""
    paths = [_PACKAGE_ROOT, *filter(None, [os.environ.get("PYTHONPATH")])]
    result = subprocess.run(
        [sys.executable, "-P", "-m", _BUILD_MODULE, str(weights_dir), str(workplace / MODEL_FILE), precision, kind],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TMPDIR": str(workplace)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if result.returncode != 0:
        raise _what_the_child_said(result, kind)


def _what_the_child_said(result: "subprocess.CompletedProcess[bytes]", kind: Kind) -> RagError:
    with suppress(ValueError, KeyError, TypeError):
        report = json.loads(result.stdout)
        error: RagError = getattr(errors, report["error"])(report["message"])
        return error
    last_line = result.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    logger.error("onnx_build_failed kind={} code={} error={!r}", kind, result.returncode, last_line)
    how = f"was killed by signal {-result.returncode}" if result.returncode < 0 else f"ended with {result.returncode}"
    return BackendError(f"preparing the {kind} {how}; free memory, about 6 times the weights, and run it again")


def _unwritable(cache_dir: Path, error: OSError, kind: Kind) -> RagError:
    if error.errno == errno.ENOSPC:
        return DiskFullError(f"too little space to keep the {kind} in {cache_dir}; make room and run it again")
    what = f"the {kind} cannot be kept in {cache_dir} ({type(error).__name__})"
    return ConfigurationError(f"{what}; make the folder writable or set RAG_HOME to one that is")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fsync(path: Path) -> None:
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot open folders
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
