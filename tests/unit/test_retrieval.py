"""What is most similar is found, whatever the words, the scripts and the order of the texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.adapters.retrieval import Bm25, retriever
from harness.likeness import terms, words

LETTERS = st.text(alphabet="ab 日é\n.", max_size=12)
TEXTS = st.lists(LETTERS, max_size=8)


def test_the_text_with_the_rarest_words_in_common_comes_first() -> None:
    index = Bm25(["the card is lost", "the rate of exchange is high", "the card has not arrived"])
    assert index.nearest(["Has my CARD arrived?", "what is the exchange-rate"], 2) == [[2, 0], [1, 0]]


def test_one_query_gets_the_same_alone_and_among_others() -> None:
    texts = ["a b", "b c", "c d", "d a"]
    index = Bm25(texts)
    assert index.nearest(texts, 3) == [index.nearest([text], 3)[0] for text in texts]


def test_equals_come_in_their_order_and_a_word_counts_more_than_none() -> None:
    assert Bm25(["x", "y z", "y z", "y z"]).nearest(["y"], 4) == [[1, 2, 3, 0]]


@pytest.mark.parametrize(
    ("texts", "query", "expected"),
    [
        ([], "a", []),
        (["", ""], "a", [0, 1]),
        (["", "a", "..."], "a", [1, 0, 2]),
        (["a", "b"], "", [0, 1]),
        (["a", "b"], "?!", [0, 1]),
        (["a", "b"], "unknown", [0, 1]),
        (["a"], "a", [0]),
    ],
)
def test_without_words_the_first_are_the_nearest(texts: list[str], query: str, expected: list[int]) -> None:
    assert Bm25(texts).nearest([query], 5) == [expected]


def test_scripts_without_spaces_are_searched_sign_by_sign() -> None:
    texts = ["銀行口座を開設したい", "東京の天気はどうですか", "2024年の為替レート"]
    assert [places[0] for places in Bm25(texts).nearest(["口座の開設方法", "今日の天気", "為替"], 1)] == [0, 1, 2]


def test_words_to_search_by_are_of_one_spelling() -> None:
    assert terms("GPT模型 2024年") == ["gpt", "模", "型", "2024", "年"]
    assert terms("Cafe\u0301 ＦＵＬＬ") == terms("café full") == ["café", "full"]
    assert words("GPT模型") == ["gpt模型"], "a ledger's phrases are cut as they always were"


@given(TEXTS, LETTERS, st.integers(0, 10))
def test_every_text_is_ranked_once_and_fewer_are_the_beginning_of_more(
    texts: list[str], query: str, count: int
) -> None:
    index = Bm25(texts)
    [every] = index.nearest([query], len(texts))
    assert sorted(every) == list(range(len(texts)))
    assert index.nearest([query], count) == [every[:count]]


@given(TEXTS, LETTERS)
def test_texts_that_share_a_word_come_before_those_that_share_none(texts: list[str], query: str) -> None:
    [every] = Bm25(texts).nearest([query], len(texts))
    shares = [not set(terms(texts[place])).isdisjoint(terms(query)) for place in every]
    assert shares == sorted(shares, reverse=True)
    strangers = [place for place, share in zip(every, shares, strict=True) if not share]
    assert strangers == sorted(strangers)


def test_embeddings_need_a_model() -> None:
    with pytest.raises(AssertionError, match="no embedding model"):
        retriever("embedding", ["a"])
