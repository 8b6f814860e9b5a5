"""A follow-up question is made one that stands alone, and one that stands alone stays as it is."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_llm_system.application.rag.follow_ups import FollowUps, StandaloneQuestion
from rag_llm_system.domain.conversations import Turn

TURING = Turn("Who was Alan Turing?", "Alan Turing was an English mathematician.")
LORA = Turn("What is LoRA?", "LoRA is a way to fine-tune a model.")
PRUNING = Turn("How does quantization work?", "It stores weights in fewer bits.")
TOWER = Turn("When was the Eiffel Tower built?", "It was built from 1887 to 1889.")
PARIS = Turn("What was the population of Paris in 2010?", "2.2 million.")
CAPITAL = Turn("What is the capital of France?", "Paris is the capital of France.")
DRACULA = Turn("Who wrote Dracula?", "Bram Stoker wrote Dracula in 1897.")
TELEPHONE = Turn("Who invented the telephone?", "It was Alexander Graham Bell, in 1876.")
SAVES = Turn("Does LoRA save memory?", "Yes.")
BRONCOS = Turn("How many points did the Broncos score?", "24 points.")
LABONNE = Turn("What does Labonne say about LoRA?", "That it saves memory.")
NUMPY = Turn("What are NumPy arrays used for?", "For numbers.")

REWRITTEN: list[tuple[Turn, str, str]] = [
    # pronouns: persons
    (TURING, "When was he born?", "When was Alan Turing born?"),
    (TURING, "when did he die", "When did Alan Turing die?"),
    (TURING, "WHERE DID HE STUDY?", "WHERE DID Alan Turing STUDY?"),
    (TURING, "What is his best known work?", "What is Alan Turing's best known work?"),
    (TURING, "Who taught him?", "Who taught Alan Turing?"),
    (TURING, "Was he ever married and did he have children?", "Was Alan Turing ever married and did he have children?"),
    (TURING, "And where was he born?", "And where was Alan Turing born?"),
    (
        Turn("Who was Ada Lovelace?"),
        "What did she write about her mother?",
        "What did Ada Lovelace write about her mother?",
    ),
    (Turn("Who was Ada Lovelace?"), "Who married her?", "Who married Ada Lovelace?"),
    (Turn("Who was Ada Lovelace?"), "What was her father's name?", "What was Ada Lovelace's father's name?"),
    (Turn("who was ada lovelace"), "when was she born", "When was ada lovelace born?"),
    (DRACULA, "When was he born?", "When was Bram Stoker born?"),
    (TELEPHONE, "Where did he live?", "Where did Alexander Graham Bell live?"),
    (Turn("Where did Nikola Tesla die?", "In New York."), "How old was he?", "How old was Nikola Tesla?"),
    # pronouns: things
    (LORA, "How does it work?", "How does LoRA work?"),
    (LORA, "What are its drawbacks?", "What are LoRA's drawbacks?"),
    (LORA, "how much memory does it need", "How much memory does LoRA need?"),
    (SAVES, "Why is that?", "Why does LoRA save memory?"),
    (Turn("Who wrote Hamlet?", "Shakespeare wrote Hamlet."), "When was he born?", "When was Shakespeare born?"),
    (LORA, "How does this help?", "How does LoRA help?"),
    (LORA, "How is this method trained?", "How is this method (LoRA) trained?"),
    (PRUNING, "When should I use it?", "When should I use quantization?"),
    (TOWER, "How tall is it?", "How tall is the Eiffel Tower?"),
    (TOWER, "Who designed it?", "Who designed the Eiffel Tower?"),
    (DRACULA, "When was it published?", "When was Dracula published?"),
    (TELEPHONE, "How did it work?", "How did the telephone work?"),
    (CAPITAL, "How many people live there?", "How many people live in the capital of France?"),
    (CAPITAL, "How large is it?", "How large is the capital of France?"),
    (NUMPY, "How are they stored?", "How are NumPy arrays stored?"),
    (NUMPY, "What is their shape?", "What is NumPy arrays' shape?"),
    (Turn("What is a vector database?"), "Why do I need it?", "Why do I need a vector database?"),
    (Turn("Explain gradient checkpointing"), "When does it help?", "When does gradient checkpointing help?"),
    (Turn("Tell me about the Black Death."), "How did it spread?", "How did the Black Death spread?"),
    # ellipses: another thing, another time
    (CAPITAL, "What about Germany?", "What is the capital of Germany?"),
    (CAPITAL, "and germany?", "What is the capital of germany?"),
    (CAPITAL, "How about the Netherlands?", "What is the capital of the Netherlands?"),
    (PRUNING, "What about pruning?", "How does pruning work?"),
    (TOWER, "And the Louvre?", "When was the Louvre built?"),
    (SAVES, "What about QLoRA?", "Does QLoRA save memory?"),
    (PARIS, "And in 2020?", "What was the population of Paris in 2020?"),
    (PARIS, "what about 2020", "What was the population of Paris in 2020?"),
    (PARIS, "What about London?", "What was the population of London in 2010?"),
    (BRONCOS, "And in 2020?", "How many points did the Broncos score in 2020?"),
    (LABONNE, "And in his posts?", "What does Labonne say about LoRA in his posts?"),
    (LABONNE, "since 2023?", "What does Labonne say about LoRA since 2023?"),
    (BRONCOS, "In the second half?", "How many points did the Broncos score in the second half?"),
    (
        Turn("How far is Paris from London?"),
        "What about Berlin?",
        "How far is Paris from London, and what about Berlin?",
    ),
    (Turn("Can I call C here?"), "What about Rust?", "Can I call Rust here?"),
    (
        Turn("Is the U.S. large?"),
        "What about Canada?",
        "Is Canada large?",
    ),
    (Turn("Who managed The Beatles?"), "And the Stones?", "Who managed the Stones?"),
    # ellipses: another word that asks
    (SAVES, "Why?", "Why does LoRA save memory?"),
    (SAVES, "How so?", "Does LoRA save memory, and how so?"),
    (TOWER, "Why?", "Why was the Eiffel Tower built?"),
    (TOWER, "And where?", "Where was the Eiffel Tower built?"),
    (BRONCOS, "When?", "When did the Broncos score?"),
    (DRACULA, "When?", "Who wrote Dracula, and when?"),
    (LORA, "Why?", "What is LoRA, and why?"),
    (LORA, "Tell me more.", "Tell me more about LoRA."),
    (LORA, "Can you elaborate?", "Tell me more about LoRA."),
]


@pytest.mark.parametrize(("before", "question", "text"), REWRITTEN, ids=[f"{t.question} {q}" for t, q, _ in REWRITTEN])
def test_a_follow_up_is_made_to_stand_alone(before: Turn, question: str, text: str) -> None:
    assert FollowUps()([before], question) == StandaloneQuestion(text, (f'Understood as: "{text}"',))


UNCHANGED: list[tuple[Turn, str]] = [
    (TURING, "What is a transformer?"),
    (TURING, "When did Einstein publish his theory?"),
    (TURING, "Who was the king and when did he abdicate?"),
    (TURING, "What is LoRA and how does it work?"),
    (TURING, "Is there a cure for malaria?"),
    (TURING, "How many moons are there?"),
    (LORA, "How long does it take to train a model?"),
    (LORA, "Is it possible to fine-tune on a laptop?"),
    (LORA, "Is it true that models forget?"),
    (LORA, "What time is it?"),
    (LORA, "What does it mean to overfit?"),
    (LORA, "If a model overfits, how is it stopped?"),
    (LORA, "Does the optimizer keep its state?"),
    (LORA, "Which of these is best?"),
    (LORA, "What happened this year?"),
    (LORA, "Who said that attention is all you need?"),
    (LORA, "What are the ones that failed?"),
    (LORA, "thanks"),
    (LORA, "Yes."),
    (LORA, "And how is a vector stored?"),
    (LORA, "What about the question of who owns the model weights once they are trained on my data?"),
    (Turn("Really?", "Yes."), "When was he born?"),
    (Turn("Is it?", "Yes."), "How does it work?"),
    (Turn("?", "!"), "Why?"),
    (Turn(""), "Why?"),
    (LORA, ""),
    (LORA, "???"),
    (LORA, "🙂"),
    (LORA, "それは何ですか？"),
    (LORA, "\ud800\x00"),
    (LORA, "it " * 3_000),
    (Turn("A" * 10_000, "B " * 10_000), "Where is it?"),
]


@pytest.mark.parametrize(("before", "question"), UNCHANGED, ids=[repr(question[:60]) for _, question in UNCHANGED])
def test_a_question_that_stands_alone_or_is_not_plain_stays_as_it_is(before: Turn, question: str) -> None:
    assert FollowUps()([before], question) == StandaloneQuestion(question)


def test_without_a_history_nothing_is_changed() -> None:
    assert FollowUps()([], "When was he born?") == StandaloneQuestion("When was he born?")


def test_a_follow_up_of_a_follow_up_is_understood() -> None:
    history = [TURING, Turn("When was he born?", "In 1912."), Turn("And where?", "In London.")]
    assert FollowUps()(history, "When did he die?").text == "When did Alan Turing die?"
    history = [CAPITAL, Turn("What about Germany?", "Berlin.")]
    assert FollowUps()(history, "And Spain?").text == "What is the capital of Spain?"


def test_only_the_last_turns_are_looked_at() -> None:
    history = [TURING, *[Turn("And where?", "There.")] * 5]
    assert FollowUps(max_turns=5)(history, "When was he born?").text == "When was he born?"
    assert FollowUps(max_turns=6)(history, "When was he born?").text == "When was Alan Turing born?"
    assert FollowUps(max_turns=0)([TURING], "When was he born?").text == "When was he born?"


def test_a_question_does_not_grow_beyond_its_limit() -> None:
    assert FollowUps(max_question_chars=20)([TURING], "When was he born?").text == "When was he born?"


WORDS = """
who what when why how about and in 2020 was is did does he his it its they there this that the a of Paris Alan Turing
LoRA work born model , ? . 's tell me more
""".split()
questions = st.one_of(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join), st.text(max_size=100))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.builds(Turn, questions, questions), max_size=4), questions)
def test_any_conversation_gets_a_question_that_can_be_asked(history: list[Turn], question: str) -> None:
    asked = FollowUps(max_question_chars=200)(history, question)
    assert asked.text == question or (asked.text.strip() and len(asked.text) <= 200)
    assert bool(asked.notes) == (asked.text != question)
