"""What all command lines share: one-line errors, exit codes, logging, paths relative to where the person stands."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from loguru import logger

from rag_llm_system.domain.errors import RagError

INTERRUPTED = 130


def run_tool(main: Callable[[], int | None]) -> None:
    """Runs a tool and ends the process: 0 when it worked, 1 after a one-line error, 130 after Ctrl-C or SIGTERM."""
    set_up_logging(os.environ.get("RAG_LOG_LEVEL", "WARNING"))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        code = main() or 0
        sys.stdout.flush()
    except RagError as error:
        print(f"error: {error.message}", file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        code = INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code)


def set_up_logging(level: str) -> None:
    """Sends log lines of that level and above to standard error, without variables' values in tracebacks."""
    logger.remove()
    logger.add(sys.stderr, level=level, format="{time:HH:mm:ss} {level} {message}", diagnose=False, backtrace=False)


def caller_path(path: str) -> Path:
    """Gives the absolute path of what was typed, seen from the folder in which it was typed."""
    return Path(os.environ.get("POE_PWD") or Path.cwd(), Path(path).expanduser()).absolute()


def resolved_link(link: str, folder: Path) -> str:
    """Gives an address as it is, and a path as an absolute path seen from that folder."""
    return link if "://" in link else str((folder / Path(link).expanduser()).resolve())
