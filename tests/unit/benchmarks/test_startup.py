"""The benchmark of start-up: its table."""

from benchmarks.startup.benchmark import startup_tables


def test_the_table_gives_the_middle_and_the_ends_of_the_rounds_and_what_was_imported() -> None:
    asked = [
        {
            "what": "./poe ask --help",
            "seconds": seconds,
            "cpu_seconds": 0.3,
            "load_average_1_min": 1.0,
            "rss_mb": None,
            "pss_mb": None,
        }
        for seconds in (0.5, 0.4, 0.9)
    ]
    started = {**asked[0], "what": "API until it is ready", "rss_mb": 250.4, "pss_mb": 199.6}
    report = {"records": [*asked, started], "import_ms": {"tools.rag": {"pydantic": 80.2, "loguru": 20.0}}}

    lines = list(startup_tables(report))

    assert lines[2] == "| ./poe ask --help | 0.50 (0.40-0.90) | 0.30 (0.30-0.30) | - | - | 1.0 |"
    assert lines[3] == "| API until it is ready | 0.50 | 0.30 | 250 | 200 | 1.0 |"
    assert lines[4] == "ms to import for tools.rag: pydantic 80, loguru 20"
