"""The benchmark of the embedders: what it makes of rounds, and its table."""

import pytest

from benchmarks.embedding.benchmark import Spread, spread
from benchmarks.embedding.kinds import KINDS, REFERENCE, kind_named
from benchmarks.embedding.table import embedding_table
from rag_llm_system.domain.errors import InputError


def test_a_spread_is_the_median_the_least_and_the_most() -> None:
    assert spread([3.0, 1.0, 2.0, 9.0, 2.5]) == Spread(2.5, 1.0, 9.0)


def test_what_is_compared_with_is_one_of_the_kinds() -> None:
    assert kind_named(REFERENCE) in KINDS
    with pytest.raises(InputError, match="choose of"):
        kind_named("onnx-int4")


def test_a_row_shows_medians_with_their_spread_and_leaves_out_what_was_not_measured() -> None:
    fast = {"median": 14000.4, "least": 13000, "most": 15000}
    record = {"kind": "onnx-int8", "tokens_per_cpu_s": fast, "ndcg_at_10": 0.64881, "ndcg_at_10_se": 0.0213}
    head, rule, row = embedding_table({"records": [record]})
    assert head.count("|") == rule.count("|") == row.count("|")
    assert row.startswith("| onnx-int8 | 14,000 (13,000-15,000) | - |")
    assert row.endswith("| 0.6488 ± 0.021 |")
