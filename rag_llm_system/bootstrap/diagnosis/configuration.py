"""Which settings hold, and where they come from: names, never values."""

from pathlib import Path

from rag_llm_system.application.diagnosis.findings import Finding, info, ok
from rag_llm_system.settings import Settings, known_keys
from rag_llm_system.settings_files import ENV_FILE


def settings_in_use(settings: Settings) -> Finding:
    """Says which profile is active, where `.env` is, and which settings differ from the defaults."""
    env_file = Path(ENV_FILE).absolute()
    sources = [
        f"profile {settings.rag_profile}" if settings.rag_profile else "no profile",
        str(env_file) if env_file.is_file() else "no .env",
    ]
    changed = _changed_fields(settings)
    idle = [name for name in changed if not _is_in_use(name)]
    changes = f"other than default: {', '.join(map(_key, changed))}" if changed else "all as by default"
    found = f"{', '.join(sources)}; {changes}"
    if idle:
        return info(f"{found}; nothing reads yet: {', '.join(map(_key, idle))}")
    return ok(found)


def _changed_fields(settings: Settings) -> list[str]:
    defaults = {name: field.get_default(call_default_factory=True) for name, field in Settings.model_fields.items()}
    del defaults["rag_profile"]
    return [name for name, default in defaults.items() if getattr(settings, name) != default]


def _key(field_name: str) -> str:
    return next(key for key, name in known_keys().items() if name == field_name)


def _is_in_use(field_name: str) -> bool:
    return (Settings.model_fields[field_name].json_schema_extra or {"in_use": True}) == {"in_use": True}
