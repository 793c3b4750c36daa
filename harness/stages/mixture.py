"""Turn the task's examples and further lessons into the rows of one epoch."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from harness.jsonl import read_lines
from harness.prompts import Message, PromptConfig, messages
from harness.records import Example, Lesson
from harness.stages import Job
from harness.stages.further import read_lessons

REPLAY = "replay"
TrainingRow = dict[str, Any]
"""`id`, `prompt` and `completion` messages; `prompt`, `chosen` and `rejected` messages; or `text`."""


def epoch_rows(job: Job) -> list[TrainingRow]:
    """What the epoch of a training step is trained on."""
    config, phase = PromptConfig.model_validate(job.inputs["prompt"]), job.inputs.get("phase", "sft")
    if phase == "text":
        return [{"text": lesson.answer} for lesson in read_lessons(job.needs["text"])]
    if phase == "preferences":
        return [_pair(config, lesson) for lesson in read_lessons(job.needs["preferences"])]
    rows = _of_split(job, config, split="train")
    return [*rows, *_added(job, own=len(rows))]


def validation_rows(job: Job) -> list[TrainingRow]:
    """What the epoch's loss is measured on; the test items lie in an artifact that no trial is given.

    None of an epoch over text or pairs: these have losses of another kind.
    """
    config = PromptConfig.model_validate(job.inputs["prompt"])
    return [] if job.inputs.get("phase") else _of_split(job, config, split="validation")


def _of_split(job: Job, config: PromptConfig, *, split: str) -> list[TrainingRow]:
    """Conversations of a split, with its examples' ids."""
    items = read_lines(job.needs["data"] / f"{split}.jsonl", model=Example)
    return [
        {"id": item.id, "prompt": messages(config, text=item.input), "completion": _answer(item.reference)}
        for item in items
    ]


def mixed_sizes(own: int, *, others: Mapping[str, int], temperature: float) -> dict[str, int]:
    """Examples of each other task in an epoch that holds all `own` ones.

    A task of n examples is drawn with a weight of n^(1/temperature), so beside `own` examples of this task stand
    own · (n / own)^(1/temperature) of that one (Raffel et al. 2020, section 3.5.2, without an artificial limit).
    """
    return {name: max(1, round(own * (count / own) ** (1 / temperature))) for name, count in others.items()}


def replayed_size(others: int, *, share: float) -> int:
    """Examples that make up `share` of an epoch beside `others`; at least one."""
    return max(1, round(others * share / (1 - share)))


def turn(pool: Sequence[Lesson], *, count: int, seed: str, epoch: int) -> list[Lesson]:
    """The lessons of one epoch: each epoch goes on where the one before stopped in a seeded order, round and round."""
    order = sorted(pool, key=lambda lesson: lesson.id)
    random.Random(seed).shuffle(order)
    start = (epoch - 1) * count
    return [order[(start + place) % len(order)] for place in range(count)]


def _added(job: Job, *, own: int) -> list[TrainingRow]:
    """Other tasks' examples, then those that are replayed: a share of all."""
    asked = job.inputs.get("added", {})
    pools = {role: read_lessons(job.needs[role]) for role in asked}
    others = {role: len(pool) for role, pool in pools.items() if role != REPLAY}
    temperature = max((asked[role]["temperature"] for role in others), default=1.0)
    sizes = mixed_sizes(own, others=others, temperature=temperature)
    if REPLAY in asked:
        sizes[REPLAY] = replayed_size(own + sum(sizes.values()), share=asked[REPLAY]["share"])
    seed, epoch = job.inputs["seed"], job.inputs["epoch"]
    return [
        _example(lesson, role=role)
        for role, count in sizes.items()
        for lesson in turn(pools[role], count=count, seed=f"{seed}:{role}", epoch=epoch)
    ]


def _example(lesson: Lesson, *, role: str) -> TrainingRow:
    asked = [{"role": "user", "content": lesson.prompt}]
    return {"id": f"{role}/{lesson.id}", "prompt": asked, "completion": _answer(lesson.answer)}


def _pair(config: PromptConfig, lesson: Lesson) -> TrainingRow:
    prompt = messages(config, text=lesson.prompt)
    return {"prompt": prompt, "chosen": _answer(lesson.answer), "rejected": _answer(lesson.rejected)}


def _answer(text: str) -> list[Message]:
    return [{"role": "assistant", "content": text}]
