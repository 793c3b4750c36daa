"""Text, preferences and replay change a tiny model as they should; an epoch taken up again ends as it would have."""

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tiny_model import save_tiny_model

from harness.adapters.language_model import language_model, let_go
from harness.adapters.packed_text import packed_texts
from harness.jsonl import read_rows
from harness.prompts import PromptConfig
from harness.records import Example, Lesson
from harness.stages import Job
from harness.stages.train import write_epoch

IDENTITY = {"fingerprint": "tiny", "dtype": "float32", "quantization": None}
SETTINGS = {"batch_size": 4, "micro_batch_size": 4, "max_length": 64, "warmup_ratio": 0.0, "weight_decay": 0.0}
PARAMS = {"rank": 8, "alpha": 16, "dropout": 0.1, "target_modules": "all-linear"}
PROMPT = PromptConfig(template="Colour of {input}?")
THINGS = ["grass", "snow", "coal", "blood", "a lemon", "the sky", "a plum", "sand"]
WEIGHTS = "adapter_model.safetensors"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    save_tiny_model(folder, width=64, context=128, initializer_range=0.2)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The artifacts that training steps need, by role."""
    root, dice = tmp_path_factory.mktemp("data"), random.Random(0)
    own = [
        Example(id=str(i), split="train", group="g", input=thing, reference="green") for i, thing in enumerate(THINGS)
    ]
    rows: dict[str, list[Any]] = {
        "data/train": own,
        "data/validation": [one.model_copy(update={"split": "validation"}) for one in own[:2]],
        "text/lessons": [Lesson(id=str(i), prompt="", answer=tale(dice)) for i in range(40)],
        "preferences/lessons": [
            Lesson(id=str(i), prompt=f"{thing} {i}", answer="blue", rejected="red")
            for i, thing in enumerate(THINGS * 2)
        ],
        "replay/lessons": [Lesson(id=str(i), prompt=f"Sum {i}?", answer="seven") for i in range(60)],
    }
    for name, lines in rows.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / f"{name}.jsonl").write_text("".join(f"{row.model_dump_json()}\n" for row in lines))
    return {name: root / name for name in ("data", "text", "preferences", "replay")}


def tale(dice: random.Random) -> str:
    who, what = dice.choice(["a fox", "the crow", "an old goat"]), dice.choice(["a cheese", "the river", "his coat"])
    return f"Once upon a time {who} lost {what} and went to look for it beyond the seven hills."


class Bench:
    """Training steps of one trial, each in a folder of its own."""

    def __init__(self, model: Path, data: dict[str, Path], out: Path) -> None:
        self.model, self.data, self.out = model, data, out

    def epoch(self, name: str, epoch: int = 1, *, epochs: int = 1, rate: float = 0.01, **more: Any) -> Path:
        """The folder of an epoch; `previous` and `reference` are folders, the rest are inputs."""
        folders = {role: more.pop(role) for role in ("previous", "reference") if role in more}
        params = {**PARAMS, "learning_rate": rate, "epochs": epochs}
        shared = {"model": IDENTITY, "prompt": PROMPT.model_dump(), "settings": SETTINGS, "seed": 0, "method": "lora"}
        inputs = {**shared, "params": params, "epoch": epoch, **more}
        local = {"model_path": str(self.model), "model_name": "tiny"}
        (self.out / name).mkdir()
        summary = write_epoch(Job(inputs, {**self.data, **folders}, local, self.out / name, lambda done, total: None))
        (self.out / name / "summary.json").write_text(json.dumps(summary))
        return self.out / name

    def margin(self, adapter: Path | None) -> float:
        """How much likelier the better answer is than the worse one, in nats, on things that no pair is about."""
        fresh = [
            PROMPT.template.format(input=f"{thing} {place}") for place, thing in enumerate(["a cat", "a sea", "ink"])
        ]
        return sum(self.loss(f"{ask}\n", "red", adapter) - self.loss(f"{ask}\n", "blue", adapter) for ask in fresh) / 3

    def loss(self, given: str, learnt: str, adapter: Path | None) -> float:
        """Mean negative log-likelihood of the tokens of `learnt` behind `given`, nats."""
        held = language_model(IDENTITY, path=str(self.model), adapter=adapter)
        before = held.tokenizer(given)["input_ids"]
        ids = [*before, *held.tokenizer(learnt)["input_ids"]]
        labels = torch.tensor([[-100] * len(before) + ids[len(before) :]])
        with torch.inference_mode():
            return float(held.active(input_ids=torch.tensor([ids]), labels=labels).loss)


@pytest.fixture
def bench(model: Path, data: dict[str, Path], tmp_path: Path) -> Bench:
    return Bench(model, data, tmp_path)


def losses(folder: Path) -> list[float]:
    return [row["loss"] for row in read_rows(folder / "log.jsonl")]


def summary(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return found


def equal(one: Path, other: Path) -> bool:
    """Weights and optimiser are the same to the bit."""
    names = (WEIGHTS, "optimizer.safetensors")
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


def test_a_text_epoch_lowers_the_perplexity_of_text_of_its_kind(bench: Bench) -> None:
    fresh = [tale(random.Random(seed)) for seed in (101, 102, 103)]

    def perplexity(adapter: Path | None) -> float:
        return math.exp(sum(bench.loss(text[:4], text[4:], adapter) for text in fresh) / len(fresh))

    first = bench.epoch("text 1", phase="text", epochs=2)
    second = bench.epoch("text 2", 2, phase="text", epochs=2, previous=first)
    assert perplexity(None) > 1.5 * perplexity(first) > 1.5 * perplexity(second)
    found = summary(first)
    assert (found["examples"], found["dropped"], found["cut"]) == (40, 0, 0)
    assert found["tokens"] > 40 * 15


def test_dpo_after_sft_prefers_the_better_answer_and_keeps_the_tuned_model_as_its_reference(bench: Bench) -> None:
    tuned = bench.epoch("sft")
    start = {"phase": "preferences", "beta": 0.3, "epochs": 2, "rate": 0.002}
    first = bench.epoch("dpo 1", previous=tuned, **start)
    second = bench.epoch("dpo 2", 2, previous=first, reference=tuned, **start)
    assert bench.margin(second) > bench.margin(first) > bench.margin(tuned) + 0.1
    assert summary(second)["margin"] > summary(first)["margin"] > 0
    assert 1 >= summary(second)["preferred"] > 0.5
    assert "margin" not in summary(tuned)
    # The policy is its own reference at the start, and only there.
    assert losses(first)[0] == pytest.approx(math.log(2), abs=1e-4)
    assert losses(second)[0] < math.log(2) - 0.01
    assert set(load_file(first / WEIGHTS)) == set(load_file(tuned / WEIGHTS))
    assert not (first / "ref").exists()


def test_dpo_instead_of_sft_has_the_base_model_as_its_reference(bench: Bench) -> None:
    start = {"phase": "preferences", "beta": 0.3, "epochs": 2, "rate": 0.002}
    first = bench.epoch("dpo 1", **start)
    second = bench.epoch("dpo 2", 2, previous=first, **start)
    assert losses(first)[0] == pytest.approx(math.log(2), abs=1e-4)
    assert losses(second)[0] < math.log(2) - 0.01
    assert bench.margin(second) > bench.margin(None) + 0.1


def test_a_dpo_epoch_taken_up_in_another_process_ends_as_it_would_have(bench: Bench) -> None:
    tuned = bench.epoch("sft")
    start = {"phase": "preferences", "beta": 0.3, "epochs": 2, "rate": 0.002}
    first = bench.epoch("dpo 1", previous=tuned, **start)
    second = bench.epoch("dpo 2", 2, previous=first, reference=tuned, **start)
    let_go()
    again = bench.epoch("dpo 2 again", 2, previous=first, reference=tuned, **start)
    assert equal(second, again)
    assert summary(second) == summary(again)
    assert not equal(second, bench.epoch("other", 2, previous=first, reference=first, **start)), "the reference matters"


def test_other_phases_leave_the_epochs_on_the_task_as_they_are(bench: Bench) -> None:
    before = bench.epoch("before")
    bench.epoch("text", phase="text")
    bench.epoch("dpo", phase="preferences", beta=0.1)
    assert equal(before, bench.epoch("after"))


def test_replay_keeps_what_the_task_alone_would_overwrite(bench: Bench) -> None:
    def kept(adapter: Path) -> float:
        """Loss of what was known before the task, on questions that were not replayed."""
        return sum(bench.loss(f"Sum {place}?\n", "seven", adapter) for place in (70, 71, 72)) / 3

    bench.data = {**bench.data, "text": bench.out / "known"}
    (bench.out / "known").mkdir()
    known = [Lesson(id=str(i), prompt="", answer=f"Sum {i}?\nseven") for i in range(60)]
    (bench.out / "known" / "lessons.jsonl").write_text("".join(f"{one.model_dump_json()}\n" for one in known))
    start = bench.epoch("start", phase="text", epochs=1)
    alone, beside = start, start
    for epoch in (1, 2, 3):
        alone = bench.epoch(f"alone {epoch}", epoch, epochs=3, previous=alone)
        replayed = {"added": {"replay": {"share": 0.3}}}
        beside = bench.epoch(f"beside {epoch}", epoch, epochs=3, previous=beside, **replayed)
    assert kept(start) < kept(alone) - 0.5
    assert kept(beside) < kept(alone) - 0.5
    assert summary(alone)["examples"] == 8
    assert summary(beside)["examples"] == 8 + 3


def test_packed_texts_lose_nothing_and_end_each_text(model: Path) -> None:
    tokenizer = language_model(IDENTITY, path=str(model)).tokenizer
    texts = ["one two three", "", "four " * 30, "five"]
    rows = packed_texts(texts, tokenizer=tokenizer, longest=16)
    assert all(len(row["input_ids"]) == 16 for row in rows[:-1])
    ids = [token for row in rows for token in row["input_ids"]]
    assert tokenizer.decode(ids).split(tokenizer.eos_token) == [*texts, ""]
