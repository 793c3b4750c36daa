"""Turn prompt families and the sizes of their data into what a person should know before asking anything."""

from collections.abc import Iterator

from harness.canonical import digest
from harness.loading import Resolved
from harness.plan.arms import PromptArm, prompt_arms, short_of_examples
from harness.prompt_space import essence
from harness.wording import counted


def family_remarks(resolved: Resolved, *, labels: list[str], train: int, passages: int) -> list[str]:
    """One sentence each; `train` counts examples, `passages` those of a corpus that was read."""
    arms = prompt_arms(resolved, labels=labels)
    return [
        *short_of_examples(arms, train=train, families=resolved.families),
        *_same(arms, train=train),
        *_short_of_passages(arms, passages=passages),
        *_unread_corpus(resolved),
    ]


def _same(arms: list[PromptArm], *, train: int) -> Iterator[str]:
    """Variants that only this task, or its few training examples, make the same prompt."""
    groups: dict[str, list[str]] = {}
    for arm in arms:
        if arm.prompt is not None:
            shown = arm.prompt.model_copy(update={"shots": min(arm.prompt.shots, train)})
            asked = digest([arm.family, list(arm.labels), essence(shown.model_dump(mode="json"))])
            groups.setdefault(asked, []).append(arm.name)
    for first, *others in groups.values():
        if others:
            yield f"{', '.join([first, *others[:-1]])} and {others[-1]} are one prompt for this task; keep one of them."


def _short_of_passages(arms: list[PromptArm], *, passages: int) -> Iterator[str]:
    names = [arm.name for arm in arms if arm.prompt and arm.prompt.passages > passages]
    if names:
        held = counted(passages, "passage")
        yield f"Prompts that ask for more passages than the corpus's {held} show the whole corpus: {', '.join(names)}."


def _unread_corpus(resolved: Resolved) -> Iterator[str]:
    """Meant where experiments share a task; forgotten where one family should have read it."""
    read = any(variant.passages for family in resolved.families for variant in family.variants)
    if resolved.task.corpus is not None and not read:
        where = resolved.task_where("corpus")
        yield f"{where}: no family of this experiment reads the task's corpus; `passages: 3` in a variant shows some."
