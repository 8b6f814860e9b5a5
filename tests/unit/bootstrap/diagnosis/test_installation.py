"""Which packages are there, and whether they are those of the lock."""

from collections.abc import Mapping

import pytest

from rag_llm_system.application.diagnosis.findings import Level
from rag_llm_system.bootstrap.diagnosis.installation import Installation, extras, packages, python, this_installation

REQUIREMENTS = (
    "alpha>=2",
    "beta",
    "never; python_version < '3'",
    "gamma[fast]>=1; extra == 'mongo'",
    "delta; extra == 'torch'",
    "alpha>=2; extra == 'torch'",
)
PINS = {"alpha": "2.1", "beta": "1.0", "gamma": "1.5", "delta": "1.0"}


def installation(pins: Mapping[str, str] = PINS, /, **versions: str) -> Installation:
    return Installation(REQUIREMENTS, ("mongo", "torch"), versions.get, pins)


def test_what_the_lock_says_is_as_it_must_be() -> None:
    finding = packages(installation(alpha="2.1", beta="1.0+cpu", gamma="1.5"))
    assert (finding.level, finding.found) == (Level.OK, "3 direct dependencies, as constraints.txt pins them")


@pytest.mark.parametrize(
    ("versions", "level", "found"),
    [
        ({"alpha": "2.1"}, Level.FAIL, "not installed: beta"),
        ({"alpha": "1.9", "beta": "1.0"}, Level.FAIL, "too old or too new: alpha 1.9"),
        ({"alpha": "2.2", "beta": "1.0"}, Level.WARN, "other versions than in constraints.txt: alpha 2.2 (2.1)"),
        ({"alpha": "2.1", "beta": "1.0", "gamma": "0.9"}, Level.FAIL, "too old or too new: gamma 0.9"),
        (
            {"alpha": "2.1", "beta": "1.0", "delta": "3"},
            Level.WARN,
            "other versions than in constraints.txt: delta 3 (1.0)",
        ),
    ],
)
def test_a_package_that_is_not_as_it_must_be_is_named(versions: dict[str, str], level: Level, found: str) -> None:
    finding = packages(installation(**versions))
    assert (finding.level, finding.found) == (level, found)
    assert "pip install" in finding.advice


def test_beside_a_wheel_there_is_no_lock_to_compare_with() -> None:
    assert packages(installation({}, alpha="7", beta="7")).found == "2 direct dependencies, in versions that fit"


def test_what_is_not_installed_at_all_is_said() -> None:
    assert packages(Installation((), (), lambda _: None)).level is Level.WARN


def test_an_extra_counts_as_there_when_all_of_it_is_and_the_others_say_what_they_are_for() -> None:
    assert (
        extras(installation(alpha="2.1", gamma="1.5")).found
        == "mongo; not installed: torch (other embedders, reranking)"
    )
    assert extras(installation(alpha="2.1")).found.startswith(
        "none; not installed: mongo (documents in MongoDB), torch"
    )
    assert extras(installation(alpha="2.1", gamma="1.5", delta="1")).found == "mongo, torch"


def test_this_very_installation_is_read() -> None:
    here = this_installation()
    assert "numpy" in {need.name for need in here.needed()}
    assert "all" not in here.extras
    assert packages(here).level is not Level.FAIL
    assert python().level is Level.OK
