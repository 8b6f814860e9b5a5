"""The day on which a document was published, as a number that an index can compare: 20240301 is 1 March 2024."""

import re
from datetime import date

PUBLISHED_DAY = "published_day"
"""The payload field of a window that holds the number; absent where the day is not known."""

_DATE = re.compile(r"\s*(\d{4})(?:([-/.])(\d{1,2})(?:\2(\d{1,2}))?(?!\d)|(\d{2})(\d{2})(?!\d))")


def day_number(day: date) -> int:
    """Gives the number of a day; later days have higher numbers."""
    return 10_000 * day.year + 100 * day.month + day.day


def published_day(written: object) -> int | None:
    """Gives the number of the day that a date begins with, as pages and feeds write it; None where it is no such date.

    Year first, as in 2024-03-01T09:30:00Z, 2024/3/1 or 20240301. A date without a day means the first of that month. A
    year alone says too little: nothing is guessed from it, and neither from 03/01/2024, which means two days.
    """
    match = _DATE.match(written) if isinstance(written, str) else None
    if match is None:
        return None
    year, month, day = match[1], match[3] or match[5], match[4] or match[6] or 1
    try:
        return day_number(date(int(year), int(month), int(day)))
    except ValueError:
        return None
