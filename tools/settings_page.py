"""Prints docs/settings.md: every setting with its default, made from the fields of Settings and from the profiles."""

import inspect
import re
from pathlib import Path

from dotenv import dotenv_values
from pydantic_core import PydanticUndefined

from rag_llm_system.settings import Settings, known_keys
from tools.command_line import run_tool

_PROFILES = Path(__file__).resolve().parent.parent / "configs" / "profiles"
_NAMES = ("laptop", "server", "edge")
_COLUMNS = "| key | default | what it does |\n| --- | --- | --- |"
_HEADER = """# Settings

Made from `rag_llm_system/settings.py` and `configs/profiles` by `python -m tools.settings_page`; a test compares them.

Values come from the environment, then from `.env` in the working directory, then from the profile, then from the
defaults. A key that starts with `RAG_` and is not listed here is refused. Keys that are marked as not in use yet are
known names that nothing reads so far. `.env.example` shows the keys that are set most often; `./poe doctor` says which
are set, and whether what they lead to can be used."""
_ABOUT_PROFILES = """## Profiles

A profile is a whole set of settings for a kind of machine: `RAG_PROFILE=server` loads `configs/profiles/server.env`
beneath `.env` and the environment, so that both can still change each value, and an empty one takes the profile's back:
with `DATABASE_HOST=` in `.env` the server profile leaves room for `DATABASE_URL`. A path to a file of your own works
too: `RAG_PROFILE=/etc/rag/office.env`. An installed wheel brings no profiles: there, give a path, or have
`configs/profiles` in the working directory. Without a profile the defaults hold, which are those of `laptop`. What each
profile sets:
"""


def main() -> None:
    """Prints the page."""
    print(settings_page())


def settings_page() -> str:
    """Gives the page as Markdown."""
    sections = [_HEADER, f"{_ABOUT_PROFILES}\n{_profile_table()}"]
    for heading, names in _fields_by_heading().items():
        rows = "\n".join(map(_row, names))
        sections.append(f"## {heading[0].upper()}{heading[1:]}\n\n{_COLUMNS}\n{rows}")
    return "\n\n".join(sections)


def _profile_table() -> str:
    profiles = {name: dotenv_values(_PROFILES / f"{name}.env") for name in _NAMES}
    in_use = {key for values in profiles.values() for key in values}
    lines = [f"| key | {' | '.join(f'`{name}`' for name in _NAMES)} |", "| --- " * (1 + len(_NAMES)) + "|"]
    for key, field_name in known_keys().items():
        if key in in_use:
            default = _shown_default(field_name)
            cells = [f"`{profiles[name][key]}`" if key in profiles[name] else default for name in _NAMES]
            lines.append(f"| `{key}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def _fields_by_heading() -> dict[str, list[str]]:
    """Gives the fields under the comments that stand above them in the source."""
    groups: dict[str, list[str]] = {}
    for line in inspect.getsource(Settings).splitlines():
        if heading := re.match(r"    # --- (.+)", line):
            names = groups[heading[1]] = []
        elif (field := re.match(r"    (\w+): ", line)) and field[1] in Settings.model_fields:
            names.append(field[1])
    return groups


def _row(field_name: str) -> str:
    field = Settings.model_fields[field_name]
    keys = " or ".join(f"`{key}`" for key, name in known_keys().items() if name == field_name)
    in_use = (field.json_schema_extra or {"in_use": True}) == {"in_use": True}
    description = f"{field.description}{'' if in_use else ' *Not in use yet.*'}"
    return f"| {keys} | {_shown_default(field_name)} | {description} |"


def _shown_default(field_name: str) -> str:
    default = Settings.model_fields[field_name].default
    return "" if default in (None, PydanticUndefined, "") else f"`{default}`"


if __name__ == "__main__":
    run_tool(main)
