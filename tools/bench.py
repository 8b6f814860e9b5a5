"""Measures what the documents claim, on this machine.

`stores`: each compression of the embedded index, on N windows of real texts (SciFact where RAG_TEST_DATA_DIR holds it,
else the descriptions of the installed packages) and, beyond them, perturbed copies.
`chunking`: how much of the wanted text reaches the context, for each way of cutting documents (chunking_evaluation in
RAG_TEST_DATA_DIR).
`while-building`: how long questions wait while a generation of N windows is built and switched to.
`growth`: what building and asking the embedded index costs at several sizes, and the exponents.
"""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.chunking.benchmark import STRATEGIES, measure_chunking
from benchmarks.chunking.benchmark import choice_of as chunking_of
from benchmarks.chunking.table import chunking_tables
from benchmarks.growth.benchmark import measure_growth
from benchmarks.growth.table import growth_table, plot_growth
from benchmarks.life.while_building import measure_while_building, while_building_lines
from benchmarks.measured_data import data_folder
from benchmarks.stores.benchmark import COMPRESSION_NAMES, measure_stores
from benchmarks.stores.benchmark import choice_of as compression_of
from benchmarks.stores.material import read_material
from benchmarks.stores.table import store_table
from benchmarks.stores.windows import Windows
from rag_llm_system.domain.errors import InputError
from rag_llm_system.settings import load_settings
from tools.command_line import caller_path, run_tool

_GROWTH_SIZES = (1_000, 10_000, 100_000, 1_000_000)


def main() -> None:
    """Measures, prints a table, and writes the report where that is asked for."""
    arguments = _parser().parse_args()
    file = caller_path(arguments.json) if arguments.json else None
    arguments.measure(arguments, load_settings().home / "benchmarks", file)


def _stores(arguments: argparse.Namespace, folder: Path, file: Path | None) -> None:
    choices = [compression_of(text) for text in arguments.compression or COMPRESSION_NAMES]
    material = read_material(load_settings(), folder / "material", _tell, most_documents=arguments.documents)
    windows = Windows(material, arguments.n, arguments.seed)
    report = measure_stores(windows, choices, folder / "stores", _tell, keep=partial(_write, file))
    print(*store_table(report), sep="\n")


def _chunking(arguments: argparse.Namespace, folder: Path, file: Path | None) -> None:
    choices = [chunking_of(text, arguments.window_tokens) for text in arguments.strategy or STRATEGIES]
    report = measure_chunking(
        load_settings(), data_folder("chunking_evaluation"), choices, folder / "chunking", _tell, partial(_write, file)
    )
    print(*chunking_tables(report), sep="\n")


def _while_building(arguments: argparse.Namespace, folder: Path, file: Path | None) -> None:
    report = measure_while_building(arguments.n, arguments.live, arguments.readers, folder / "while_building", _tell)
    _write(file, report)
    print(*while_building_lines(report), sep="\n")


def _growth(arguments: argparse.Namespace, folder: Path, file: Path | None) -> None:
    material = read_material(load_settings(), folder / "material", _tell)
    sizes = arguments.n or _GROWTH_SIZES
    report = measure_growth(material, sizes, folder / "growth", _tell, keep=partial(_write, file))
    print(*growth_table(report), sep="\n")
    if arguments.plot:
        plot_growth(report, caller_path(arguments.plot))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="poe bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    benchmarks = parser.add_subparsers(required=True, metavar="BENCHMARK")
    stores = benchmarks.add_parser("stores", help="each compression of the embedded index")
    stores.add_argument("--n", type=int, required=True, help="windows to store")
    stores.add_argument(
        "--compression",
        action="append",
        metavar="NAME",
        help=f"repeatable; {', '.join(COMPRESSION_NAMES)}; NAME:graph or NAME:exact says how to search; default: all",
    )
    stores.add_argument("--seed", type=int, default=0, help="of the copies' noise (default 0)")
    stores.add_argument("--documents", type=int, metavar="N", help="read no more documents than these, for a trial")
    stores.set_defaults(measure=_stores)
    chunking = benchmarks.add_parser("chunking", help="each way of cutting documents")
    chunking.add_argument(
        "--strategy",
        action="append",
        metavar="NAME",
        help=f"repeatable; {', '.join(STRATEGIES)}; NAME:TOKENS for another size; default: all",
    )
    chunking.add_argument("--window-tokens", type=int, default=128, help="longest window (default 128)")
    chunking.set_defaults(measure=_chunking)
    building = benchmarks.add_parser("while-building", help="how long questions wait while an index is built")
    building.add_argument("--n", type=int, default=50_000, help="windows to build (default 50000)")
    building.add_argument("--live", type=int, default=20_000, help="windows to ask meanwhile (default 20000)")
    building.add_argument("--readers", type=int, default=2, help="processes that ask (default 2)")
    building.set_defaults(measure=_while_building)
    growth = benchmarks.add_parser("growth", help="what the index costs at several sizes")
    growth.add_argument(
        "--n", type=int, action="append", help=f"repeatable; default: {', '.join(map(str, _GROWTH_SIZES))}"
    )
    growth.add_argument("--plot", metavar="FILE", help="draw the costs over the size, as SVG")
    growth.set_defaults(measure=_growth)
    for benchmark in (stores, chunking, building, growth):
        benchmark.add_argument("--json", metavar="FILE", help="where the report goes")
    return parser


def _tell(line: str) -> None:
    print(line, flush=True)


def _write(file: Path | None, report: dict[str, Any]) -> None:
    if file is None:
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file} cannot be written ({error.strerror}): give another --json") from error


if __name__ == "__main__":
    run_tool(main)
