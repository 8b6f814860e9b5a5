"""Which documents and questions a selection takes."""

import hashlib
from pathlib import Path

import pytest

from rag_llm_system.application.evaluation.data_set import (
    Selection,
    half_of,
    read_data_set,
    split_selection,
)
from rag_llm_system.domain.errors import InputError
from tests.unit.application.evaluation.collection import QUERIES, write_answers, write_collection, write_lines


def test_everything_is_taken_where_nothing_is_said(tmp_path: Path) -> None:
    write_answers(write_collection(tmp_path))
    data_set = read_data_set(tmp_path)
    assert [document.id for document in data_set.documents()] == ["moon", "bread", "whale"]
    assert [question.id for question in data_set.questions] == ["q1", "q2", "q3"]
    assert data_set.relevance == {"q1": {"moon": 1}, "q2": {"bread": 2}, "q3": {"whale": 1}}
    assert list(data_set.gold_answers) == ["q1", "q2"]
    assert [question.id for question in data_set.unanswerable] == ["u1"]
    assert (data_set.n_documents, data_set.name, data_set.notes) == (3, tmp_path.name, ())


def test_the_first_documents_come_with_the_questions_that_they_answer_wholly(tmp_path: Path) -> None:
    qrels = "q1\tmoon\t1\nq2\tbread\t1\nq2\twhale\t1\nq3\twhale\t1\n"
    data_set = read_data_set(write_collection(tmp_path, qrels=qrels), Selection(limit_docs=2))
    assert [document.id for document in data_set.documents()] == ["moon", "bread"]
    assert [question.id for question in data_set.questions] == ["q1"]


def test_the_first_questions_are_those_of_the_selected_half(tmp_path: Path) -> None:
    numbers = range(40)
    queries = [{"_id": f"q{number}", "text": "What?"} for number in numbers]
    qrels = "".join(f"q{number}\tmoon\t1\n" for number in reversed(numbers))
    write_collection(tmp_path, queries=queries, qrels=qrels)
    dev, test = (read_data_set(tmp_path, Selection(half=half)).questions for half in ("dev", "test"))
    assert len(dev) + len(test) == 40
    assert min(len(dev), len(test)) > 10
    assert read_data_set(tmp_path, Selection(half="test", limit_queries=3)).questions == test[:3]


def test_a_half_is_a_bit_of_the_ids_hash() -> None:
    for question_id in ("56beb4343aeaaa14008c925c", "q1", "Ω", "\udc80"):
        digest = hashlib.sha256(question_id.encode("utf-8", "surrogatepass")).hexdigest()
        assert half_of(question_id) == ("dev" if int(digest, 16) // 2 % 2 == 0 else "test")
    assert {half_of(f"q{number}") for number in range(9)} == {"dev", "test"}


def test_dev_is_the_training_judgements_where_there_are_such_and_else_a_half(tmp_path: Path) -> None:
    write_collection(tmp_path)
    assert split_selection(tmp_path, "dev") == ("test", "dev")
    assert split_selection(tmp_path, "test") == ("test", "test")
    assert split_selection(tmp_path, "all") == ("test", None)
    write_collection(tmp_path, qrels_name="train")
    assert split_selection(tmp_path, "dev") == ("train", None)
    assert split_selection(tmp_path, "test") == ("test", None)
    write_collection(tmp_path, qrels_name="dev")
    assert split_selection(tmp_path, "dev") == ("dev", None)


def test_questions_of_other_splits_stand_in_a_file_of_their_own(tmp_path: Path) -> None:
    write_collection(tmp_path, qrels="q9\tmoon\t1\n", qrels_name="train")
    with pytest.raises(InputError, match=r"qrels/train\.tsv, line 1 names a question that queries\.jsonl"):
        read_data_set(tmp_path, Selection(qrels="train"))
    write_lines(tmp_path / "queries.all.jsonl", [*QUERIES, {"_id": "q9", "text": "What?"}])
    data_set = read_data_set(tmp_path, Selection(qrels="train"))
    assert [question.id for question in data_set.questions] == ["q9"]


def test_a_relevant_document_that_is_not_in_the_corpus_counts_as_not_found_and_is_noted(tmp_path: Path) -> None:
    data_set = read_data_set(write_collection(tmp_path, qrels="q1\tmoon\t1\nq1\tlost\t1\n"))
    assert data_set.relevance == {"q1": {"moon": 1, "lost": 1}}
    assert data_set.notes == ("1 relevant documents are not in the corpus: they count as not found.",)


def test_a_selection_without_questions_is_refused(tmp_path: Path) -> None:
    write_collection(tmp_path, qrels="q1\twhale\t1\n")
    with pytest.raises(InputError, match=r"No question of .* is left"):
        read_data_set(tmp_path, Selection(limit_docs=1))
    with pytest.raises(InputError, match=r"No question of .* is left"):
        read_data_set(write_collection(tmp_path, qrels="q1\twhale\t0\n"))


def test_a_limit_is_above_zero() -> None:
    with pytest.raises(InputError, match="--limit-docs is 0: give a number above 0"):
        Selection(limit_docs=0)
    with pytest.raises(InputError, match="--limit-queries is -1: give a number above 0"):
        Selection(limit_queries=-1)
