"""Is installed what the lock says, and which extras?"""

import importlib.metadata
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from rag_llm_system.application.diagnosis.findings import Finding, fail, ok, warn

_CLONE = Path(__file__).resolve().parents[3]
_DISTRIBUTION = "rag_llm_system"
_OLDEST, _NEWEST = (3, 11), (3, 13)
_MEND = "run .venv/bin/pip install -c constraints.txt -e . (with extras: '.[mongo,postgres]')"
_MOST_NAMED = 5
_ALL = "all"
_PURPOSES = {
    "pipelines": "the pipelines",
    "mongo": "documents in MongoDB",
    "postgres": "documents in PostgreSQL",
    "qdrant": "a Qdrant server",
    "tracking": "runs in MLflow",
    "opik": "traces in Opik",
    "torch": "other embedders, reranking",
    "dev": "tests",
}


@dataclass(frozen=True, slots=True)
class Installation:
    """What this system asks for, what is there, and what the lock says.

    Args:
        requirements: as the installed distribution declares them, those of extras with their marker.
        extras: their names.
        version_of: gives the installed version of a package, or None.
        pins: canonical name -> version; empty where there is no lock, as beside an installed wheel.
    """

    requirements: Sequence[str]
    extras: Sequence[str]
    version_of: Callable[[str], str | None]
    pins: Mapping[str, str] = field(default_factory=dict)

    def needed(self, extra: str = "") -> list[Requirement]:
        """Gives what the extra asks for here; without a name what the base asks for."""
        wanted = [Requirement(line) for line in self.requirements]
        base = [need for need in wanted if need.marker is None or need.marker.evaluate({"extra": ""})]
        if not extra:
            return base
        return [need for need in wanted if need.marker and need.marker.evaluate({"extra": extra}) and need not in base]

    def has(self, extra: str) -> bool:
        """Whether all that the extra asks for is there."""
        return all(self.version_of(need.name) is not None for need in self.needed(extra))


def this_installation() -> Installation:
    """Gives the installation that this process runs in."""
    try:
        metadata = importlib.metadata.metadata(_DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return Installation((), (), _installed_version)
    requirements = metadata.get_all("Requires-Dist") or []
    extras = [name for name in metadata.get_all("Provides-Extra") or [] if name != _ALL]
    return Installation(requirements, extras, _installed_version, _read_pins(_CLONE / "constraints.txt"))


def python() -> Finding:
    """Says which Python runs this, and whether it is one that this system knows."""
    version = ".".join(map(str, sys.version_info[:3]))
    found = f"{version} in {sys.prefix}"
    if _OLDEST <= sys.version_info[:2] <= _NEWEST:
        return ok(found)
    return fail(found, "use Python 3.11, 3.12 or 3.13: PYTHON=/path/to/python ./poe quickstart")


def packages(installation: Installation) -> Finding:
    """Says whether the direct dependencies, those of complete extras too, are there in the versions of the lock."""
    needed = {canonicalize_name(need.name): need for need in installation.needed()}
    if not needed:
        return warn(f"{_DISTRIBUTION} is not installed in {sys.prefix}", _MEND)
    if missing := [name for name in sorted(needed) if installation.version_of(name) is None]:
        return fail(f"not installed: {_some(missing)}", _MEND)
    for extra in filter(installation.has, installation.extras):
        needed.update({canonicalize_name(need.name): need for need in installation.needed(extra)})
    versions = {name: installation.version_of(name) or "" for name in sorted(needed)}
    unfit = [name for name, version in versions.items() if not needed[name].specifier.contains(version, True)]
    if unfit:
        return fail(f"too old or too new: {_some([f'{name} {versions[name]}' for name in unfit])}", _MEND)
    strays = [
        f"{name} {version} ({installation.pins[name]})"
        for name, version in versions.items()
        if name in installation.pins and Version(version).public != installation.pins[name]
    ]
    if strays:
        return warn(f"other versions than in constraints.txt: {_some(strays)}", _MEND)
    how = "as constraints.txt pins them" if installation.pins else "in versions that fit"
    return ok(f"{len(versions)} direct dependencies, {how}")


def extras(installation: Installation) -> Finding:
    """Says which extras are there, and what the others are for."""
    present = [name for name in installation.extras if installation.has(name)]
    absent = [name for name in installation.extras if name not in present]
    named = ", ".join(f"{name} ({_PURPOSES[name]})" if name in _PURPOSES else name for name in absent)
    parts = [", ".join(present) or "none", *([f"not installed: {named}"] if absent else [])]
    return ok("; ".join(parts))


def _installed_version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _read_pins(path: Path) -> dict[str, str]:
    """Gives the pins that hold for this Python on this platform."""
    pins: dict[str, str] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return pins
    for line in lines:
        try:
            pin = Requirement(line)
        except InvalidRequirement:
            continue
        if pin.marker is None or pin.marker.evaluate():
            pins[canonicalize_name(pin.name)] = str(pin.specifier).removeprefix("==")
    return pins


def _some(names: Sequence[str]) -> str:
    n_more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {n_more} more" if n_more > 0 else "")
