"""Prints docs/settings.md: every setting with its default, made from the fields of Settings."""

from pydantic_core import PydanticUndefined

from rag_llm_system.settings import Settings, known_keys
from tools.command_line import run_tool

_HEADER = """# Settings

Made from `rag_llm_system/settings.py` by `python -m tools.settings_page`; a test compares the two.

Values come from the environment, then from `.env` in the working directory, then from the defaults. A key that starts
with `RAG_` and is not listed here is refused. Keys that are marked as not in use yet are known names that
nothing reads so far.

| key | default | what it does |
| --- | --- | --- |"""


def main() -> None:
    """Prints the page."""
    print(settings_page())


def settings_page() -> str:
    """Gives the page as Markdown."""
    rows = []
    for name, field in Settings.model_fields.items():
        keys = " or ".join(f"`{key}`" for key, field_name in known_keys().items() if field_name == name)
        default = "" if field.default in (None, PydanticUndefined) else f"`{field.default}`"
        in_use = (field.json_schema_extra or {"in_use": True}) == {"in_use": True}
        rows.append(f"| {keys} | {default} | {field.description}{'' if in_use else ' *Not in use yet.*'} |")
    return "\n".join([_HEADER, *rows])


if __name__ == "__main__":
    run_tool(main)
