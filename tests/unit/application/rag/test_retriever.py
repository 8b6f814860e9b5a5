"""The retriever finds chunks in all collections, by meaning and by words, within the authors a question names."""

from collections.abc import Sequence

import numpy as np
import pytest

from rag_llm_system.application.rag.learned_ranking import FEATURES, LearnedRanking, LinearModel
from rag_llm_system.application.rag.query_expansion import QueryExpansion
from rag_llm_system.application.rag.retriever import STAGES, ContextRetriever, Retrieval
from rag_llm_system.application.rag.self_query import SelfQuery
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.ports.vector_index import SwitchingIndex
from rag_llm_system.domain.users import UserDocument
from tests.unit.application.rag.corpus import CorpusIndex, WordEmbedder

USERS = [UserDocument.from_full_name(name) for name in ("Ada Lovelace", "Alan Turing", "Grace Hopper")]


def retriever(index: SwitchingIndex, embedder: WordEmbedder | None = None, n_phrasings: int = 1) -> ContextRetriever:
    return ContextRetriever(index, embedder or WordEmbedder(), SelfQuery(lambda: USERS), QueryExpansion(n_phrasings))


def texts(found: Retrieval) -> list[str]:
    return [passage.text for passage in found.passages]


@pytest.fixture
def index() -> CorpusIndex:
    index = CorpusIndex()
    index.add("The engine weaves algebraic patterns.", document="notes")
    index.add("A machine can imitate a child.", document="essay", author="Alan Turing", category=Category.POSTS)
    index.add("def compile(): pass  # first compiler", document="repo", category=Category.REPOSITORIES)
    return index


def test_the_best_of_all_collections_comes_first(index: CorpusIndex) -> None:
    found = retriever(index).retrieve("Which machine can imitate a child?")
    assert texts(found)[0] == "A machine can imitate a child."
    assert len(found.passages) == 3
    assert found.passages[0].similarity is not None
    assert [passage.number for passage in found.passages] == [1, 2, 3]


def test_a_category_leaves_the_others_out(index: CorpusIndex) -> None:
    found = retriever(index).retrieve("Which machine can imitate a child?", categories=[Category.ARTICLES])
    assert texts(found) == ["The engine weaves algebraic patterns."]


def test_an_empty_index_gives_no_passage_and_says_what_to_do() -> None:
    found = retriever(CorpusIndex()).retrieve("anything at all")
    assert found.passages == ()
    assert len(found.notes) == 1
    assert "run the feature pipeline" in found.notes[0]


def test_a_category_without_anything_is_not_called_an_empty_index() -> None:
    index = CorpusIndex()
    index.add("The engine weaves algebraic patterns.", document="notes")
    found = retriever(index).retrieve("anything at all", categories=[Category.POSTS, Category.REPOSITORIES])
    assert found.passages == ()
    assert found.notes == (
        "Nothing is indexed among the posts and repositories yet: ask in all categories, or bring some in and run the "
        "feature pipeline.",
    )


def test_only_the_named_author_is_searched_and_a_note_says_so(index: CorpusIndex) -> None:
    found = retriever(index).retrieve("What does Ada Lovelace say about a machine that can imitate a child?")
    assert {passage.author_full_name for passage in found.passages} == {"Ada Lovelace"}
    assert found.notes == ("Searched only what is by Ada Lovelace.",)


def test_an_author_with_nothing_in_the_index_is_noted_and_all_are_searched(index: CorpusIndex) -> None:
    found = retriever(index).retrieve("What does Grace Hopper say about a machine that can imitate a child?")
    assert texts(found)[0] == "A machine can imitate a child."
    assert found.notes == ("Nothing by Grace Hopper is in the index; searched all authors instead.",)


def test_a_note_of_self_query_is_passed_on(index: CorpusIndex) -> None:
    found = retriever(index).retrieve("According to Jane Doe, what can imitate a child?")
    assert found.notes == ('No author called "Jane Doe" is known; searched all authors.',)


def test_windows_of_a_chunk_count_once_by_the_best_of_them() -> None:
    index = CorpusIndex()
    text = "Bees dance. Bees make honey. Bees sting."
    chunk_id = index.add(text, document="bees", windows=[(0, 12), (12, 29), (29, 40)])
    index.add("Wasps make paper.", document="wasps")
    found = retriever(index).retrieve("bees make honey", top_k=5)
    assert found.passages[0].id == chunk_id
    assert texts(found) == [text, "Wasps make paper."]


def test_many_windows_of_one_chunk_do_not_crowd_out_the_others() -> None:
    index = CorpusIndex()
    sentence = "Bees make honey. "
    index.add(sentence * 60, document="bees", windows=[(17 * n, 17 * n + 17) for n in range(60)])
    index.add("Bears like honey that bees make.", document="bears")
    found = retriever(index).retrieve("bees make honey", k=2, top_k=2)
    assert [passage.document_id for passage in found.passages] == ["bees", "bears"]


def test_of_a_long_chunk_the_part_around_the_window_is_given_with_its_place_in_the_document() -> None:
    index = CorpusIndex()
    filler = "".join(f"Filler line number {n} says nothing at all.\n" for n in range(200))
    text = filler + "The treasure lies under the old oak.\n" + filler
    first = len(filler)
    index.add(text, document="map", chunk_start=50, windows=[(0, 100), (first, first + 37), (first + 37, first + 100)])
    passage = retriever(index).retrieve("where lies the treasure under the oak").passages[0]
    document = "#" * 50 + text
    assert "The treasure lies under the old oak." in passage.text
    assert len(passage.text) <= 2000
    assert document[passage.start : passage.start + len(passage.text)] == passage.text


