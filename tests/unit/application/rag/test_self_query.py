"""Self-query finds the authors a question names, and only those."""

import pytest

from rag_llm_system.application.rag.self_query import SelfQuery
from rag_llm_system.domain.users import UserDocument

NAMES = (
    "Maxime Labonne",
    "Paul Iusztin",
    "Sebastián Ramírez",
    "Ahmed R. TAHRI",
    "Ada Smith",
    "Ben Smith",
    "Will McGugan",
    "Hugging Face",
    "NumPy Developers",
    "Qdrant Team",
    "Delgan",
    "onnx",
    "filelock",
    "default",
)
USERS = [UserDocument.from_full_name(name) for name in NAMES]


def ask(question: str) -> tuple[str, ...]:
    return SelfQuery(lambda: USERS)(question).names


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("What does Maxime Labonne say about LoRA?", ("Maxime Labonne",)),
        ("what does maxime labonne say about lora", ("Maxime Labonne",)),
        ("Tell me about quantization. MAXIME LABONNE", ("Maxime Labonne",)),
        ("How does Maxim Labone merge models?", ("Maxime Labonne",)),
        ("How does Sebastian Ramirez declare types?", ("Sebastián Ramírez",)),
        ("What did Ahmed Tahri write?", ("Ahmed R. TAHRI",)),
        ("What are Labonne's views on DPO?", ("Maxime Labonne",)),
        ("What are Labonne’s views on DPO?", ("Maxime Labonne",)),
        ("What are Labone's views on DPO?", ("Maxime Labonne",)),
        ("Which steps are described by Iusztin?", ("Paul Iusztin",)),
        ("articles by iusztin on streaming", ("Paul Iusztin",)),
        ("According to Labonne, what is DPO?", ("Maxime Labonne",)),
        ("What does Paul think of vector databases?", ("Paul Iusztin",)),
        ("Has Iusztin written about Kafka?", ("Paul Iusztin",)),
        ("Iusztin recommends which database?", ("Paul Iusztin",)),
        ("What do Labonne and Iusztin say about RAG?", ("Maxime Labonne", "Paul Iusztin")),
        ("Compare Maxime Labonne, Paul Iusztin on RAG", ("Maxime Labonne", "Paul Iusztin")),
        ("What does Delgan say about sinks?", ("Delgan",)),
        ("Which posts by onnx mention opsets?", ("onnx",)),
        ("What does Qdrant recommend for payloads?", ("Qdrant Team",)),
        ("Which indexes are explained by the NumPy developers?", ()),
        ("Which indexes are documented by NumPy developers?", ("NumPy Developers",)),
    ],
)
def test_a_name_that_is_meant_as_an_author_is_found(question: str, names: tuple[str, ...]) -> None:
    assert ask(question) == names


@pytest.mark.parametrize(
    "question",
    [
        "How do I convert a model to onnx?",
        "What is onnx's newest opset?",
        "Which operators are supported by onnx?",
        "How is filelock used with a timeout?",
        "Does filelock work on NFS?",
        "Is Delgan a package?",
        "Which level is logged by default?",
        "What is set by Default?",
        "How do NumPy developers install it?",
        "Does Qdrant Edge filter?",
        "Will rich render tables?",
        "What is stored by paul?",
        "How will it be sorted by will?",
        "What does the paper say about it?",
        "Where do I put my face image?",
        "",
        "   ",
        "???",
    ],
)
def test_a_package_or_a_common_word_is_no_author(question: str) -> None:
    scope = SelfQuery(lambda: USERS)(question)
    assert (scope.names, scope.author_ids, scope.notes) == ((), (), ())
    assert scope.search_text == question


def test_an_unknown_author_is_noted_and_nothing_is_filtered() -> None:
    scope = SelfQuery(lambda: USERS)("What does Jane Doe say about caching?")
    assert scope.author_ids == ()
    assert scope.notes == ('No author called "Jane Doe" is known; searched all authors.',)
    assert scope.search_text == "What does Jane Doe say about caching?"


def test_a_short_name_must_be_written_right() -> None:
    assert SelfQuery(lambda: USERS)("According to Paula, what is a monad?").author_ids == ()


def test_accents_do_not_count_on_either_side() -> None:
    users = [UserDocument.from_full_name("Zoë Łuć")]
    assert SelfQuery(lambda: users)("posts by zoe luc").names == ("Zoë Łuć",)
    assert SelfQuery(lambda: [UserDocument.from_full_name("Zoe Luc")])("posts by Zoë Łuć").names == ("Zoe Luc",)


def test_a_last_name_that_two_authors_share_is_noted_and_nothing_is_filtered() -> None:
    scope = SelfQuery(lambda: USERS)("According to Smith, what is a monad?")
    assert scope.author_ids == ()
    assert scope.notes == ('Several authors are called "Smith"; searched all authors. Give the full name.',)


def test_one_name_under_two_ids_means_both() -> None:
    twins = [
        UserDocument(id="b", first_name="Maxime", last_name="Labonne"),
        UserDocument(id="a", first_name="maxime", last_name="labonne"),
    ]
    scope = SelfQuery(lambda: twins)("Labonne's articles")
    assert scope.author_ids == ("a", "b")
    assert len(scope.names) == 1


def test_the_name_is_left_out_of_what_is_searched_for() -> None:
    search = SelfQuery(lambda: USERS)
    assert search("What does Maxime Labonne say about LoRA?").search_text == "What about LoRA?"
    assert search("According to Labonne, what is DPO?").search_text == "what is DPO?"
    assert search("What are Labonne's views on DPO?").search_text == "What are views on DPO?"


def test_a_question_that_is_only_a_name_is_searched_for_whole() -> None:
    assert SelfQuery(lambda: USERS)("Who is Paul Iusztin?").search_text == "Who is Paul Iusztin?"


def test_an_author_added_later_is_found() -> None:
    users: list[UserDocument] = []
    search = SelfQuery(lambda: users)
    assert search("posts by Ada Lovelace").names == ()
    users.append(UserDocument.from_full_name("Ada Lovelace"))
    assert search("posts by Ada Lovelace").names == ("Ada Lovelace",)
