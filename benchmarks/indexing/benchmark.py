"""What indexing costs beyond embedding: the use cases of `feature_engineering` over Wikipedia paragraphs.

Each run cleans, cuts, embeds, stores and publishes in a fresh process and a fresh home, no vector known. Then the same
windows are embedded and nothing else, by as many processes as the run had, so that both are held up alike by what else
the machine does. ZenML's own cost, some seconds a pipeline, is not counted.
"""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures import wait as wait_for
from datetime import UTC, datetime
from itertools import islice
from multiprocessing import get_context
from statistics import mean, stdev
from time import process_time
from typing import Any

from benchmarks.indexing.processes import FamilyWatch
from benchmarks.measured_data import data_folder
from rag_llm_system.application.evaluation.beir_files import read_corpus
from rag_llm_system.application.evaluation.consumption import metered
from rag_llm_system.application.evaluation.harness import bring_in
from rag_llm_system.application.indexing.indexer import select_documents
from rag_llm_system.application.preprocessing.dispatchers import CleaningDispatcher
from rag_llm_system.application.preprocessing.embedding_data_handlers import embedding_text
from rag_llm_system.bootstrap.document_store import open_document_store
from rag_llm_system.bootstrap.embedding import chunking_dispatcher, open_embedder
from rag_llm_system.bootstrap.evaluation_home import evaluation_home
from rag_llm_system.bootstrap.indexing import open_indexing
from rag_llm_system.bootstrap.machine import machine, versions
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.errors import InputError
from rag_llm_system.settings import Settings

Tell = Callable[[str], None]
_COLLECTION = "squad_rag"
_MOST_MEASURED = ("total_cpu_s", "embedder_cpu_s", "ratio", "chunks_per_s")


