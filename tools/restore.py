"""Restores a backup that ./poe backup wrote, into an empty home (RAG_HOME) and the stores that the settings name.

The file is checked to its end before anything is written. Stop servers and pipelines that use this home first: where
they saved something meanwhile, nothing is restored.
"""

import argparse
import getpass
import sys
from pathlib import Path

from rag_llm_system.bootstrap.backup import check_backup, needs_passphrase, restore
from rag_llm_system.settings import Settings, load_settings
from steps.progress import progress_bar
from tools.backup import backup_lines, in_megabytes
from tools.command_line import caller_path, run_tool


def main() -> None:
    """Restores, or only checks, and prints what was in the file."""
    parser = argparse.ArgumentParser(prog="poe restore", description=__doc__)
    parser.add_argument("file", metavar="FILE", help="the backup")
    parser.add_argument("--check", action="store_true", help="only say whether it is sound, and what it holds")
    arguments = parser.parse_args()
    settings, path = load_settings(), caller_path(arguments.file)
    passphrase = _passphrase(settings, path)
    with progress_bar("checking", unit="MB") as on_check, progress_bar("restoring", unit="MB") as on_restore:
        if arguments.check:
            description = check_backup(path, passphrase=passphrase, on_progress=in_megabytes(on_check))
            notes = description.notes
        else:
            report = restore(
                settings,
                path,
                passphrase=passphrase,
                on_check=in_megabytes(on_check),
                on_restore=in_megabytes(on_restore),
            )
            description, notes = report.description, report.notes
    print(*backup_lines(description.model_copy(update={"notes": notes})), sep="\n")
    what = "is sound" if arguments.check else f"was restored into {settings.home}"
    print(f"{path} of {description.created_at}, written by version {description.program}, {what}")


def _passphrase(settings: Settings, path: Path) -> str | None:
    """Gives the passphrase that the settings say or, for an encrypted file, a person types; None: there is none."""
    if settings.rag_backup_passphrase:
        return settings.rag_backup_passphrase.get_secret_value()
    if needs_passphrase(path) and sys.stdin.isatty():
        return getpass.getpass("passphrase: ")
    return None


if __name__ == "__main__":
    run_tool(main)
