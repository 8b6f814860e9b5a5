"""Self-query finds the authors, categories and days that a question names, and only those."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_llm_system.application.rag.search_scope import SearchScope
from rag_llm_system.application.rag.self_query import SelfQuery
from rag_llm_system.domain.documents import Category
from rag_llm_system.domain.users import UserDocument, user_id

LABONNE, IUSZTIN, ADA, RAMIREZ = "Maxime Labonne", "Paul Iusztin", "Ada Smith", "Sebastián Ramírez"
NAMES = (
    LABONNE,
    IUSZTIN,
    RAMIREZ,
    "Ahmed R. TAHRI",
    ADA,
    "Ben Smith",
    "Will McGugan",
    "Hugging Face",
    "NumPy Developers",
    "Qdrant Team",
    "The Pallets Project",
    "Иван Петров",
    "May Rich",
    "Delgan",
    "onnx",
    "filelock",
    "requests",
    "space_system",
    "default",
)
USERS = [UserDocument.from_full_name(name) for name in NAMES]
TODAY = date(2026, 11, 21)
ARTICLES, POSTS, REPOSITORIES = Category


def ask(question: str) -> SearchScope:
    return SelfQuery(lambda: USERS, today=lambda: TODAY)(question)


NAMED: list[tuple[str, tuple[str, ...], str]] = [
    # exact, any case
    ("What does Maxime Labonne say about LoRA?", (LABONNE,), "What about LoRA?"),
    ("what does maxime labonne say about lora", (LABONNE,), "what about lora"),
    ("WHAT DOES MAXIME LABONNE SAY ABOUT LORA?", (LABONNE,), "WHAT ABOUT LORA?"),
    ("Tell me about quantization. MAXIME LABONNE", (LABONNE,), "Tell me about quantization."),
    ("How does Maxime Labonne merge models?", (LABONNE,), "How does merge models?"),
    ("  What did\nAhmed R. Tahri write  about HTTP/3?", ("Ahmed R. TAHRI",), "What about HTTP/3?"),
    ("What did Ahmed Tahri write about HTTP/3?", ("Ahmed R. TAHRI",), "What about HTTP/3?"),
    ("What does Sebastián Ramírez think of decorators?", (RAMIREZ,), "What of decorators?"),
    ("What does Иван Петров say about caches?", ("Иван Петров",), "What about caches?"),
    ("what does ИВАН ПЕТРОВ say about caches?", ("Иван Петров",), "what about caches?"),
    # misspelt
    ("How does Maxim Labone merge models?", (LABONNE,), "How does merge models?"),
    ("What does Maxime Labbone say about LoRA?", (LABONNE,), "What about LoRA?"),
    ("How does Sebastian Ramirez declare types?", (RAMIREZ,), "How does declare types?"),
    ("What are Labone's views on DPO?", (LABONNE,), "What are views on DPO?"),
    ("According to Iustzin, which database is best?", (IUSZTIN,), "which database is best?"),
    ("WHAT DOES PAUL IUSTIN RECOMMEND FOR STREAMING", (IUSZTIN,), "WHAT FOR STREAMING"),
    # a part of the name
    ("Which steps are described by Iusztin?", (IUSZTIN,), "Which steps are described?"),
    ("According to Labonne, what is DPO?", (LABONNE,), "what is DPO?"),
    ("according to labonne what is dpo", (LABONNE,), "what is dpo"),
    ("What does Paul think of vector databases?", (IUSZTIN,), "What of vector databases?"),
    ("Has Iusztin written about Kafka?", (IUSZTIN,), "about Kafka?"),
    ("Iusztin recommends which database?", (IUSZTIN,), "which database?"),
    ("What did Dr. Labonne say about merging?", (LABONNE,), "What about merging?"),
    ("Explain merging according to Mr Labonne", (LABONNE,), "Explain merging"),
    ("Which databases does McGugan mention?", ("Will McGugan",), "Which databases?"),
    ("Which author Labonne trick speeds up training?", (LABONNE,), "Which trick speeds up training?"),
    # possessive
    ("What are Labonne's views on DPO?", (LABONNE,), "What are views on DPO?"),
    ("What are Labonne’s views on DPO?", (LABONNE,), "What are views on DPO?"),
    ("what is maxime labonne's view on dpo", (LABONNE,), "what is view on dpo"),
    ("Summarise Maxime Labonne's view of DPO", (LABONNE,), "Summarise view of DPO"),
    (
        "What are the NumPy Developers' rules for broadcasting?",
        ("NumPy Developers",),
        "What are the rules for broadcasting?",
    ),
    # several
    ("What do Labonne and Iusztin say about RAG?", (LABONNE, IUSZTIN), "What and about RAG?"),
    ("Compare Maxime Labonne, Paul Iusztin on RAG", (LABONNE, IUSZTIN), "Compare, on RAG"),
    ("Do Iusztin or Labonne recommend DPO?", (LABONNE, IUSZTIN), "or DPO?"),
    (
        "What do Labonne, Iusztin and McGugan say about tests?",
        (LABONNE, IUSZTIN, "Will McGugan"),
        "What, and about tests?",
    ),
    ("Maxime Labonne versus Paul Iusztin on agents", (LABONNE, IUSZTIN), "versus on agents"),
    # organisations and packages
    ("What does Delgan say about sinks?", ("Delgan",), "What about sinks?"),
    ("What does Qdrant recommend for payloads?", ("Qdrant Team",), "What for payloads?"),
    ("According to the Qdrant Team, what is a payload?", ("Qdrant Team",), "what is a payload?"),
    ("Which indexes are documented by NumPy developers?", ("NumPy Developers",), "Which indexes are documented?"),
    ("What does Pallets Project say about blueprints?", ("The Pallets Project",), "What about blueprints?"),
    ("What does onnx say about opsets?", ("onnx",), "What about opsets?"),
    ("according to requests, what is a session?", ("requests",), "what is a session?"),
    # nothing else is asked about: the question is searched for whole
    ("Who is Paul Iusztin?", (IUSZTIN,), "Who is Paul Iusztin?"),
    ("What did Ahmed Tahri write?", ("Ahmed R. TAHRI",), "What did Ahmed Tahri write?"),
    ("What does McGugan say?", ("Will McGugan",), "What does McGugan say?"),
]


@pytest.mark.parametrize(("question", "names", "search_text"), NAMED, ids=[case[0] for case in NAMED])
def test_a_name_that_is_meant_as_an_author_is_found(question: str, names: tuple[str, ...], search_text: str) -> None:
    scope = ask(question)
    assert set(scope.author_ids) == {user_id(name) for name in names}
    assert set(scope.names) == set(names)
    assert (scope.search_text, scope.categories, scope.period, scope.notes) == (search_text, (), None, ())


UNNAMED = [
    "How do I convert a model to onnx?",
    "What is onnx's newest opset?",
    "Which operators are supported by onnx?",
    "How is filelock used with a timeout?",
    "Does filelock work on NFS?",
    "How do requests handle redirects?",
    "Which requests are retried by default?",
    "Which header is sent by requests?",
    "Is Delgan a package?",
    "What is in the Systems' report?",
    "Which level is logged by default?",
    "What is set by Default?",
    "How do NumPy developers install it?",
    "Which indexes are explained by the NumPy developers?",
    "Does Qdrant Edge filter?",
    "Will rich render tables?",
    "What will May bring?",
    "What is stored by paul?",
    "How will it be sorted by will?",
    "What does the paper say about it?",
    "Where do I put my face image?",
    "Is a hug a kind of face?",
    "What is a petrov defence in chess?",
    "According to whom is LoRA best?",
    "What is the meaning of ada?",
    "東京の人口は？",
    "🙂🙂🙂",
    "the of and",
    "",
    "   ",
    "???",
    "\x00\x07\ud800",
    "a" * 10_000,
    "by " * 3_000,
]


@pytest.mark.parametrize("question", UNNAMED, ids=[repr(question[:50]) for question in UNNAMED])
def test_a_question_that_names_nobody_is_passed_on_as_it_is(question: str) -> None:
    assert ask(question) == SearchScope(question)


CATEGORIES: list[tuple[str, tuple[Category, ...], tuple[str, ...], str]] = [
    ("What does he say about LoRA in his posts?", (POSTS,), (), "What does he say about LoRA?"),
    ("What is said about LoRA in the posts?", (POSTS,), (), "What is said about LoRA?"),
    ("What is LoRA? Look only in posts.", (POSTS,), (), "What is LoRA? Look."),
    ("which article explains LoRA?", (ARTICLES,), (), "explains LoRA?"),
    ("WHICH ARTICLES DISCUSS LORA?", (ARTICLES,), (), "DISCUSS LORA?"),
    ("What is DPO, and which article covers it?", (ARTICLES,), (), "What is DPO, and covers it?"),
    ("Which of his articles mention Kafka?", (ARTICLES,), (), "mention Kafka?"),
    ("Which blog post compares vector databases?", (ARTICLES,), (), "compares vector databases?"),
    ("Which LinkedIn posts talk about agents?", (POSTS,), (), "talk about agents?"),
    ("What is used for streaming in her recent articles?", (ARTICLES,), (), "What is used for streaming?"),
    ("Where is the retry logic in the repositories?", (REPOSITORIES,), (), "Where is the retry logic?"),
    ("How is a lock taken in our GitHub repos?", (REPOSITORIES,), (), "How is a lock taken?"),
    ("Which repo shows how to fine-tune?", (REPOSITORIES,), (), "shows how to fine-tune?"),
    ("How is a lock taken in the code of filelock?", (REPOSITORIES,), ("filelock",), "How is a lock taken?"),
    ("How is a lock taken in filelock's code?", (REPOSITORIES,), ("filelock",), "How is a lock taken in?"),
    ("Where are sinks defined in Delgan's source code?", (REPOSITORIES,), ("Delgan",), "Where are sinks defined in?"),
    ("Which articles did Labonne write about DPO?", (ARTICLES,), (LABONNE,), "about DPO?"),
    ("articles by iusztin on streaming", (ARTICLES,), (IUSZTIN,), "on streaming"),
    ("Which posts by onnx mention opsets?", (POSTS,), ("onnx",), "mention opsets?"),
    ("What is DPO in Labonne's blog?", (ARTICLES,), (LABONNE,), "What is DPO in?"),
    ("In which article does Labonne explain merging?", (ARTICLES,), (LABONNE,), "merging?"),
    ("Summarise the posts written by Paul Iusztin on agents", (POSTS,), (IUSZTIN,), "Summarise on agents"),
    ("Iusztin's articles and Iusztin's posts on agents", (ARTICLES, POSTS), (IUSZTIN,), "and on agents"),
]


@pytest.mark.parametrize(("question", "categories", "names", "search_text"), CATEGORIES, ids=[c[0] for c in CATEGORIES])
def test_a_category_that_is_meant_is_found(
    question: str, categories: tuple[Category, ...], names: tuple[str, ...], search_text: str
) -> None:
    scope = ask(question)
    assert (scope.categories, scope.names, scope.search_text) == (categories, names, search_text)


NO_CATEGORY = [
    "What is an article?",
    "Which articles of the treaty guarantee free movement?",
    "Which article of the constitution mentions the king?",
    "In which article is the rule of law found?",
    "What do the Articles of Confederation say?",
    "Who ratified the powers in the Articles of Confederation?",
    "What was decided in the articles of war?",
    "What post did he hold in the government?",
    "Which post office is the oldest?",
    "In what post did she serve?",
    "How tall are the posts of a fence?",
    "How do I send a POST request?",
    "What is the genetic code of a virus?",
    "How is code formatted?",
    "What is in the code of Hammurabi?",
    "How do I clone a repository?",
    "What is a software repository used for?",
    "Which repository pattern is best?",
    "How many articles does Wikipedia have?",
    "Which essay question is hardest?",
]


@pytest.mark.parametrize("question", NO_CATEGORY)
def test_a_word_for_a_category_that_means_something_else_is_none(question: str) -> None:
    assert ask(question) == SearchScope(question)


PERIODS: list[tuple[str, str, str]] = [
    ("Which articles from 2023 mention LoRA?", "from 2023-01-01 to 2023-12-31", "Which articles mention LoRA?"),
    ("articles since 2023 about LoRA", "since 2023-01-01", "articles about LoRA"),
    ("posts after May 2021 on agents", "since 2021-06-01", "posts on agents"),
    ("articles published in 2021 on agents", "from 2021-01-01 to 2021-12-31", "articles on agents"),
    ("posts about agents that were written before March 2024", "until 2024-02-29", "posts about agents"),
    ("posts about agents published last year", "from 2025-01-01 to 2025-12-31", "posts about agents"),
    ("What do this year's articles say about DPO?", "from 2026-01-01 to 2026-11-21", "What do articles say about DPO?"),
    ("Which 2023 articles mention LoRA?", "from 2023-01-01 to 2023-12-31", "Which articles mention LoRA?"),
    ("blog posts between 2020 and 2022 on MLOps", "from 2020-01-01 to 2022-12-31", "blog posts on MLOps"),
    ("articles from 2020 to March 2022 on MLOps", "from 2020-01-01 to 2022-03-31", "articles on MLOps"),
    ("posts written in 2020-2022 on MLOps", "from 2020-01-01 to 2022-12-31", "posts on MLOps"),
    ("articles from 2023 to today about DPO", "since 2023-01-01", "articles about DPO"),
    ("posts between May 2023 and now about DPO", "since 2023-05-01", "posts about DPO"),
    ("articles from 2023 onwards about DPO", "since 2023-01-01", "articles about DPO"),
    ("articles until 2022-06 about DPO", "until 2022-06-30", "articles about DPO"),
    ("posts published on 3 May 2023 about DPO", "from 2023-05-03 to 2023-05-03", "posts about DPO"),
    ("posts since May 3rd, 2023 about DPO", "since 2023-05-03", "posts about DPO"),
    ("posts since 2023-05-03 about DPO", "since 2023-05-03", "posts about DPO"),
    ("articles from the last two years about DPO", "from 2024-11-21 to 2026-11-21", "articles about DPO"),
    ("articles from the past 30 days about DPO", "from 2026-10-22 to 2026-11-21", "articles about DPO"),
    ("posts from last week about DPO", "from 2026-11-09 to 2026-11-15", "posts about DPO"),
    ("posts from last month about DPO", "from 2026-10-01 to 2026-10-31", "posts about DPO"),
    ("POSTS SINCE JANUARY 2023 ABOUT DPO", "since 2023-01-01", "POSTS ABOUT DPO"),
    ("What did Labonne write about DPO since 2022?", "since 2022-01-01", "What about DPO?"),
    ("What has Labonne said about DPO since 2022?", "since 2022-01-01", "What about DPO?"),
    ("What does Labonne say about DPO since 2022?", "since 2022-01-01", "What about DPO?"),
    ("What did Labonne write in 2024 about DPO?", "from 2024-01-01 to 2024-12-31", "What about DPO?"),
    ("What did Labonne write about DPO in 2024?", "from 2024-01-01 to 2024-12-31", "What about DPO?"),
    ("In 2024, what did Labonne write about DPO?", "from 2024-01-01 to 2024-12-31", "what about DPO?"),
    ("Since 2023, what has Labonne said about DPO?", "since 2023-01-01", "what about DPO?"),
    ("What did Labonne say about DPO last year?", "from 2025-01-01 to 2025-12-31", "What about DPO?"),
    ("What did Labonne and Iusztin publish on agents before 2025?", "until 2024-12-31", "What and on agents?"),
    ("What is DPO in Labonne's articles from 2023?", "from 2023-01-01 to 2023-12-31", "What is DPO in?"),
    ("What was published about DPO since 2023?", "since 2023-01-01", "What was published about DPO?"),
]


@pytest.mark.parametrize(("question", "period", "search_text"), PERIODS, ids=[case[0] for case in PERIODS])
def test_days_of_publication_are_found(question: str, period: str, search_text: str) -> None:
    scope = ask(question)
    assert (str(scope.period), scope.search_text) == (period, search_text)


NO_PERIOD = [
    "What happened in 1969?",
    "Who won the election in 2016?",
    "What has changed since 2023?",
    "Which laws were passed between 2020 and 2022?",
    "Who was president before March 2024?",
    "How many articles did Wikipedia have in 2005?",
    "How many posts were published since 2010?",
    "Which paper published in 2017 introduced the transformer?",
    "Which article published in 1905 made Einstein famous?",
    "What articles from 1777 formed the confederation?",
    "What book was published in 2003?",
    "What was released last year?",
    "What is the revenue of this year?",
    "Which articles about the war of 2003 are best known?",
    "What documents from 1945 were declassified?",
    "posts since 2031 about DPO",
    "posts since 2023-13-45 about DPO",
    "posts between 2023 and 2021 about DPO",
    "Who wrote the 2005 report?",
    "In 2019, who wrote Parasite?",
    "What did the committee say in 2021?",
    "Does 2023 matter?",
    "articles from ſeptember 2023",
    "articles from aprİl 2023",
    "posts published in the last ſix months",
    "articles published in the last fİve years",
]


@pytest.mark.parametrize("question", NO_PERIOD)
def test_a_date_that_is_the_topic_is_no_filter(question: str) -> None:
    assert ask(question).period is None


@pytest.mark.parametrize(
    "question",
    [
        "What did Labonne say about the election in 2016?",
        "What does Labonne say about the GPUs of 2021?",
        "How did Maxime Labonne train the model that won in 2024?",
    ],
)
def test_what_an_author_says_about_a_year_is_not_what_they_wrote_in_it(question: str) -> None:
    assert (ask(question).names, ask(question).period) == ((LABONNE,), None)


def test_all_three_conditions_are_found_at_once() -> None:
    scope = ask("What do Labonne's posts from last year say about LoRA?")
    assert (scope.names, scope.categories) == ((LABONNE,), (POSTS,))
    assert str(scope.period) == "from 2025-01-01 to 2025-12-31"
    assert scope.search_text == "What do say about LoRA?"


def test_an_unknown_author_is_noted_and_nothing_is_filtered() -> None:
    scope = ask("What does Jane Doe say about caching?")
    assert not scope.is_narrow
    assert scope.notes == ('No author called "Jane Doe" is known; searched all authors.',)
    assert scope.search_text == "What does Jane Doe say about caching?"


@pytest.mark.parametrize(
    "question",
    ["What was written by Luther?", "When did Landau propose his problems?", "When has Toyota said it will close?"],
)
def test_whom_a_question_is_about_is_not_noted_as_an_unknown_author(question: str) -> None:
    assert ask(question).notes == ()


def test_a_short_name_must_be_written_right() -> None:
    assert ask("According to Paula, what is a monad?").author_ids == ()


def test_accents_do_not_count_on_either_side() -> None:
    users = [UserDocument.from_full_name("Zoë Łuć")]
    assert SelfQuery(lambda: users)("posts by zoe luc").names == ("Zoë Łuć",)
    assert SelfQuery(lambda: [UserDocument.from_full_name("Zoe Luc")])("posts by Zoë Łuć").names == ("Zoe Luc",)


def test_a_last_name_that_two_authors_share_is_noted_and_nothing_is_filtered() -> None:
    scope = ask("According to Smith, what is a monad?")
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


def test_an_author_added_later_is_found() -> None:
    users: list[UserDocument] = []
    search = SelfQuery(lambda: users)
    assert search("posts by Ada Lovelace").names == ()
    users.append(UserDocument.from_full_name("Ada Lovelace"))
    assert search("posts by Ada Lovelace").names == ("Ada Lovelace",)


def test_nobody_known_is_no_error() -> None:
    assert SelfQuery(list)("What is DPO?") == SearchScope("What is DPO?")


WORDS = """
what did Labonne Labonne's Paul Iusztin Smith onnx say write written published articles posts repos code which in by of
since before between and from last year two months 2023 2023-05 2023-02-31 March 31 , ? . 's the his according to
""".split()


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join), st.text(max_size=200)))
def test_any_question_gets_a_scope_that_can_be_searched(question: str) -> None:
    scope = ask(question)
    assert bool(scope.search_text.strip()) == bool(question.strip())
    assert not scope.where.matches_nothing
    assert scope.is_narrow or scope.search_text == question
