"""The options that both servers have."""

import argparse


def server_options(prog: str, description: str | None, default_port: int) -> argparse.Namespace:
    """Reads the command line: `port` and `quiet`."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument(
        "--port", type=int, default=default_port, help="0 takes one that is free (default: %(default)s)"
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing when ready")
    return parser.parse_args()
