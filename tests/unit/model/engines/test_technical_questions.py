"""Questions about packages, settings and articles, each with passages as they are found for it, and what is quoted."""

import pytest

from rag_llm_system.domain.answers import AnswerLimits, Passage
from rag_llm_system.model.engines.extractive import ExtractiveEngine

FAST = Passage(
    1,
    "f",
    "## Performance\n\nIndependent benchmarks show Quickweb applications as among the fastest there are.\n\n"
    "### Additional dependencies\n\n* `packjson` - Required if you want to use `PackResponse`.\n\n"
    "## License\n\nThis project is licensed under the terms of the MIT license.\n",
    "quickweb",
    "",
    author_full_name="Ann Roe",
    path="README.md",
    start=900,
    similarity=0.5,
)
MODEL_FIRST = (
    "# Modelio Validation\n\nData validation using type hints.\n\n"
    "Fast and extensible, Modelio plays nicely with your editor.\n\n"
    "Modelio V2 is a ground-up rewrite that offers many new features compared to Modelio V1.\n"
)
MODEL = Passage(2, "m", MODEL_FIRST, "modelio", "", path="README.md", similarity=0.65)
MODEL_IN_USE = Passage(
    1, "u", "Call `modelio` with your types. Modelio then reads them.\n", "modelio", "", start=900, similarity=0.76
)
CHANGES = Passage(
    1,
    "c",
    "### New Contributors\n\n* @ann made their first contribution in https://example.org/modelio/pull/1\n"
    "* @bob made their first contribution in https://example.org/modelio/pull/2\n\n"
    "Now that Modelio is installed, run the checks.\n",
    "modelio",
    "",
    path="README.md",
    start=2000,
    similarity=0.7,
)
NAMED = Passage(
    2,
    "n",
    "## License\n\nFuzzbar is licensed under the MIT license since everyone should be free to use it.\n",
    "fuzzbar",
    "",
    path="README.md",
    start=700,
)
BRITISH = Passage(
    3, "b", "Barloop shows bars.\n\nLICENCE\n\nThe licence of Barloop is MIT.\n", "barloop", "", similarity=0.6
)
BADGES = Passage(
    1,
    "d",
    "Badger counts stars.\n\n.. |Stars| image:: https://example.org/badger/stars.svg\n"
    "   :target: https://example.org/badger\n.. |LICENCE| image:: https://example.org/badger/licence.svg\n"
    "   :target: https://example.org/badger/LICENCE\n",
    "badger",
    "",
    start=9000,
    similarity=0.76,
)
GRAPHS = Passage(
    1,
    "g",
    "The authors obtained 72.5% for the GAN and 70.3% for the GCM, which is clearly better.\n\n"
    "Let us see what the GAN learned. GANs are a family of models that learn by a contest.\n\n"
    "This is where Direct Choice Tuning (DCT) comes into play. DCT is a good candidate for its speed.\n",
    "Models that learn by a contest",
    "",
    author_full_name="Cara Poe",
    start=500,
    similarity=0.5,
)
ARTICLE = Passage(
    2,
    "a",
    "Quantization makes a model smaller by keeping its weights in fewer bits.\n\n"
    "**Join Medium with my referral link - Cara Poe**\n _As a member, a part of your fee goes to Cara Poe._\n\n"
    "Follow me, Cara Poe, for more on quantization.\n\nSubscribe to the newsletter of Cara Poe on quantization!\n\n"
    "[Facebook] [Twitter/X] [Cara Poe]\n\nCopyright (c) 2024 Cara Poe, all rights reserved.\n",
    "How to make models smaller",
    "",
    author_full_name="Cara Poe",
    start=800,
    similarity=0.5,
)
SETTINGS = Passage(
    1,
    "s",
    "## The two servers\n\n| key | default | what it does |\n| --- | --- | --- |\n"
    "| `APP_HOST` | `127.0.0.1` | Address of the main API. |\n| `APP_PORT` | `8001` | Port of the main API. |\n"
    "| `APP_MODEL_PORT` | `8000` | Port of the model server. |\n"
    "| `APP_TIMEOUT_S` | `60.0` | How long the main API waits for an answer. |\n",
    "Settings",
    "",
    similarity=0.6,
)
DECISION = Passage(
    1,
    "d",
    "# 2. The ledger of what is indexed is a collection of the index\n\n"
    "**Question.** Where is it kept which documents are indexed? In the document store it would be a table away.\n\n"
    "**Why.** Two stores drift apart: an index that is moved would leave a ledger that lies.\n",
    "2. The ledger of what is indexed is a collection of the index",
    "",
    similarity=0.8,
)
WEB = Passage(
    1,
    "w",
    "Quickweb is open source and rests on standards. It would be slower without them.\n\n"
    "Quickweb is a modern framework for building APIs.\n\nPip lets you install Quickweb.\n",
    "quickweb",
    "",
    start=300,
    similarity=0.6,
)
REFUSED = "(refused)"


