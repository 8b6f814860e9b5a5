"""Progress bars for long work, on standard error, gone when it is done."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

_SMOOTHING = 0.05


def tell(message: str) -> None:
    """Prints a line to standard error without breaking a bar that is drawn there."""
    tqdm.write(message, file=sys.__stderr__)


@contextmanager
def progress_bar(description: str, unit: str = "documents") -> Iterator[Callable[[int, int], None]]:
    """Gives a callback that takes how many are done and how many there are; draws nothing where nobody looks.

    The time that is left is guessed from the last twenty or so calls. It is a fair guess where equal counts take equal
    times: of embedding, which counts in "characters".
    """
    terminal = sys.__stderr__  # ZenML puts something of its own in the place of sys.stderr
    hidden = terminal is None or not terminal.isatty()
    in_thousands = unit == "characters"
    with tqdm(
        desc=description,
        unit=f" {unit}",
        unit_scale=in_thousands,
        smoothing=_SMOOTHING,
        leave=False,
        file=terminal,
        disable=hidden,
    ) as bar:

        def show(n_done: int, n_total: int) -> None:
            bar.total = n_total
            bar.update(n_done - bar.n)

        yield show
