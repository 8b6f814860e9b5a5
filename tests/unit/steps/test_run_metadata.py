"""What stands in the metadata of a run."""

from rag_llm_system.application.indexing.selection import DocumentSelection
from steps.run_metadata import (
    cleaning_metadata,
    indexing_metadata,
    ingestion_metadata,
    largest,
    selection_metadata,
)
from tests.unit.steps.test_run_report import ingestion, reports


def test_counts_are_numbers_that_show_at_once_and_the_rest_are_mappings() -> None:
    assert ingestion_metadata(ingestion(("l", "no such file"), by_author={"Ada": 6})) == {
        "new": 4,
        "changed": 0,
        "unchanged": 2,
        "gone": 0,
        "moved": 0,
        "kept though not found": 0,
        "now another author's": 0,
        "left out": 1,
        "seconds": 1.25,
        "documents by category": {"articles": 4, "repositories": 2},
        "documents by author": {"Ada": 6},
        "left out, and why": {"l": "no such file"},
    }


def test_only_the_first_twenty_reasons_are_kept_and_none_where_nothing_failed() -> None:
    many = ingestion_metadata(ingestion(*((str(n), "r") for n in range(21))))
    assert (many["left out"], len(many["left out, and why"])) == (21, 20)
    assert "left out, and why" not in ingestion_metadata(ingestion())


def test_a_selection_is_counted_by_author() -> None:
    by_category = {"articles": 0, "posts": 1, "repositories": 0}
    metadata = selection_metadata(DocumentSelection(n_by_category=by_category, n_by_author={"Ada": 1}))
    assert metadata == {"documents": 1, "documents by author": {"Ada": 1}, "documents by category": by_category}


def test_what_was_new_changed_unchanged_and_gone_is_told_apart() -> None:
    metadata = cleaning_metadata(reports()[0])
    assert [metadata[name] for name in ("new", "changed", "unchanged", "gone")] == [2, 1, 7, 1]


def test_seconds_are_given_in_all_and_by_stage() -> None:
    metadata = indexing_metadata(reports()[1])
    assert (metadata["seconds"], metadata["seconds by stage"]) == (3.0, {"embed": 2.0, "load": 1.0})
    assert metadata["windows by category"] == {"posts": 1200}


def test_windows_that_were_embedded_are_told_from_those_whose_vectors_were_known() -> None:
    metadata = indexing_metadata(reports()[1])
    assert [metadata[name] for name in ("windows", "windows embedded", "windows reused")] == [1200, 900, 300]


def test_what_was_left_out_while_embedding_is_listed_with_reasons() -> None:
    metadata = indexing_metadata(reports({f"posts/{n}": "the text cannot be cut" for n in range(21)})[1])
    assert (metadata["left out"], len(metadata["left out, and why"])) == (21, 20)
    assert metadata["left out, and why"]["posts/0"] == "the text cannot be cut"


def test_the_largest_come_first_ties_by_name_and_the_others_are_added_up() -> None:
    assert list(largest({"b": 1, "a": 1, "c": 5}, 3).items()) == [("c", 5), ("a", 1), ("b", 1)]
    assert largest({"b": 1, "a": 1, "c": 5}, 1) == {"c": 5, "(2 others)": 2}
    assert largest({}, 1) == {}
