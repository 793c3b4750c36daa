"""Turn one way of asking and a split into stored answers, before anything is scored."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.canonical import file_digest
from harness.jsonl import read_lines, write_lines
from harness.prompts import PromptConfig
from harness.records import Example, Prediction
from harness.stages import Job
from harness.stages.asking import conversations
from harness.stages.trivial import RULES
from harness.steps import VERSIONS, library_versions

if TYPE_CHECKING:
    from harness.adapters.generator import Answerer

ASKED = 2
"""Raise it when what is sent to an API changes: every answer is then asked, and paid for, again."""


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
    texts = RULES[job.inputs["rule"]](items, train=train, inputs=job.inputs)
    pairs = zip(items, texts, strict=True)
    return [Prediction(example_id=item.id, text=text, status="ok", tokens_in=0, tokens_out=0) for item, text in pairs]


def _by_model(job: Job, *, items: list[Example], train: list[Example]) -> list[Prediction]:
    from harness.adapters.answer_cache import kept_answers
    from harness.adapters.generator import generator

    config = PromptConfig.model_validate(job.inputs["prompt"])
    answers = kept_answers(
        lambda: generator(answerer(job)),
        conversations(job, config=config, items=items, train=train),
        identity=answer_identity(job),
        labels=job.inputs.get("labels"),
        max_new_tokens=job.inputs["max_new_tokens"],
        folder=job.cache,
        progress=job.progress,
    )
    return [Prediction(example_id=item.id, **answer._asdict()) for item, answer in zip(items, answers, strict=True)]


def answerer(job: Job) -> "Answerer":
    """Who answers: the base model, with an adapter or without, a merged model, or a model behind an API."""
    from harness.adapters.generator import Answerer

    local, adapter = dict(job.local), job.needs.get("adapter")
    if "merged" in job.needs:
        local["model_path"] = str(job.needs["merged"])
    if adapter is None and "adapter" in job.local:
        adapter = Path(job.local["adapter"])
    engine, model, together = job.inputs["engine"], job.inputs["model"], job.inputs.get("batch_size")
    return Answerer(engine, model, local, adapter, together, job.tell)


def answer_identity(job: Job) -> dict[str, Any]:
    """What of the step, besides the conversation, decides an answer."""
    names = ("engine", "engine_version", "model", "adapter", "batch_size", "labels", "max_new_tokens")
    found = {name: job.inputs[name] for name in names if name in job.inputs}
    worn = {role: weights_of(job.needs[role]) for role in ("adapter", "merged") if role in job.needs}
    # How models are read here does not change what one elsewhere answers, which is paid for.
    if job.inputs["engine"] == "openai":
        return {**found, "worn": worn, "version": ASKED, "libraries": {}}
    return {**found, "worn": worn, "version": VERSIONS["predict"], "libraries": library_versions("predict")}


def weights_of(folder: Path) -> dict[str, str]:
    """Hashes of trained weights: a step that is done again on another machine leaves others under the same key."""
    return {file.name: file_digest(file) for file in sorted(folder.glob("*.safetensors"))}
