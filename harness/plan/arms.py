"""Turn prompt families into concrete ways of asking."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from harness.loading import Resolved
from harness.loading.baselines import LIKELIEST
from harness.prompts import PromptConfig, filled, placeholders
from harness.specs import BaselineSpec, TaskSpec, VariantSpec
from harness.specs.baseline import Decoding
from harness.wording import counted

SHOWN = 90
"""Characters of a text in an arm's description; the report shows a champion's whole prompt."""
PASSAGES_ABOVE = "Passages that may help:\n\n{passages}\n\n"
"""Before a message that has no place of its own for its passages."""
MOST_NAMED = 4


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
    answer: str | None = None
    """What a constant says."""
    labels: tuple[str, ...] = ()
    """Where not empty, the likeliest of these is the answer; else it is written."""
    spec: BaselineSpec | None = None
    """The family's spec, which says who answers; None: the experiment's own model."""
    written_by: str | None = None
    """Key of the step that wrote the prompt, where an optimiser did; what it cost is part of choosing this arm."""


def prompt_arms(resolved: Resolved, *, labels: list[str]) -> list[PromptArm]:
    """Every configuration that the families list, in the order of the spec."""
    return [arm for family in resolved.families for arm in family_arms(family, resolved=resolved, labels=labels)]


def family_arms(family: BaselineSpec, *, resolved: Resolved, labels: list[str]) -> list[PromptArm]:
    """Every configuration that one family lists."""
    return [
        arm for variant in family.variants for arm in variant_arms(family, variant, resolved=resolved, labels=labels)
    ]


def variant_arms(
    family: BaselineSpec, variant: VariantSpec, *, resolved: Resolved, labels: list[str]
) -> list[PromptArm]:
    """One configuration in each of the ways in which its answer can be taken."""
    if variant.rule is not None:
        name, shown = f"{family.family}/{variant.name}", f"rule: {variant.rule}"
        return [PromptArm(name, family.family, "trivial", shown, variant.rule, None, variant.answer, spec=family)]
    prompt = prompt_of(variant, resolved=resolved, labels=labels)
    return asked_arms(family, prompt, name=variant.name, labels=labels)


def asked_arms(family: BaselineSpec, prompt: PromptConfig, *, name: str, labels: list[str]) -> list[PromptArm]:
    """One prompt in each of the ways in which its answer can be taken; `labels` is empty where there are none."""
    return [
        PromptArm(
            f"{family.family}/{name}{LIKELIEST if way == 'likelihood' else ''}",
            family.family,
            "prompt",
            described(prompt, by_likelihood=way == "likelihood"),
            None,
            prompt,
            labels=tuple(labels) if way == "likelihood" else (),
            spec=family,
        )
        for way in decodings(family, labels=labels)
    ]


def decodings(family: BaselineSpec, *, labels: list[str]) -> list[Decoding]:
    """The ways in which a family's answers can be taken."""
    able = bool(labels) and family.api is None
    return [way for way in family.decoding if able or way == "generate"] or ["generate"]


def described(prompt: PromptConfig, *, by_likelihood: bool) -> str:
    """A prompt in a line; what is zero, and no choice was made of, is left out."""
    words = [
        *(_described_shots(prompt) if prompt.shots else ()),
        counted(prompt.passages, "passage") if prompt.passages else "",
        f"system message {_quoted(prompt.system)}" if prompt.system else "",
        "likeliest label" if by_likelihood else "",
        _quoted(prompt.template),
    ]
    return ", ".join(filter(None, words))


def _described_shots(prompt: PromptConfig) -> Iterator[str]:
    shots = counted(prompt.shots, "shot")
    if prompt.shot_ids:
        yield f"{shots} chosen by an optimiser ({', '.join(prompt.shot_ids)})"
    else:
        yield shots if prompt.choose == "random" else f"{shots} similar by {prompt.choose}"
        yield f"seed {prompt.seed}" if prompt.choose == "random" and prompt.seed else ""
    yield "in one message" if prompt.layout == "text" else ""
    yield f"order {prompt.order}" if prompt.order else ""


def _quoted(text: str) -> str:
    """The beginning of a text on one line."""
    line = " ".join(text.split())
    return f"“{line[:SHOWN]}…”" if len(line) > SHOWN else f"“{line}”"


def written_text(prompt: PromptConfig) -> str:
    """What a person wrote into a prompt: worked examples by hand may be test items."""
    return f"{prompt.system or ''}\n{prompt.template}".strip()


def short_of_examples(arms: Iterable[PromptArm], *, train: int, families: Iterable[BaselineSpec]) -> list[str]:
    """One sentence where prompts, or the searches of families, ask for more shots than there are training examples."""
    searches = {family.family: family.search.space.shots for family in families if family.search}
    names = [arm.name for arm in arms if arm.prompt and arm.prompt.shots > train]
    names += [f"the search of {name}" for name, shots in searches.items() if max(shots) > train]
    if not names:
        return []
    shown = ", ".join([*names[:MOST_NAMED], *([f"and {len(names) - MOST_NAMED} more"] if names[MOST_NAMED:] else [])])
    return [f"Prompts that ask for more shots than the {train} training examples show all of these: {shown}."]


def plain_prompt(task: TaskSpec, *, labels: list[str]) -> PromptConfig:
    """The task's own instruction: zero-shot, and what the tuned model is trained and asked with."""
    known = label_words(task, labels=labels)
    instruction = filled(task.instruction, known)
    return PromptConfig(template=filled(task.template, {**known, "instruction": instruction}))


def prompt_of(variant: VariantSpec, *, resolved: Resolved, labels: list[str]) -> PromptConfig:
    """A variant with everything filled in but the item."""
    task = resolved.task
    template = plain_prompt(task, labels=labels).template
    words = label_words(task, labels=labels)
    known = {"instruction": filled(task.instruction, words), **words}
    if variant.prompt == "engineered":
        template = filled(resolved.engineered_prompt.strip(), known)
    elif variant.pattern is not None:
        template = filled(_fitting(variant.pattern, words=words), known)
    if variant.passages and "passages" not in placeholders(template):
        template = PASSAGES_ABOVE + template
    system = None if variant.system is None else filled(variant.system, known)
    kept = ("shots", "choose", "seed", "order", "layout", "passages")
    return PromptConfig(template=template, system=system, **{name: getattr(variant, name) for name in kept})


def label_words(task: TaskSpec, *, labels: list[str]) -> dict[str, str]:
    """What prompts say of the labels: their list, and a line for each that is defined."""
    defined = [f"{label}: {task.definitions[label]}" for label in labels if label in task.definitions]
    return {"labels": ", ".join(labels), "definitions": "\n".join(defined)}


def _fitting(pattern: str, *, words: dict[str, str]) -> str:
    """A pattern without the lines about labels, or what they mean, for a task that says nothing of them."""
    unsaid = {name for name, said in words.items() if not said}
    return "\n".join(
        line for line in pattern.split("\n") if "input" in placeholders(line) or unsaid.isdisjoint(placeholders(line))
    )
