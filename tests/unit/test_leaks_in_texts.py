"""Test items that stand in a prompt, in the corpus or among the shots never make a champion look good."""

import json
import time
from pathlib import Path
from typing import Any

import fake_reader
import pytest
from fake_world import FakeWorld, fake_setup
from hypothesis import given, settings
from hypothesis import strategies as st
from workspace import make_workspace, swap, write

from harness.jsonl import read_rows
from harness.likeness import normalised
from harness.loading import load_experiment
from harness.plan import build
from harness.plan.setup import FamilyFiles, Setup, Source
from harness.prompts import PromptConfig
from harness.records import Example
from harness.stages import Job
from harness.stages.data import leaked_items, write_selection, write_testset
from harness.stages.predict import write_predictions
from harness.stages.quoting import QUOTED, quoted
from harness.stages.score import write_scores
from harness.steps import Step

RAG = "family: rag\ndescription: Passages.\nvariants:\n  - {name: bare}\n  - {name: two, passages: 2}\n"


def example(name: str, text: str) -> Example:
    return Example(id=name, split="test", group=name, input=text, reference="x")


@settings(max_examples=300, deadline=None)
@given(
    passages=st.lists(st.text("ab", max_size=90), max_size=6),
    cuts=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 60), st.integers(0, 45)), max_size=6),
    others=st.lists(st.text("ab", min_size=15, max_size=40), max_size=4),
)
def test_quotes_are_found_exactly_where_a_plain_search_finds_them(
    passages: list[str], cuts: list[tuple[int, int, int]], others: list[str]
) -> None:
    cut = [passages[which][start : start + length] for which, start, length in cuts if which < len(passages)]
    texts = [*cut, *others]
    plain = {text: [place for place, passage in enumerate(passages) if text in passage] for text in texts}
    expected = {text: places[0] for text, places in plain.items() if places and len(text) >= QUOTED}
    assert quoted(texts, passages=passages) == expected


