"""Turn one way of asking and a split into stored answers, before anything is scored."""

from pathlib import Path
from typing import Any

from harness.jsonl import read_lines, write_lines
from harness.prompts import PromptConfig, chosen_shots, messages
from harness.records import Example, Prediction
from harness.stages import Job


def write_predictions(job: Job) -> dict[str, Any]:
    """predictions.jsonl, one line an item, in the split's order; summary: counts and tokens."""
    items = split_items(job)
    train = read_lines(job.needs["data"] / "train.jsonl", model=Example)
    answers = (
        _by_rule(job, items=items, train=train) if "rule" in job.inputs else _by_model(job, items=items, train=train)
    )
    write_lines(job.out / "predictions.jsonl", answers)
    return {
        "items": len(answers),
        "tokens_in": sum(answer.tokens_in for answer in answers),
        "tokens_out": sum(answer.tokens_out for answer in answers),
        "truncated": [answer.example_id for answer in answers if answer.status == "truncated"],
        "unfinished": sum(answer.status == "unfinished" for answer in answers),
    }


def split_items(job: Job) -> list[Example]:
    """The items to answer; test items exist only where the step was given the test set."""
    return read_lines(items_file(job.needs, split=job.inputs["split"]), model=Example)


def items_file(needs: dict[str, Path], *, split: str) -> Path:
    """File of a split: the test set lives in an artifact of its own."""
    return needs["testset" if split == "test" else "data"] / f"{split}.jsonl"


def _by_rule(job: Job, *, items: list[Example], train: list[Example]) -> list[Prediction]:
    answers = sorted(example.reference for example in train)
    commonest = max(dict.fromkeys(answers), key=answers.count)
    texts = {"majority": [commonest] * len(items), "copy": [item.input for item in items]}[job.inputs["rule"]]
    pairs = zip(items, texts, strict=True)
    return [Prediction(example_id=item.id, text=text, status="ok", tokens_in=0, tokens_out=0) for item, text in pairs]


def _by_model(job: Job, *, items: list[Example], train: list[Example]) -> list[Prediction]:
    from harness.adapters.generation import generated
    from harness.adapters.language_model import language_model

    config = PromptConfig.model_validate(job.inputs["prompt"])
    shots = chosen_shots(train, count=config.shots, seed=config.seed, by_label=job.inputs["kind"] == "label")
    folder = job.needs["merged"] if "merged" in job.needs else job.local["model_path"]
    model = language_model(job.inputs["model"], path=str(folder), adapter=job.needs.get("adapter"))
    answers = generated(
        model,
        [messages(config, text=item.input, shots=shots) for item in items],
        max_new_tokens=job.inputs["max_new_tokens"],
        batch_size=job.inputs["batch_size"],
        progress=job.progress,
    )
    return [Prediction(example_id=item.id, **answer._asdict()) for item, answer in zip(items, answers, strict=True)]
