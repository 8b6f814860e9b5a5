"""Spans of time as people write them: "since 2023", "before March 2024", "last year", "between 2020 and 2022"."""

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from rag_llm_system.application.rag.search_scope import Period

_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_name) if name}
_MONTHS |= {name[:3]: number for name, number in _MONTHS.items()} | {"sept": 9}
_MONTH = rf"(?:{'|'.join(sorted(_MONTHS, key=len, reverse=True))})\b\.?"
_YEAR = r"(?:19|20)\d\d"
_DAY = r"[0-3]?\d(?:st|nd|rd|th)?"
_POINT = (
    rf"(?:{_YEAR}-[01]\d(?:-[0-3]\d)?|{_DAY}\s(?:of\s)?{_MONTH},?\s{_YEAR}|{_MONTH}\s{_DAY},?\s{_YEAR}"
    rf"|{_MONTH},?\s(?:of\s)?{_YEAR}|{_YEAR})(?![\w-])"
)
_NUMBERS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10}
_NUMBER = "|".join(_NUMBERS)
_UNIT_DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}
_NOW = r"(?:today|now|date|(?:the\s)?present)"
_WITHIN = r"(?:(?:in|during|over|within|from)\s)?(?:the\s)?"


@dataclass(frozen=True, slots=True)
class WrittenPeriod:
    """A span of time that stands at [start, end) of a question; `opening` is its first word, in lower case."""

    start: int
    end: int
    opening: str
    period: Period


def written_periods(text: str, today: date) -> Iterator[WrittenPeriod]:
    """Gives the spans of time in a text from left to right; of those that overlap the one that says most.

    Args:
        text: single-spaced.
        today: what "last year" is reckoned from, whole years, months and weeks (from Monday) at a time.
    """
    at = 0
    while at < len(text):
        found = [
            (match.start(), order, match)
            for order, shape in enumerate(_SHAPES)
            if (match := shape.search(text, at)) is not None
        ]
        if not found:
            return
        _, order, match = min(found, key=lambda one: one[:2])
        period = _PERIODS[order](match, today)
        if period is not None:
            yield WrittenPeriod(match.start(), match.end(), match.group().split(" ")[0].lower(), period)
        at = match.end()


def _between(match: re.Match[str], _today: date) -> Period | None:
    first, last = _days_of(match["low"]), _days_of(match["high"])
    return Period(first[0], last[1]) if first and last and first[0] <= last[1] else None


def _from_on(match: re.Match[str], _today: date) -> Period | None:
    days = _days_of(match["point"])
    if days is None:
        return None
    return Period(first=days[1] + timedelta(1) if match["opening"].lower() == "after" else days[0])


def _from_to_now(match: re.Match[str], _today: date) -> Period | None:
    days = _days_of(match["low"])
    return Period(first=days[0]) if days else None


def _until(match: re.Match[str], _today: date) -> Period | None:
    days = _days_of(match["point"])
    if days is None:
        return None
    return Period(last=days[0] - timedelta(1) if match["opening"].lower() == "before" else days[1])


def _at(match: re.Match[str], _today: date) -> Period | None:
    days = _days_of(match["point"])
    return Period(*days) if days else None


def _rolling(match: re.Match[str], today: date) -> Period:
    number = match["number"].lower()
    n_days = (_NUMBERS.get(number) or int(number)) * _UNIT_DAYS[match["unit"].lower()]
    return Period(today - timedelta(n_days), today)


def _calendar(match: re.Match[str], today: date) -> Period:
    unit, is_now = match["unit"].lower(), match["which"].lower() == "this"
    first = {"year": today.replace(month=1, day=1), "month": today.replace(day=1)}.get(
        unit, today - timedelta(today.weekday())
    )
    if is_now:
        return Period(first, today)
    last = first - timedelta(1)
    earlier = {"year": last.replace(month=1, day=1), "month": last.replace(day=1)}
    return Period(earlier.get(unit, last - timedelta(6)), last)


def _day(match: re.Match[str], today: date) -> Period:
    day = today if match["near"].lower() == "today" else today - timedelta(1)
    return Period(day, day)


_SHAPED: tuple[tuple[str, Callable[[re.Match[str], date], Period | None]], ...] = (
    (rf"\bbetween\s(?P<low>{_POINT})\sand\s(?P<high>{_POINT})", _between),
    (rf"\bfrom\s(?P<low>{_POINT})\s(?:to|until|till|through|up\sto)\s(?P<high>{_POINT})", _between),
    (rf"\b(?:from|between)\s(?P<low>{_POINT})\s(?:to|until|till|through|up\sto|and)\s{_NOW}\b", _from_to_now),
    (rf"\b(?:from|in|during)\s(?P<low>{_YEAR})\s?[-–]\s?(?P<high>{_YEAR})\b", _between),
    (rf"\b(?P<opening>from)\s(?P<point>{_POINT})\s(?:on|onwards?)\b", _from_on),
    (rf"\b(?P<opening>since|after)\s(?P<point>{_POINT})", _from_on),
    (rf"\b(?P<opening>before|until|till|up\sto)\s(?P<point>{_POINT})", _until),
    (rf"\b(?:in|during|on|from)\s(?P<point>{_POINT})", _at),
    (rf"\b{_WITHIN}(?:last|past)\s(?P<number>\d{{1,2}}|{_NUMBER})\s(?P<unit>day|week|month|year)s\b", _rolling),
    (rf"\b{_WITHIN}(?P<which>last|past|previous|this)\s(?P<unit>week|month|year)\b", _calendar),
    (r"\b(?P<near>yesterday|today)\b", _day),
    (rf"\b(?P<point>{_YEAR})\b(?![\w-])", _at),
)
# Without ASCII, "ſeptember" and "aprİl" would match too, which no month is called.
_SHAPES = tuple(re.compile(pattern, re.IGNORECASE | re.ASCII) for pattern, _ in _SHAPED)
_PERIODS = tuple(period for _, period in _SHAPED)


def _days_of(point: str) -> tuple[date, date] | None:
    """Gives the first and the last day of a year, a month or a day; None where there is no such date."""
    year, month, day = _parts_of(point)
    try:
        if month is None:
            return date(year, 1, 1), date(year, 12, 31)
        if day is None:
            return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])
        return date(year, month, day), date(year, month, day)
    except ValueError:  # of which an unknown month is a kind
        return None


def _parts_of(point: str) -> tuple[int, int | None, int | None]:
    """Gives year, month and day of what `_POINT` matches; None for what it does not say."""
    if re.fullmatch(r"[\d-]+", point):
        year, month, day, *_ = [*map(int, point.split("-")), None, None]
        return year or 0, month, day
    *words, year_written = re.findall(r"[a-z]+|\d+", point.lower())
    month = next(_MONTHS[word] for word in words if word in _MONTHS)
    return int(year_written), month, next((int(word) for word in words if word.isdigit()), None)