def quoted(question: str, *passages: Passage) -> list[str]:
    deltas = list(ExtractiveEngine().stream(question, passages, AnswerLimits()))
    assert all(quote.text in passages[quote.passage_number - 1].text for delta in deltas for quote in delta.quotes)
    return [REFUSED] if deltas[0].refused else [quote.text for delta in deltas for quote in delta.quotes]


@pytest.mark.parametrize(
    ("question", "passages", "expected"),
    [
        ("What license does quickweb have?", (FAST,), "This project is licensed under the terms of the MIT license."),
        ("What is the license of Quickweb?", (FAST,), "This project is licensed under the terms of the MIT license."),
        ("Which license is quickweb under?", (FAST,), "This project is licensed under the terms of the MIT license."),
        ("What license does packjson have?", (FAST,), REFUSED),
        ("What license does zebra have?", (FAST,), REFUSED),
        ("What license does fuzzbar have?", (NAMED, FAST), "Fuzzbar is licensed under the MIT license since"),
        ("What license does modelio have?", (MODEL_IN_USE, NAMED), REFUSED),
        ("What license does barloop have?", (BRITISH, NAMED), "The licence of Barloop is MIT."),
        ("What license does badger have?", (BADGES,), REFUSED),
        ("What is modelio?", (CHANGES, MODEL), "Data validation using type hints."),
        ("What is Modelio?", (CHANGES,), REFUSED),
        ("What is a GAN?", (GRAPHS,), "GANs are a family of models that learn by a contest."),
        ("What is DCT?", (GRAPHS,), "This is where Direct Choice Tuning (DCT) comes into play."),
        ("What is Quickweb?", (WEB,), "Quickweb is a modern framework for building APIs."),
        ("Who is Cara Poe?", (GRAPHS, ARTICLE), REFUSED),
        ("What did Cara Poe write about quantization?", (GRAPHS, ARTICLE), "Quantization makes a model smaller"),
        ("What has Cara Poe published on quantization?", (GRAPHS, ARTICLE), "Quantization makes a model smaller"),
        ("what does Cara Poe say about quantization", (GRAPHS, ARTICLE), "Quantization makes a model smaller"),
        ("What has Cara Poe posted about quantization?", (GRAPHS, ARTICLE), "Quantization makes a model smaller"),
        ("What articles on quantization are there?", (GRAPHS, ARTICLE), "Quantization makes a model smaller"),
        ("Who has the copyright, Cara Poe?", (GRAPHS, ARTICLE), "Copyright (c) 2024 Cara Poe, all rights reserved."),
        ("What is the port of the main API?", (SETTINGS,), "| `APP_PORT` | `8001` | Port of the main API. |"),
        ("What port does the model server use?", (SETTINGS,), "| `APP_MODEL_PORT` | `8000` | Port of the model server"),
        ("How long does the main API wait for an answer?", (SETTINGS,), "| `APP_TIMEOUT_S` | `60.0` |"),
        ("Where is the ledger of what is indexed kept?", (DECISION,), "The ledger of what is indexed is a collection"),
        ("How fast is Quickweb?", (FAST,), "Independent benchmarks show Quickweb applications"),
        ("What is the capital of Australia?", (SETTINGS, FAST, ARTICLE), REFUSED),
    ],
)
def test_the_first_quote_answers(question: str, passages: tuple[Passage, ...], expected: str) -> None:
    numbered = [
        Passage(n, p.id, p.text, p.title, "", p.author_full_name, path=p.path, start=p.start, similarity=p.similarity)
        for n, p in enumerate(passages, start=1)
    ]
    assert quoted(question, *numbered)[0].startswith(expected)


@pytest.mark.parametrize("question", ["What is a GAN?", "What is the port of the main API?"])
def test_no_filler_follows_a_definition_or_a_row(question: str) -> None:
    passage = GRAPHS if "GAN" in question else SETTINGS
    assert len(quoted(question, passage)) == 1


def test_the_second_quote_holds_terms_of_the_question_too() -> None:
    text = "The mill at Leith was built of stone by Ann. Much was done there. The mill at Leith was built in 1850."
    assert "Much was done there." not in quoted(
        "When was the mill at Leith built?", Passage(1, "a", text, "", "", similarity=0.6)
    )


@pytest.mark.parametrize(
    ("question", "text", "expected"),
    [
        (
            "Where does the cache live?",
            "The cache could live in memory. The cache does live on disk.",
            "The cache does",
        ),
        (
            "Which port does the gateway use?",
            "| `PORT` | `80` | Port of the gateway. |\n\nThe port of the gateway is always number 80.\n",
            "The port of the gateway is always number 80.",
        ),
    ],
)
def test_what_is_said_plainly_comes_before_what_could_be_and_before_a_row(
    question: str, text: str, expected: str
) -> None:
    assert quoted(question, Passage(1, "a", text, "", "", similarity=0.7))[0].startswith(expected)
