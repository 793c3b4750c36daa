"""Turn prompt families into concrete ways of asking."""

from dataclasses import dataclass
from typing import Literal

from harness.loading import Resolved
from harness.prompts import PromptConfig, filled
from harness.specs import BaselineSpec, TaskSpec, VariantSpec


@dataclass(frozen=True)
class PromptArm:
    """One configuration of one family."""

    name: str
    """`family/variant`."""
    family: str
    kind: Literal["trivial", "prompt"]
    description: str
    rule: str | None
    """How the trivial family answers."""
    prompt: PromptConfig | None
    """How the others ask."""


def prompt_arms(resolved: Resolved, *, labels: list[str]) -> list[PromptArm]:
    """Every configuration of every family, in the order of the spec."""
    return [
        _arm(family, variant, resolved=resolved, labels=labels)
        for family in resolved.families
        for variant in family.variants
    ]


def written_text(prompt: PromptConfig) -> str:
    """What a person wrote into a prompt: worked examples by hand may be test items."""
    return f"{prompt.system or ''}\n{prompt.template}".strip()


def plain_prompt(task: TaskSpec, *, labels: list[str]) -> PromptConfig:
    """The task's own instruction: zero-shot, and what the tuned model is trained and asked with."""
    known = {"instruction": task.instruction, "labels": ", ".join(labels)}
    return PromptConfig(template=filled(task.template, {**known, "instruction": filled(task.instruction, known)}))


def _arm(family: BaselineSpec, variant: VariantSpec, *, resolved: Resolved, labels: list[str]) -> PromptArm:
    name = f"{family.family}/{variant.name}"
    if variant.rule is not None:
        return PromptArm(name, family.family, "trivial", f"rule: {variant.rule}", variant.rule, None)
    prompt = _prompt(variant, resolved=resolved, labels=labels)
    shown = " ".join(prompt.template.split())
    words = [
        f"{variant.shots} shots" if variant.shots else "",
        "system message" if variant.system else "",
        f"“{shown[:90]}…”" if len(shown) > 90 else f"“{shown}”",
    ]
    return PromptArm(name, family.family, "prompt", ", ".join(filter(None, words)), None, prompt)


def _prompt(variant: VariantSpec, *, resolved: Resolved, labels: list[str]) -> PromptConfig:
    task = resolved.task
    template = plain_prompt(task, labels=labels).template
    known = {"instruction": filled(task.instruction, {"labels": ", ".join(labels)}), "labels": ", ".join(labels)}
    if variant.prompt == "engineered":
        template = filled(resolved.engineered_prompt.strip(), known)
    elif variant.pattern is not None:
        template = filled(variant.pattern, known)
    return PromptConfig(template=template, system=variant.system, shots=variant.shots, seed=variant.seed)