def test_three_phrasings_are_embedded_in_one_batch(index: CorpusIndex) -> None:
    embedder = WordEmbedder()
    question = "How could a machine imitate a child while it weaves patterns?"
    found = retriever(index, embedder, n_phrasings=3).retrieve(question)
    assert embedder.n_calls == 1
    assert len(found.passages) == 3


def test_a_reranker_sees_three_times_k_and_decides_the_order() -> None:
    index = CorpusIndex()
    for n in range(40):
        index.add(f"Fact number {n} about bees.", document=f"doc{n}")
    seen: list[str] = []

    class Judge:
        def score(self, query: str, texts: Sequence[str]) -> list[float]:
            seen.extend(texts)
            return [float("number 7 " in text) for text in texts]

    judged = ContextRetriever(
        index, WordEmbedder(), SelfQuery(lambda: USERS), QueryExpansion(), reranker=Judge(), clock=lambda: 0.0
    )
    found = judged.retrieve("fact number 7 about bees", k=9, top_k=3)
    assert len(seen) == 27
    assert found.passages[0].text == "Fact number 7 about bees."
    assert found.passages[0].score == 1.0


def test_find_gives_as_many_chunks_as_are_asked_for_beyond_the_usual_windows_and_no_budget_holds_them_back() -> None:
    index = CorpusIndex()
    for n in range(130):
        index.add(f"Fact number {n} about bees. " * 40, document=f"doc{n}")
    narrow = ContextRetriever(
        index, WordEmbedder(), SelfQuery(lambda: USERS), QueryExpansion(), prefetch=10, max_context_tokens=1
    )
    found = narrow.find("fact about bees", k=120)
    assert len({candidate.chunk_id for candidate in found.candidates}) == 120
    scores = [candidate.score for candidate in found.candidates]
    assert scores == sorted(scores, reverse=True)
    assert found.notes == ()
    assert narrow.retrieve("fact about bees", k=120).passages == ()


def test_find_gives_what_retrieve_chooses_from(index: CorpusIndex) -> None:
    question = "What does Grace Hopper say about a machine?"
    found, retrieval = retriever(index).find(question), retriever(index).retrieve(question)
    assert [candidate.chunk_id for candidate in found.candidates] == [passage.id for passage in retrieval.passages]
    assert found.notes == retrieval.notes != ()
    assert tuple(found.timings_ms) == STAGES


def test_a_reranker_judges_the_first_27_and_the_rest_keep_their_order_behind() -> None:
    index = CorpusIndex()
    for n in range(40):
        index.add(f"Fact number {n} about bees.", document=f"doc{n}")
    judged: list[str] = []

    class Judge:
        def score(self, query: str, texts: Sequence[str]) -> list[float]:
            judged.extend(texts)
            return [len(text) / 1000 for text in texts]

    plain = ContextRetriever(index, WordEmbedder(), SelfQuery(list), QueryExpansion())
    again = ContextRetriever(
        index, WordEmbedder(), SelfQuery(list), QueryExpansion(), reranker=Judge(), clock=lambda: 0.0
    )
    before, after = (one.find("fact number 7", k=40).candidates for one in (plain, again))
    assert judged == [f"{candidate.title}\n{candidate.text}" for candidate in before[:27]]
    assert [one.chunk_id for one in after[27:]] == [one.chunk_id for one in before[27:]]
    scores = [one.score for one in after]
    assert scores == sorted(scores, reverse=True)
    assert len(again.find("fact number 7", k=2).candidates) == 2


def test_a_learned_ranking_reorders_what_the_fusion_found() -> None:
    index = CorpusIndex()
    for n in range(40):
        index.add(f"Fact number {n} about bees.", document=f"doc{n}")
    only_coverage = np.array([float(name == "coverage") for name in FEATURES])
    model = LinearModel(only_coverage, np.zeros(len(FEATURES)), np.ones(len(FEATURES)))
    learned = ContextRetriever(
        index, WordEmbedder(), SelfQuery(list), QueryExpansion(), learned_ranking=LearnedRanking(model)
    )
    found = learned.find("fact number 7 about bees", k=1).candidates
    assert [candidate.text for candidate in found] == ["Fact number 7 about bees."]
    assert 0.5 < found[0].score < 1


def test_equal_questions_get_equal_passages(index: CorpusIndex) -> None:
    first, second = (retriever(index).retrieve("a machine weaves").passages for _ in range(2))
    assert first == second


def test_every_stage_is_timed(index: CorpusIndex) -> None:
    found = retriever(index).retrieve("a machine weaves")
    assert tuple(found.timings_ms) == STAGES
    assert found.timings_ms["search"] > 0
    assert found.timings_ms["reranking"] >= 0


def test_words_alone_find_what_the_vectors_do_not() -> None:
    index = CorpusIndex()
    for n in range(150):
        index.add(f"Common words here, entry {n}.", document=f"doc{n}")
    index.add("Zyzzyva is a genus of weevils and of many other different unrelated things.", document="weevil")
    found = retriever(index).retrieve("common words here zyzzyva", top_k=3)
    assert "weevil" in [passage.document_id for passage in found.passages]
