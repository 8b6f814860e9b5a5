"""Days of publication are read as pages and feeds write them, and nothing is guessed."""

from datetime import date

import pytest

from rag_llm_system.domain.publication_days import day_number, published_day


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("2024-03-01", 20240301),
        ("2024-03-01T09:30:00Z", 20240301),
        (" 2024-03-01 09:30", 20240301),
        ("2024/3/1", 20240301),
        ("2024.03.01", 20240301),
        ("20240301", 20240301),
        ("20240301T0930", 20240301),
        ("2024-03", 20240301),
        ("1999/12", 19991201),
    ],
)
def test_a_day_is_read_year_first(written: str, number: int) -> None:
    assert published_day(written) == number


UNDATED = ["", "2024", "2024-13-01", "2024-02-30", "0000-01-01", "03/01/2024", "1 March 2024", "yesterday", "202403"]


@pytest.mark.parametrize(
    "written", [*UNDATED, "1709285400", "２０２４", "\ud800", "9" * 10_000, None, 20240301, ["2024-03-01"]]
)
def test_what_is_no_plain_date_gives_no_day(written: object) -> None:
    assert published_day(written) is None


def test_later_days_have_higher_numbers() -> None:
    days = [date.min, date(2023, 12, 31), date(2024, 1, 1), date(2024, 10, 2), date.max]
    assert [day_number(day) for day in days] == sorted(day_number(day) for day in days)
