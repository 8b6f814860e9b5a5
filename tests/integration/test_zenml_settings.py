"""Settings in ZenML's secret store are written, read and deleted when asked for, and only then."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.forked_commands import ForkedCommands

STORED = """
import json
from steps.zenml_environment import create_zenml_store_once
create_zenml_store_once()
from zenml.client import Client
print(json.dumps(Client().get_secret("settings").secret_values))
"""


@dataclass(frozen=True)
class House:
    """A RAG_HOME and what is typed there."""

    home: Path
    forked: ForkedCommands

    def run(self, *options: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return self.python("-m", "tools.run", *options, **environment)

    def python(self, *command: object, **environment: str) -> "subprocess.CompletedProcess[str]":
        inherited = {key: value for key, value in os.environ.items() if key != "EMBED_BACKEND"}  # it is a setting
        return self.forked.run(command, environment={**inherited, "RAG_HOME": str(self.home), **environment})

    def stored_settings(self) -> dict[str, str]:
        script = self.home / "stored.py"  # ZenML wants a main module that is a file
        script.write_text(STORED)
        values: dict[str, str] = json.loads(self.python(script).stdout)
        return values


@pytest.fixture(scope="module")
def house(forked: ForkedCommands, tmp_path_factory: pytest.TempPathFactory) -> House:
    house = House(tmp_path_factory.mktemp("home"), forked)
    made = house.run("--export-settings", TOP_K="9", OPENAI_API_KEY="hush-hush", REDIS_URL="")
    assert (made.returncode, made.stderr) == (0, "")
    assert "OPENAI_API_KEY, TOP_K" in made.stdout
    assert "hush" not in made.stdout
    return house


def test_only_what_is_set_is_written(house: House) -> None:
    assert house.stored_settings() == {"OPENAI_API_KEY": "hush-hush", "TOP_K": "9"}


def test_a_secret_counts_as_a_setting_when_asked_for_and_the_environment_wins(house: House) -> None:
    # The secret is read first: with all its settings in the environment, what is exported again is both together.
    again = house.run("--settings-from-zenml", "--export-settings", TOP_K="5", DATABASE_NAME="other")
    assert (again.returncode, again.stderr) == (0, "")
    assert house.stored_settings() == {"DATABASE_NAME": "other", "OPENAI_API_KEY": "hush-hush", "TOP_K": "5"}


def test_exporting_again_takes_out_what_is_no_longer_set_and_deleting_takes_all(house: House) -> None:
    assert house.run("--export-settings", TOP_K="7").returncode == 0
    assert house.stored_settings() == {"TOP_K": "7"}
    assert house.run("--delete-settings").returncode == 0
    for option in ("--delete-settings", "--settings-from-zenml"):
        refused = house.run(option, "--run-feature-engineering")
        assert refused.returncode == 1
        assert refused.stderr.startswith("error: ZenML keeps no secret called 'settings'")


def test_with_nothing_set_there_is_nothing_to_export(forked: ForkedCommands, tmp_path: Path) -> None:
    refused = House(tmp_path, forked).run("--export-settings")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: No setting is set")
