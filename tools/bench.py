"""Measures what the documents claim, on this machine.

`stores`: each compression of the embedded index, on N windows of real texts (SciFact where RAG_TEST_DATA_DIR holds it,
else the descriptions of the installed packages) and, beyond them, perturbed copies.
`chunking`: how much of the wanted text reaches the context, for each way of cutting documents (chunking_evaluation in
RAG_TEST_DATA_DIR).
`embedding`: speed of every way to run the embedder, beside sentence-transformers.
`indexing`: CPU seconds of the whole way from documents to an index, beside those of the embedder alone (squad_rag in
RAG_TEST_DATA_DIR).
`query`: CPU milliseconds of a question by stage, and what callers of the API wait.
`startup`: what starting costs: commands, servers, the second quickstart.
`peers`: this product and five others on the first N passages of squad_rag (in RAG_TEST_DATA_DIR), each in an
environment of its own under --work, 1 to 2 GB each, that is made at first use.
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
from benchmarks.embedding.benchmark import measure_embedding
from benchmarks.embedding.kinds import KINDS, kind_named
from benchmarks.embedding.table import embedding_table
from benchmarks.growth.benchmark import measure_growth
from benchmarks.growth.table import growth_table, plot_growth
from benchmarks.indexing.benchmark import indexing_lines, measure_indexing
from benchmarks.life.while_building import measure_while_building, while_building_lines
from benchmarks.measured_data import data_folder
from benchmarks.peers.benchmark import PEERS, PeerTrials, measure_peers, systems_of
from benchmarks.peers.table import peers_table
from benchmarks.peers.task import read_task
from benchmarks.query.benchmark import measure_query, query_tables
from benchmarks.startup.benchmark import measure_startup, startup_tables
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


def _embedding(arguments: argparse.Namespace, _: Path, file: Path | None) -> None:
    report = measure_embedding(
        load_settings(),
        [kind_named(name) for name in arguments.kind or KINDS],
        _tell,
        partial(_write, file),
        n_texts=arguments.texts,
        n_questions=arguments.questions,
        n_rounds=arguments.rounds,
        qrels=arguments.qrels,
    )
    print(*embedding_table(report), sep="\n")


def _indexing(arguments: argparse.Namespace, _: Path, file: Path | None) -> None:
    report = measure_indexing(arguments.documents, arguments.rounds, _tell, partial(_write, file))
    print(*indexing_lines(report), sep="\n")


def _query(arguments: argparse.Namespace, _: Path, file: Path | None) -> None:
    report = measure_query(arguments.windows, arguments.questions, arguments.rounds, _tell, partial(_write, file))
    print(*query_tables(report), sep="\n")


def _startup(arguments: argparse.Namespace, folder: Path, file: Path | None) -> None:
    with_quickstart = not arguments.without_quickstart
    report = measure_startup(
        arguments.rounds, folder / "startup", _tell, partial(_write, file), with_quickstart=with_quickstart
    )
    print(*startup_tables(report), sep="\n")


def _peers(arguments: argparse.Namespace, folder: Path, file: Path | None) -> None:
    names, task = systems_of(arguments.peer), read_task(data_folder("squad_rag"), arguments.n)
    trials = PeerTrials(caller_path(arguments.work) if arguments.work else folder / "peers", _tell)
    report = measure_peers(task, names, trials, _tell, partial(_write, file), arguments.rounds)
    print(*peers_table(report), sep="\n")


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
    for add in (_add_stores, _add_chunking, _add_speeds, _add_peers, _add_sizes):
        for benchmark in add(benchmarks):
            benchmark.add_argument("--json", metavar="FILE", help="where the report goes")
    return parser


def _add_stores(benchmarks: Any) -> list[argparse.ArgumentParser]:
    stores: argparse.ArgumentParser = benchmarks.add_parser("stores", help="each compression of the embedded index")
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
    return [stores]


def _add_chunking(benchmarks: Any) -> list[argparse.ArgumentParser]:
    chunking: argparse.ArgumentParser = benchmarks.add_parser("chunking", help="each way of cutting documents")
    chunking.add_argument(
        "--strategy",
        action="append",
        metavar="NAME",
        help=f"repeatable; {', '.join(STRATEGIES)}; NAME:TOKENS for another size; default: all",
    )
    chunking.add_argument("--window-tokens", type=int, default=128, help="longest window (default 128)")
    chunking.set_defaults(measure=_chunking)
    return [chunking]


def _add_speeds(benchmarks: Any) -> list[argparse.ArgumentParser]:
    embedding: argparse.ArgumentParser = benchmarks.add_parser("embedding", help="each way to run the embedder")
    embedding.add_argument(
        "--kind", action="append", metavar="NAME", help=f"repeatable; {', '.join(KINDS)}; default: all"
    )
    embedding.add_argument("--texts", type=int, default=300, help="texts of SciFact to embed (default 300)")
    embedding.add_argument("--questions", type=int, default=100, help="questions to embed (default 100)")
    embedding.add_argument("--qrels", choices=["train", "test"], help="measure nDCG@10 on SciFact too: takes minutes")
    embedding.set_defaults(measure=_embedding)
    indexing: argparse.ArgumentParser = benchmarks.add_parser("indexing", help="from documents to an index")
    indexing.add_argument("--documents", type=int, metavar="N", help="the first N paragraphs (default: all 21,152)")
    indexing.set_defaults(measure=_indexing)
    query: argparse.ArgumentParser = benchmarks.add_parser("query", help="a question, by stage and over HTTP")
    query.add_argument("--windows", type=int, default=20_000, help="windows in the index (default 20000)")
    query.add_argument("--questions", type=int, default=300, help="questions a round (default 300)")
    query.set_defaults(measure=_query)
    startup: argparse.ArgumentParser = benchmarks.add_parser("startup", help="commands, servers, the second quickstart")
    startup.add_argument("--without-quickstart", action="store_true", help="leave the second quickstart out")
    startup.set_defaults(measure=_startup)
    for benchmark in (embedding, indexing, query, startup):
        benchmark.add_argument("--rounds", type=int, default=3, help="how often each is measured (default 3)")
    return [embedding, indexing, query, startup]


def _add_peers(benchmarks: Any) -> list[argparse.ArgumentParser]:
    peers: argparse.ArgumentParser = benchmarks.add_parser("peers", help="this product beside others")
    peers.add_argument("--n", type=int, default=1_000, help="passages (default 1000)")
    peers.add_argument(
        "--peer",
        action="append",
        metavar="NAME",
        help=f"repeatable; {', '.join(PEERS)}; default: all, the product always",
    )
    peers.add_argument("--rounds", type=int, help="how often each is measured (default 3; 1 above 1000 passages)")
    peers.add_argument("--work", metavar="DIR", help="where the environments are made (default under RAG_HOME)")
    peers.set_defaults(measure=_peers)
    return [peers]


def _add_sizes(benchmarks: Any) -> list[argparse.ArgumentParser]:
    building: argparse.ArgumentParser = benchmarks.add_parser(
        "while-building", help="how long questions wait while an index is built"
    )
    building.add_argument("--n", type=int, default=50_000, help="windows to build (default 50000)")
    building.add_argument("--live", type=int, default=20_000, help="windows to ask meanwhile (default 20000)")
    building.add_argument("--readers", type=int, default=2, help="processes that ask (default 2)")
    building.set_defaults(measure=_while_building)
    growth: argparse.ArgumentParser = benchmarks.add_parser("growth", help="what the index costs at several sizes")
    sizes = ", ".join(map(str, _GROWTH_SIZES))
    growth.add_argument("--n", type=int, action="append", help=f"repeatable; default: {sizes}")
    growth.add_argument("--plot", metavar="FILE", help="draw the costs over the size, as SVG")
    growth.set_defaults(measure=_growth)
    return [building, growth]


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
