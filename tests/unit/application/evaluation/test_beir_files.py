"""What is wrong with a collection's files is named with its line, and never with its words."""

from pathlib import Path

import pytest

from rag_llm_system.application.evaluation.beir_files import (
    Judgement,
    Question,
    read_corpus,
    read_gold_answers,
    read_judgements,
    read_questions,
    read_unanswerable,
)
from rag_llm_system.domain.errors import InputError, NotFoundError, RagError
from tests.unit.application.evaluation.collection import write_answers, write_collection

GOOD_QUESTION = '{"_id": "1", "text": "Who?"}\n'
BROKEN_LINES = {
    "no JSON": ("{nonsense\n", "is no JSON: correct"),
    "no object": ('["_id"]\n', "is no JSON object"),
    "no id": ('{"text": "Why?"}\n', 'has no "_id"'),
    "an id that is a list": ('{"_id": [2], "text": "Why?"}\n', 'has no "_id"'),
    "an id with a tab": ('{"_id": "2\\t3", "text": "Why?"}\n', 'has no "_id"'),
    "an id twice": (GOOD_QUESTION, 'repeats the "_id"'),
    "no text": ('{"_id": "2"}\n', 'has no "text"'),
    "a text that is a number": ('{"_id": "2", "text": 5}\n', 'has no "text"'),
    "a blank question": ('{"_id": "2", "text": " "}\n', "the question is blank"),
    "another encoding": ('{"_id": "2", "text": "Café?"}\n', "is not UTF-8"),
    "nesting without end": ("[" * 200_000 + "\n", "is no JSON"),
}
BROKEN_JUDGEMENTS = (
    "q1\tmoon\n",
    "q1\tmoon\tvery\n",
    "q1\tmoon\t1.5\n",
    "q1\t0\tmoon\t1\n",
    "q1 moon 1\n",
    "q1\tmoon\tnan\n",
)


@pytest.mark.parametrize(("line", "what"), BROKEN_LINES.values(), ids=BROKEN_LINES)
def test_a_broken_line_is_named_by_its_number(tmp_path: Path, line: str, what: str) -> None:
    encoding = "latin-1" if "é" in line else "utf-8"
    (tmp_path / "queries.jsonl").write_bytes((GOOD_QUESTION + "\n" + line).encode(encoding))
    with pytest.raises(InputError) as raised:
        read_questions(tmp_path, "queries.jsonl")
    assert raised.value.message.startswith("queries.jsonl, line 3")
    assert what in raised.value.message
    assert "Why" not in raised.value.message


@pytest.mark.parametrize("line", BROKEN_JUDGEMENTS)
def test_a_broken_judgement_is_named_by_its_number(tmp_path: Path, line: str) -> None:
    write_collection(tmp_path, qrels="query-id\tcorpus-id\tscore\nq1\tmoon\t1\n" + line)
    with pytest.raises(InputError, match=r"qrels/test\.tsv, line 3 is not query-id, corpus-id and score"):
        read_judgements(tmp_path, "test")


def test_answers_are_lists_of_texts(tmp_path: Path) -> None:
    for answers in ("5", "[]", '"1492"', "[1492]", "null"):
        (tmp_path / "answers.jsonl").write_text('{"_id": "1", "answers": ' + answers + "}\n")
        with pytest.raises(InputError, match=r"answers\.jsonl, line 1"):
            read_gold_answers(tmp_path)


def test_a_title_is_a_text_or_missing(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text('{"_id": 1, "title": null, "text": ""}\n{"_id": "2", "text": "b"}\n')
    assert [(one.id, one.title, one.text) for one in read_corpus(tmp_path)] == [("1", "", ""), ("2", "", "b")]
    (tmp_path / "corpus.jsonl").write_text('{"_id": "1", "title": ["a"], "text": ""}\n')
    with pytest.raises(InputError, match=r'corpus\.jsonl, line 1: "title"'):
        list(read_corpus(tmp_path))


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="There is no folder"):
        list(read_corpus(tmp_path / "nowhere"))
    with pytest.raises(NotFoundError, match=r"has no corpus\.jsonl: give a folder in BEIR layout"):
        list(read_corpus(tmp_path))
    write_collection(tmp_path, qrels_name="train")
    with pytest.raises(NotFoundError, match=r"has no qrels/test\.tsv: give another --qrels \(there: train\)"):
        read_judgements(tmp_path, "test")
    (tmp_path / "queries.jsonl").unlink()
    (tmp_path / "queries.jsonl").mkdir()
    with pytest.raises(RagError, match=r"queries\.jsonl cannot be read"):
        read_questions(tmp_path, "queries.jsonl")


def test_the_line_of_names_above_the_judgements_may_be_missing(tmp_path: Path) -> None:
    write_collection(tmp_path, qrels="q1\tmoon\t2\r\n\nq1\twhale\t-1.0\n")
    assert read_judgements(tmp_path, "test") == [Judgement("q1", "moon", 2, 1), Judgement("q1", "whale", -1, 3)]


def test_a_byte_order_mark_and_the_end_of_the_last_line_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "queries.jsonl").write_text("\ufeff" + GOOD_QUESTION.rstrip(), encoding="utf-8")
    assert read_questions(tmp_path, "queries.jsonl") == {"1": Question("1", "Who?")}


def test_answers_and_unanswerable_questions_may_be_missing(tmp_path: Path) -> None:
    assert (read_gold_answers(tmp_path), read_unanswerable(tmp_path)) == ({}, {})
    write_answers(tmp_path)
    assert read_gold_answers(tmp_path)["q2"] == ("flour", "yeast")
    assert list(read_unanswerable(tmp_path)) == ["u1"]
