"""What all command lines share: one-line errors, exit codes, logging, paths relative to where the person stands."""

import getpass
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from loguru import logger

from rag_llm_system.domain.errors import ConfigurationError, InputError, RagError
from rag_llm_system.domain.links import holds_password, without_credentials
from rag_llm_system.settings import load_settings

INTERRUPTED = 130
_GIT_OVER_SSH = re.compile(r"[\w.-]+@[\w.-]+:")
"""How git writes addresses beside URLs: git@example.org:ada/notes.git."""


def run_tool(main: Callable[[], int | None], *, works_without_settings: bool = False) -> None:
    """Runs a tool and ends the process: 0 when it worked, 1 after a one-line error, 130 after Ctrl-C or SIGTERM.

    Args:
        works_without_settings: run it also where the settings cannot be used, since it is there to say so.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):  # SIGHUP: the terminal was closed
        signal.signal(number, signal.default_int_handler)
    try:
        set_up_logging(_log_level(works_without_settings))
        code = main() or 0
        sys.stdout.flush()
    except RagError as error:
        code = _failed(error.message)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        code = INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except Exception as error:
        logger.opt(exception=True).debug("unforeseen_error")
        code = _failed(
            f"unforeseen ({type(error).__name__}: {error}): please report it; RAG_LOG_LEVEL=DEBUG shows where"
        )
    sys.exit(code)


def _log_level(works_without_settings: bool) -> str:
    try:
        return load_settings().rag_log_level
    except ConfigurationError:
        if works_without_settings:
            return "WARNING"
        raise


def _failed(message: str) -> int:
    print(f"error: {' '.join(message.splitlines())}", file=sys.stderr)
    return 1


def set_up_logging(level: str) -> None:
    """Sends log lines of that level and above to standard error, without variables' values in tracebacks."""
    logger.remove()
    logger.add(sys.stderr, level=level, format="{time:HH:mm:ss} {level} {message}", diagnose=False, backtrace=False)


def caller_path(path: str) -> Path:
    """Gives the absolute path of what was typed, seen from the folder in which it was typed.

    Raises:
        InputError: it starts with the home folder of somebody who is not known here.
    """
    return Path(os.environ.get("POE_PWD") or Path.cwd(), _expanded(path)).absolute()


def login_name() -> str:
    """Gives who is logged in; in a container a user may have a number and no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def resolved_link(link: str, folder: Path) -> str:
    """Gives an address as it is, and a path (git+PATH too) as an absolute path seen from that folder.

    Raises:
        InputError: the link is blank, or holds a password.
    """
    if not link.strip():
        raise InputError("A link is blank: give a file, a folder or an address.")
    if holds_password(link):
        what = f"{without_credentials(link)} was given with a password, and links are kept: take it out"
        raise InputError(f"{what}; tokens for git hosts go into RAG_GIT_TOKENS.")
    if "://" in link or _GIT_OVER_SSH.match(link):
        return link
    kind, path = ("git+", link[4:]) if link.startswith("git+") else ("", link)
    return kind + str((folder / _expanded(path)).resolve())


def _expanded(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise InputError(f"{path} is in the home folder of nobody who is known here: give another path.") from None
