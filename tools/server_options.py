"""The options that both servers have."""

import argparse
import os
import signal
import sys
import threading


def server_options(prog: str, description: str | None, default_port: int) -> argparse.Namespace:
    """Reads the command line: `port` and `quiet`."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument(
        "--port", type=int, default=default_port, help="0 takes one that is free (default: %(default)s)"
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing when ready")
    parser.add_argument("--stop-with-stdin", action="store_true", help="stop when standard input is closed")
    options = parser.parse_args()
    if options.stop_with_stdin:
        threading.Thread(target=_stop_with_stdin, daemon=True).start()
    return options


def _stop_with_stdin() -> None:
    """Ends this process gracefully when whoever started it is gone, killed without a word even."""
    os.read(sys.stdin.fileno(), 1)
    os.kill(os.getpid(), signal.SIGTERM)
