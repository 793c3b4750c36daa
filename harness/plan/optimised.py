"""Turn a family's DSPy optimiser into the step that writes a prompt, and that prompt into arms like all others."""

from dataclasses import replace

from harness.plan import build
from harness.plan.answering import prompt_step
from harness.plan.arms import PromptArm, asked_arms, label_words, plain_prompt
from harness.plan.desk import Desk
from harness.plan.setup import Setup
from harness.prompts import PromptConfig, filled
from harness.specs import BaselineSpec, DspySpec, TaskSpec
from harness.steps import VERSIONS, Step
from harness.store import Artifact

BARE_FRAME = "{instruction}\n\n{input}"
"""Where the task's template has no place for an instruction."""


def optimised_arms(setup: Setup, desk: Desk, *, data: Artifact, labels: list[str]) -> list[PromptArm]:
    """The prompts that optimisers wrote, as far as they are done; all arms are then measured on validation alike."""
    found: list[PromptArm] = []
    for family in setup.resolved.families:
        if family.dspy is None:
            continue
        step = optimise_step(setup, family, family.dspy, data=data.key, labels=labels)
        if (written := desk.want(step)) is not None:
            prompt = PromptConfig.model_validate(written.summary["prompt"])
            arms = asked_arms(family, prompt, name=arm_name(family.dspy), labels=labels)
            found += [replace(arm, written_by=step.key) for arm in arms]
    return found


def optimise_step(setup: Setup, family: BaselineSpec, spec: DspySpec, *, data: str, labels: list[str]) -> Step:
    """The search for an instruction, by the family's own model; it needs training and validation examples only."""
    task = setup.resolved.task
    arm = asked_arms(family, plain_prompt(task, labels=labels), name=arm_name(spec), labels=labels)[0]
    asked = prompt_step(setup, arm, split="validation", needs={"data": data}, title="")
    scored = build.score_step(setup, split="validation", labels=labels, needs={}, title="")
    inputs = {name: value for name, value in asked.inputs.items() if name not in ("prompt", "split")}
    known = label_words(task, labels=labels)
    inputs |= {
        "dspy": spec.model_dump(mode="json"),
        "frame": _frame(task, known=known),
        "instruction": filled(task.instruction, known),
        "score": {**scored.inputs, "metrics": task.metrics[:1]},
        "rests_on": {stage: VERSIONS[stage] for stage in ("predict", "score")},
    }
    title = f"optimise {arm.name}"
    return Step("optimise", inputs, needs={"data": data}, local={**asked.local, **scored.local}, title=title)


def arm_name(spec: DspySpec) -> str:
    """`dspy_gepa`: the variant's name in its family."""
    return f"dspy_{spec.optimizer}"


def _frame(task: TaskSpec, *, known: dict[str, str]) -> str:
    """The task's template, with the instruction and the input still to be filled in."""
    return filled(task.template, known) if "{instruction}" in task.template else BARE_FRAME
