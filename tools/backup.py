"""Writes documents, authors, the embedded index and the settings, without secrets, into one file.

Nothing has to be stopped for it. The file is an ordinary .tar.zst unless it is encrypted: RAG_BACKUP_PASSPHRASE, or
--encrypt. It keeps what is deleted later: delete old backups too.
"""

import argparse
import getpass

from rag_llm_system.bootstrap.backup import back_up
from rag_llm_system.domain.backups import BackupDescription
from rag_llm_system.domain.errors import InputError
from rag_llm_system.domain.ports.backup import Progress
from rag_llm_system.settings import Settings, load_settings
from steps.progress import progress_bar
from tools.command_line import caller_path, run_tool


def main() -> None:
    """Backs up and prints what is in the file."""
    parser = argparse.ArgumentParser(prog="poe backup", description=__doc__)
    parser.add_argument("file", metavar="FILE", help="such as twin.tar.zst; it must not be there yet")
    parser.add_argument(
        "--encrypt", action="store_true", help="ask for a passphrase where RAG_BACKUP_PASSPHRASE is not set"
    )
    parser.add_argument("--force", action="store_true", help="replace a file of that name once the new one is whole")
    arguments = parser.parse_args()
    settings, path = load_settings(), caller_path(arguments.file)
    passphrase = _passphrase(settings, arguments.encrypt)
    with progress_bar("index", unit="MB") as on_index, progress_bar("documents") as on_documents:
        description = back_up(
            settings,
            path,
            passphrase=passphrase,
            replace=arguments.force,
            on_index=in_megabytes(on_index),
            on_documents=on_documents,
        )
    print(*backup_lines(description), sep="\n")
    how = "encrypted" if passphrase else "not encrypted"
    print(f"{path}: {_size_text(path.stat().st_size)}, {how}")


def in_megabytes(show: Progress) -> Progress:
    """Gives what takes bytes and shows megabytes."""
    return lambda n_done, n_all: show(round(n_done / 1e6), round(n_all / 1e6))


def backup_lines(description: BackupDescription) -> list[str]:
    """Says what a backup holds, a line each."""
    lines = [f"{n:>9,}  {name.replace('_', ' ')}" for name, n in description.counts.items() if n]
    return [*lines, *(f"note: {note}" for note in description.notes)]


def _size_text(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.1f} MB" if n_bytes >= 1e6 else f"{n_bytes / 1e3:.1f} KB"


def _passphrase(settings: Settings, ask: bool) -> str | None:
    if settings.rag_backup_passphrase:
        return settings.rag_backup_passphrase.get_secret_value()
    if not ask:
        return None
    typed = getpass.getpass("passphrase: ")
    if not typed or typed != getpass.getpass("the same again: "):
        raise InputError("the passphrase is empty, or the two differ: run it again")
    return typed


if __name__ == "__main__":
    run_tool(main)
