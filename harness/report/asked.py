"""Turn a plan's champions into their prompts, whole, and what each asks of the first validation item."""

from harness.jsonl import read_lines
from harness.plan import Plan, ScoredArm, family_champions
from harness.plan.arms import PromptArm
from harness.plan.setup import Setup
from harness.prompts import PromptConfig, messages
from harness.records import Example
from harness.report.prompt_rows import ShownPrompt, Turn
from harness.stages.shots import item_shots


def shown_prompts(setup: Setup, finished: Plan, *, best: str) -> list[ShownPrompt]:
    """Champions that ask a model, `best` first, then in the order of the spec; the tuned one comes last."""
    assert finished.data is not None
    train, validation = (
        read_lines(finished.data.path / f"{split}.jsonl", model=Example) for split in ("train", "validation")
    )
    found = [
        _shown(setup, scored.arm, prompt=scored.arm.prompt, item=validation[0], train=train)
        for scored in _champions(setup, finished)
        if scored.arm.prompt is not None
    ]
    return sorted(found, key=lambda shown: shown.arm != best)


def _champions(setup: Setup, finished: Plan) -> list[ScoredArm]:
    chosen = family_champions(setup, finished.baselines)
    return [*chosen.values(), *([finished.tuned] if finished.tuned else [])]


def _shown(setup: Setup, arm: PromptArm, *, prompt: PromptConfig, item: Example, train: list[Example]) -> ShownPrompt:
    api, task = arm.spec.api if arm.spec else None, setup.resolved.task
    shown = ShownPrompt(
        arm=arm.name,
        model=api.model if api else setup.model.name,
        address=api.url if api else None,
        previous=arm.spec.previous if arm.spec else None,
        prompt=prompt,
        labels=list(arm.labels),
        max_new_tokens=task.max_new_tokens,
    )
    if not _at_hand(prompt):
        return shown
    asked = _conversation(prompt, item=item, train=train, by_label=task.kind == "label")
    return shown.model_copy(update={"item": item.id, "asked": asked})


def _at_hand(prompt: PromptConfig) -> bool:
    """Whether training data alone says what an item is shown: no corpus is read for a report, no model loaded."""
    return prompt.passages == 0 and (prompt.shots == 0 or prompt.choose != "embedding")


def _conversation(prompt: PromptConfig, *, item: Example, train: list[Example], by_label: bool) -> list[Turn]:
    """As the predict stage asks."""
    (shots,) = item_shots(prompt, items=[item], train=train, by_label=by_label)
    return [Turn(**turn) for turn in messages(prompt, text=item.input, shots=shots)]
