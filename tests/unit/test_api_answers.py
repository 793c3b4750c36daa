"""What is asked of a model behind an API, and what is made of its answers."""

import pytest
from odd_server import KEY, Reply, asked, failed, odd_server, said, talk

from harness.adapters.endpoint import well_formed
from harness.adapters.generator import Generated
from harness.errors import UserError

pytestmark = pytest.mark.usefixtures("planted_key")


def test_answers_come_in_the_order_of_the_questions_and_ask_greedily() -> None:
    with odd_server(lambda question, time: said(f" {question}! ")) as odd:
        found = asked(odd.generator(parallel=4, key_env="PLANTED_KEY"), *"abcdefgh")
    assert [answer.text for answer in found] == [f"{letter}!" for letter in "abcdefgh"]
    assert {(answer.status, answer.tokens_in, answer.tokens_out) for answer in found} == {("ok", 7, 3)}
    assert odd.asked[0] | {"messages": 0} == {
        "model": "odd",
        "messages": 0,
        "max_tokens": 5,
        "temperature": 0.0,
        "seed": 0,
    }
    assert set(odd.keys) == {f"Bearer {KEY}"}


def test_a_key_of_another_server_is_not_sent_where_none_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with odd_server(lambda question, time: said("a")) as odd:
        asked(odd.generator(key_env=None), "x")
    assert odd.keys == ["Bearer none"]


def test_an_item_that_is_too_long_is_truncated_and_the_others_go_on() -> None:
    faults = {
        "openai": failed(400, "This is long", code="context_length_exceeded"),
        "vllm": failed(400, "This model's maximum context length is 64 tokens. However, you requested 99 tokens"),
        "llama": failed(400, "the request exceeds the available context size"),
        "other": Reply({"detail": "prompt is too long"}, 400),
    }
    with odd_server(lambda question, time: faults.get(question, said("fine"))) as odd:
        found = asked(odd.generator(), *faults, "short")
    assert found == [*[Generated("", "truncated", 0, 0)] * 4, Generated("fine", "ok", 7, 3)]


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (said("a b", reason="length"), Generated("a b", "unfinished", 7, 3)),
        (said(None), Generated("", "ok", 7, 3)),
        (said("\ud800x\udc00"), Generated("\ufffdx\ufffd", "ok", 7, 3)),
        (said("\x00\x1b]0;owned\x07\u202e"), Generated("\x00\x1b]0;owned\x07\u202e", "ok", 7, 3)),
        (said("a", usage=None), Generated("a", "ok", 0, 0)),
        (said("a", usage={"prompt_tokens": "9", "completion_tokens": -1}), Generated("a", "ok", 0, 0)),
        (said(f"your key is {KEY}"), Generated("your key is ***", "ok", 7, 3)),
    ],
)
def test_odd_answers_are_answers(reply: Reply, answer: Generated) -> None:
    with odd_server(lambda question, time: reply) as odd:
        assert asked(odd.generator(key_env="PLANTED_KEY"), "x") == [answer]


def test_halves_of_a_pair_go_neither_in_nor_out() -> None:
    with odd_server(lambda question, time: said("a")) as odd:
        asked(odd.generator(), "x\ud83d")
    assert odd.asked[0]["messages"][0]["content"] == "x\ufffd"
    assert well_formed("\ud83d\ude00") == "😀"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "the environment variable MY_KEY, which should hold the key, is not set"),
        (" \n", "is not set"),
        (f"{KEY}\nx", "holds what cannot be a key"),
        (f"{KEY}é", "holds what cannot be a key"),
    ],
)
def test_a_key_that_cannot_be_one_is_told_before_any_request(
    value: str | None, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is not None:
        monkeypatch.setenv("MY_KEY", value)
    with odd_server(lambda question, time: said("a")) as odd:
        with pytest.raises(UserError) as caught:
            odd.generator(key_env="MY_KEY")
        assert odd.asked == []
    assert words in str(caught.value)
    assert KEY not in str(caught.value)


def test_the_likeliest_label_is_not_asked_of_an_api() -> None:
    with odd_server(lambda question, time: said("a")) as odd, pytest.raises(UserError, match="how likely a label is"):
        odd.generator().choices(talk("x"), labels=["a", "b"], known={}, keep=lambda answers: None)
    assert odd.asked == []