def measure_indexing(
    n_documents: int | None, n_runs: int, tell: Tell, keep: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Gives a record for each run, and of each number the mean and the standard deviation.

    Args:
        n_documents: the first so many paragraphs; None: all.
        n_runs: how often.
        tell: is given a line for each run.
        keep: is given the report after each run.

    Raises:
        InputError: the collection is not there, or nothing is to be run.
    """
    if n_runs < 1 or (n_documents is not None and n_documents < 1):
        raise InputError("nothing is to be measured: give at least 1 document and 1 run")
    report: dict[str, Any] = {
        "benchmark": "indexing",
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "collection": _COLLECTION,
        "machine": machine(),
        "versions": versions(["onnxruntime", "openvino", "tokenizers", "qdrant-edge-py", "numpy"]),
        "records": [],
        "summary": {},
    }
    for _ in range(n_runs):
        record = _measured(n_documents, tell)
        report["records"].append(record)
        report["summary"] = _summary(report["records"])
        tell(
            f"{record['n_windows']:,} windows: {record['total_cpu_s']:,.1f} CPU s, {record['ratio']:.3f} times the "
            f"embedder's; {record['chunks_per_s']:,.0f} chunks/s at a load of {record['load_average_after']:.1f}"
        )
        keep(report)
    return report


def _measured(n_documents: int | None, tell: Tell) -> dict[str, Any]:
    folder = data_folder(_COLLECTION)
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}: set RAG_TEST_DATA_DIR to where {_COLLECTION} lies")
    with evaluation_home({}) as settings:
        with open_document_store(settings) as store:
            n_saved = bring_in(islice(read_corpus(folder), n_documents), store, store, lambda _n: None)
        tell(f"indexing {n_saved:,} paragraphs")
        load_before = os.getloadavg()[0]
        record, processes = _watched(settings)
        n_processes = max(1, int(processes.get("embedding", {}).get("n", 0)))
        embedder_cpu_s = _embedding_alone(settings, n_processes)
    return {
        "n_documents": n_saved,
        **record,
        "embedder_cpu_s": round(embedder_cpu_s, 2),
        "ratio": round(record["total_cpu_s"] / embedder_cpu_s, 4),
        "chunks_per_s": round(record["n_chunks"] / record["wall_s"], 1),
        "windows_per_s": round(record["n_windows"] / record["wall_s"], 1),
        "load_average_before": round(load_before, 2),
        "load_average_after": round(os.getloadavg()[0], 2),
        "processes": processes,
    }


def _watched(settings: Settings) -> tuple[dict[str, Any], dict[str, dict[str, float]]]:
    """Gives what a run tells of itself, and what was seen of its processes."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        pid = pool.submit(os.getpid).result()
        running = pool.submit(_index, settings)
        watch = FamilyWatch(pid)
        while wait_for([running], timeout=0.2).not_done:
            watch.look()
        return running.result(), watch.seen()


def _index(settings: Settings) -> dict[str, Any]:
    """Does what the steps of the pipeline do, with what is theirs to open."""
    with metered() as whole:
        with metered() as cleaning_cost, open_indexing(settings) as services:
            selection = select_documents(services.documents, services.users)
            cleaning = services.indexer.load_cleaned_documents(selection)
        with metered() as loading_cost, open_indexing(settings) as services:
            indexing = services.indexer.load_embedded_chunks(cleaning)
            with metered() as publishing_cost:
                services.draft.publish(switch=True)
    return {
        "n_chunks": indexing.n_chunks,
        "n_windows": indexing.n_windows,
        "total_cpu_s": round(whole.cpu_seconds, 2),
        "wall_s": round(whole.seconds, 2),
        "cpu_s": {
            "clean": round(cleaning_cost.cpu_seconds, 2),
            "cut, embed and store": round(loading_cost.cpu_seconds - publishing_cost.cpu_seconds, 2),
            "publish": round(publishing_cost.cpu_seconds, 2),
        },
        "busy_s": {stage: round(seconds, 2) for stage, seconds in indexing.seconds.items()},
    }


def _embedding_alone(settings: Settings, n_processes: int) -> float:
    """Gives the CPU seconds of embedding alone, the windows spread over so many processes."""
    with ProcessPoolExecutor(n_processes, mp_context=get_context("spawn")) as pool:
        return sum(pool.map(_embed_share, [settings] * n_processes, range(n_processes), [n_processes] * n_processes))


def _embed_share(settings: Settings, number: int, n_processes: int) -> float:
    embedder, _ = open_embedder(settings, lambda _line: None)
    texts = sorted(_window_texts(settings), key=len, reverse=True)[number::n_processes]
    embedder.embed(texts[-1:])  # loads the model
    before = process_time()
    embedder.embed(texts)
    return process_time() - before


def _window_texts(settings: Settings) -> list[str]:
    embedder, tokenizer = open_embedder(settings, lambda _line: None)
    cleaning, chunking = CleaningDispatcher(), chunking_dispatcher(settings, tokenizer, embedder)
    with open_document_store(settings) as store:
        cleaned = map(cleaning.clean, store.find(Category.ARTICLES))
        return [embedding_text(window) for document in cleaned for window in chunking.windows(document)]


def _summary(records: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    summary = {}
    for name in _MOST_MEASURED:
        values = [record[name] for record in records]
        summary[name] = {"mean": round(mean(values), 3), "sd": round(stdev(values), 3) if len(values) > 1 else 0.0}
    return summary


def indexing_lines(report: Mapping[str, Any]) -> list[str]:
    """Gives the runs as a table in Markdown, then the processes of the last one."""
    lines = [
        "| paragraphs | windows | CPU s | of the embedder alone | ratio | wall s | chunks/s | load |",
        f"|{'---:|' * 8}",
    ]
    lines += [
        f"| {record['n_documents']:,} | {record['n_windows']:,} | {record['total_cpu_s']:,.1f} "
        f"| {record['embedder_cpu_s']:,.1f} | {record['ratio']:.3f} | {record['wall_s']:,.1f} "
        f"| {record['chunks_per_s']:,.0f} | {record['load_average_after']:.1f} |"
        for record in report["records"]
    ]
    last = report["records"][-1]
    lines += [f"{stage}: {cpu_s:,.1f} CPU s" for stage, cpu_s in last["cpu_s"].items()]
    lines += [
        f"{role}: {seen['n']} processes, {seen['cpu_s']:,.1f} CPU s, the largest {seen['peak_rss_mb']:,.0f} MB"
        for role, seen in last["processes"].items()
    ]
    return lines
