"""Turn prompts that name a task's labels, or what they mean, into mistakes where the task says nothing of them."""

from collections.abc import Iterator

from harness.loading.places import Places, Problem
from harness.loading.words import KeyPath, dotted
from harness.prompts import placeholders
from harness.specs import BaselineSpec, TaskSpec


def unsaid(task: TaskSpec) -> list[str]:
    """Placeholders that this task has no words for; labels that it does not list are known from its data."""
    said = {"labels": task.kind == "label" or task.labels, "definitions": task.definitions}
    return [name for name, words in said.items() if not words]


def unsaid_problems(family: BaselineSpec, *, task: TaskSpec | None, places: Places) -> Iterator[Problem]:
    """A line about labels is left out, so it holds nothing else; a system message is sent whole."""
    if task is None:
        return
    for text, path in _patterns(family):
        yield from _pattern_problems(text, path, task, places)
    for text, path in _systems(family):
        for name in unsaid(task):
            if name in placeholders(text):
                what = f"{dotted(path)} has {{{name}}}, but task {task.name} has no {name}"
                fix = f"say it in a pattern, on a line of its own, or leave {{{name}}} out"
                yield places.problem(path, what, fix=fix)


def _pattern_problems(text: str, path: KeyPath, task: TaskSpec, places: Places) -> Iterator[Problem]:
    """One message for each line that would lose more than its labels."""
    for line in text.split("\n"):
        names = placeholders(line)
        empty = [name for name in unsaid(task) if name in names]
        needed = [name for name in names if name not in unsaid(task)]
        if empty and needed:
            named = " and ".join(f"{{{name}}}" for name in empty)
            what = f"{dotted(path)} has {named} in the line of {{{needed[0]}}}, but task {task.name} has no {empty[0]}"
            fix = f"put {named} on a line of its own, which is left out for such a task"
            yield places.problem(path, what, fix=fix)


def _patterns(family: BaselineSpec) -> Iterator[tuple[str, KeyPath]]:
    for i, variant in enumerate(family.variants):
        if variant.pattern is not None:
            yield variant.pattern, ("variants", i, "pattern")
    for i, text in enumerate(family.search.space.instruction if family.search else []):
        yield text, ("search", "space", "instruction", i)


def _systems(family: BaselineSpec) -> Iterator[tuple[str, KeyPath]]:
    for i, variant in enumerate(family.variants):
        yield variant.system or "", ("variants", i, "system")
    for i, system in enumerate(family.search.space.system if family.search else []):
        yield system or "", ("search", "space", "system", i)