def test_a_long_item_is_found_as_a_whole_or_not_at_all() -> None:
    text = normalised(" ".join(f"word{i} of a long story" for i in range(200)))
    assert quoted([text], passages=["x", f"before{text}after"]) == {text: 1}
    assert quoted([text], passages=[text[:-1], text[1:], text[: len(text) // 2]]) == {}


def test_a_large_corpus_is_searched_while_it_is_read() -> None:
    """10,000 passages and 1,000 items that all begin alike; one by one this would be 10 million searches."""
    passages = [f"What is the capital of land {i}? It is city {i}, by the sea." * 5 for i in range(10_000)]
    test = [example(str(i), f"What is the capital of the lost land {i}?") for i in range(990)]
    test += [example(f"copy{i}", f"what is the CAPITAL of land {1000 * i}") for i in range(10)]
    began = time.process_time()
    found = leaked_items(test, seen={}, passages=passages)
    assert time.process_time() - began < 20
    assert [pair["id"] for pair in found] == [f"copy{i}" for i in range(10)]
    assert found[2]["twin"] == "the passage “What is the capital of land 2000? It is …”"


def test_a_passage_that_answers_is_no_copy_and_a_short_item_may_stand_anywhere() -> None:
    passages = ["Ada was born in Lyon in 1990 and lives in Paris.", "Where does Ada live now? In Paris."]
    test = [
        example("1", "In which town was Ada born?"),
        example("2", "where does ADA live now"),
        example("3", "Ada lives"),
    ]
    assert [pair["id"] for pair in leaked_items(test, seen={}, passages=passages)] == []
    test.append(example("4", "Where does Ada  live now? In Paris"))
    assert [pair["id"] for pair in leaked_items(test, seen={}, passages=passages)] == ["4"]


def test_what_an_earlier_version_saw_is_known_by_text_and_by_row() -> None:
    test = [example("1", "the cat sat"), example("2", "Another  template"), example("3", "fresh")]
    earlier = {"train of old": [example("9", "The cat sat."), example("2", "one template")]}
    assert leaked_items(test, seen={}, earlier=earlier) == [
        {"id": "1", "twin": "train of old/9"},
        {"id": "2", "twin": "train of old/2"},
    ]
    assert leaked_items(test, seen={"train": [example("9", "the cat sat")]}, earlier=earlier)[0]["twin"] == "train/9"


def corpus_setup(tmp_path: Path) -> Setup:
    spec = make_workspace(tmp_path)
    write(tmp_path, "corpus.jsonl", '{"text": "x"}\n')
    swap(tmp_path, "tasks/qa/task.yaml", "instruction:", "corpus: {source: corpus.jsonl}\ninstruction:")
    write(tmp_path, "baselines/rag.yaml", RAG)
    swap(tmp_path, "experiments/first.yaml", "few_shot, ", "few_shot, rag, ")
    setup = fake_setup(load_experiment(spec))
    return Setup(**{**vars(setup), "corpus": Source({"files": ["1" * 64]}, "corpus.jsonl")})


@pytest.mark.parametrize("wins", [0, 2])
def test_the_corpus_is_searched_where_a_champion_reads_it(tmp_path: Path, wins: int) -> None:
    def score(step: Step, world: FakeWorld) -> float:
        return 0.9 if world.answers_of(step).inputs.get("prompt", {}).get("passages") == wins else 0.2

    world = FakeWorld(score)
    world.reach(corpus_setup(tmp_path))
    (sealed,) = [step for step in world.log if step.stage == "testset"]
    assert sealed.inputs.get("corpus") == ({"files": ["1" * 64], "text": "{text}"} if wins else None)
    assert sealed.local.get("corpus") == ("corpus.jsonl" if wins else None)


def test_every_champions_prompt_is_searched_whatever_its_family(tmp_path: Path) -> None:
    setup, world = corpus_setup(tmp_path), FakeWorld(lambda step, world: 0.5)
    done = world.reach(setup)
    (sealed,) = [step for step in world.log if step.stage == "testset"]
    asked = {
        step.inputs["prompt"]["template"]
        for step in world.log
        if step.stage == "predict" and step.inputs["split"] == "test" and "prompt" in step.inputs
    }
    assert asked == set(sealed.inputs["prompts"])
    assert len(done.champions) == len(setup.resolved.families) + 1


def test_the_words_of_a_searched_prompt_are_searched_too(tmp_path: Path) -> None:
    """Whoever wrote it: a search or an optimiser hands in a prompt like any other."""
    setup = fake_setup(load_experiment(make_workspace(tmp_path)))
    written = PromptConfig(template="Rule 7: think.\n{input}", system="You met: what is the capital of land 3?")
    step = build.testset_step(setup, data="data-1", prompts=[written], further={})
    assert step.inputs["prompts"] == ["You met: what is the capital of land 3?\nRule 7: think.\n{input}"]
    found = leaked_items([example("1", "What is the capital of land 3?")], seen={}, prompts=step.inputs["prompts"])
    assert [pair["id"] for pair in found] == ["1"]


def test_data_of_an_earlier_version_goes_to_the_test_set_unless_they_are_the_same(tmp_path: Path) -> None:
    setup = fake_setup(load_experiment(make_workspace(tmp_path)))
    files = {"old": FamilyFiles(seen="data-0"), "same": FamilyFiles(seen="data-1"), "folder": FamilyFiles()}
    step = build.testset_step(Setup(**{**vars(setup), "families": files}), data="data-1", prompts=[], further={})
    assert step.needs == {"data": "data-1", "seen:old": "data-0"}


class Bench:
    """A task on disk whose training rows hold a copy of one test item, and stages that run on it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.needs = folder, dict[str, Path]()
        people = [f"Person{'abcdefghijkl'[i]}" for i in range(12)]
        rows = [{"q": f"Where does {who} live?", "a": f"Town{who[-1]}"} for who in people]
        told = [{"q": f"Where does {who} live?", "a": f"{who} lives in Town{who[-1]}"} for who in people[4:]]
        told.append({"q": f"where does {people[0]} LIVE", "a": f"{people[0]} lives in Towna"})
        for name, found in {"train": told[2:], "validation": told[:2], "test": rows[:4]}.items():
            write(folder, f"rows/{name}.jsonl", "".join(f"{json.dumps(row)}\n" for row in found))

    def run(self, stage: Any, out: str, inputs: dict[str, Any], **local: Any) -> dict[str, Any]:
        """A stage's summary; its folder is needed under its name by the stages after it."""
        (self.folder / out).mkdir()
        job = Job(inputs, dict(self.needs), local, self.folder / out, lambda done, total: None)
        summary: dict[str, Any] = stage(job)
        self.needs[out] = self.folder / out
        return summary


@pytest.mark.parametrize("way", ["random", "bm25", "optimiser"])
def test_a_shot_that_equals_a_test_item_never_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    fake_reader.installed(monkeypatch)
    bench, data = Bench(tmp_path), {"data": {"source": "bytes", "input": "{q}", "reference": "a"}}
    place = {"path": str(tmp_path / "rows")}
    bench.run(write_selection, "data", {**data}, **place)
    sealed = bench.run(write_testset, "testset", {**data, "slices": [], "prompts": []}, **place)
    assert sealed["leaked_total"] == 1
    assert sealed["leaked"][0]["twin"].startswith("train/")
    shown = tuple(row["id"] for row in read_rows(tmp_path / "data" / "train.jsonl")) if way == "optimiser" else ()
    prompt = PromptConfig(template="{input}", shots=9, choose="random" if shown else way, shot_ids=shown)  # type: ignore[arg-type]
    who = {"engine": "transformers", "model": {}, "prompt": prompt.model_dump(mode="json"), "max_new_tokens": 4}
    bench.run(write_predictions, "predictions", {**who, "kind": "generation", "split": "test"})
    scores = {"metrics": ["exact_match"], "kind": "generation", "labels": [], "split": "test"}
    found = bench.run(write_scores, "scores", scores)
    rows = [(row["leaked"], row["exact_match"]) for row in read_rows(tmp_path / "scores" / "scores.jsonl")]
    assert sorted(rows) == [(False, 0.0)] * 3 + [(True, 0.0)], "the twin is not shown, and not judged"
    assert found["mean"] == {"exact_match": 0.0}
