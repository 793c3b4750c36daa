"""Turn a family into those of its settings that change nothing: whoever wrote them expected something of them."""

from collections.abc import Iterator
from itertools import count
from typing import Any

from harness.loading.places import Places, Problem
from harness.loading.words import KeyPath, dotted, flow, shown
from harness.prompt_space import idle_fields, reorders
from harness.specs import BaselineSpec, PromptSpaceSpec, TaskSpec, VariantSpec

_OF_SHOTS = ("choose", "seed", "order", "layout")
"""What only worked examples have."""
_OF_ASKING = ("decoding", "api", "previous")
"""What only a family that asks a model has."""


def idle_problems(family: BaselineSpec, *, task: TaskSpec | None, places: Places) -> Iterator[Problem]:
    """One message for each setting without effect; `task` is None where it does not load."""
    for i, variant in enumerate(family.variants):
        if variant.rule is None:
            yield from _shot_problems(variant, ("variants", i), places)
            yield from _pattern_problems(variant, ("variants", i), places)
    if family.search is not None:
        yield from _shot_problems(family.search.space, ("search", "space"), places)
    if family.search is None and family.dspy is None and all(variant.rule for variant in family.variants):
        yield from _unasked_problems(family, places)
    else:
        yield from _decoding_problems(family, task, places)
    if family.embedding_model is not None and "embedding" not in family.choices:
        what = f"embedding_model is {shown(family.embedding_model)}, but nothing in this file chooses by embedding"
        yield places.problem(
            ("embedding_model",), what, fix="choose: embedding where shots are chosen, or leave embedding_model out"
        )


def _shot_problems(asked: VariantSpec | PromptSpaceSpec, path: KeyPath, places: Places) -> Iterator[Problem]:
    """Of a variant, or of all that a search varies; a variant's default is no mistake, whoever wrote it."""
    choices = {name: _listed(getattr(asked, name)) for name in ("shots", *_OF_SHOTS)}
    defaults = VariantSpec(name="default")
    written = [name for name in _OF_SHOTS if name in asked.model_fields_set]
    changed = [name for name in written if choices[name] != [getattr(defaults, name)]]
    idle = [name for name in changed if name in idle_fields(choices)]
    who = "the variant" if isinstance(asked, VariantSpec) else "the search"
    most = max(choices["shots"])
    if idle and most == 0:
        named = " and ".join(filter(None, [", ".join(idle[:-1]), idle[-1]]))
        what = f"{dotted((*path, idle[0]))} is about worked examples; {who} shows none, so {named} would do nothing"
        fix = f"add shots: {'3' if isinstance(asked, VariantSpec) else '[0, 3]'}, or leave {named} out"
        yield places.problem((*path, idle[0]), what, fix=fix)
        return
    if "seed" in idle:
        chosen, other = flow(asked.choose), "random" if isinstance(asked, VariantSpec) else "[random, bm25]"
        what = f"{dotted((*path, 'seed'))} is of a random choice; choose: {chosen} leaves nothing to chance"
        yield places.problem((*path, "seed"), what, fix=f"leave seed out, or choose: {other}")
    if "order" in idle:
        yield _order_problem(asked, (*path, "order"), places, who=who, most=most)


def _order_problem(
    asked: VariantSpec | PromptSpaceSpec, path: KeyPath, places: Places, *, who: str, most: int
) -> Problem:
    if most == 1:
        what = f"{dotted(path)} shuffles the worked examples; {who} shows a single one"
        return places.problem(path, what, fix="leave order out, or show more shots")
    what = f"{dotted(path)} is {flow(asked.order)}, a shuffle that leaves {flow(asked.shots)} shots as they were chosen"
    other = next(order for order in count(1) if reorders(order, shots=most))
    return places.problem(path, what, fix=f"order: {flow(other if isinstance(asked, VariantSpec) else [0, other])}")


def _listed(choice: Any) -> list[Any]:
    return choice if isinstance(choice, list) else [choice]


def _pattern_problems(variant: VariantSpec, path: KeyPath, places: Places) -> Iterator[Problem]:
    if variant.pattern is not None and "prompt" in variant.model_fields_set:
        idle, asked = ("pattern", "prompt") if variant.prompt == "engineered" else ("prompt", "pattern")
        what = f"{dotted((*path, 'pattern'))} and prompt are both given; {idle} would do nothing"
        yield places.problem((*path, idle), what, fix=f"leave {idle} out, or {asked}; a second variant can have it")


def _unasked_problems(family: BaselineSpec, places: Places) -> Iterator[Problem]:
    for name in _OF_ASKING:
        if name in family.model_fields_set and getattr(family, name) is not None:
            what = f"{name} is about a model that answers; every variant of this family answers by a rule, without one"
            yield places.problem((name,), what, fix=f"leave {name} out, or add a variant without a rule", key=True)


def _decoding_problems(family: BaselineSpec, task: TaskSpec | None, places: Places) -> Iterator[Problem]:
    """Several tasks share a family, so [generate, likelihood] is fine for all; likelihood alone needs labels."""
    only_likeliest = set(family.decoding) == {"likelihood"} and family.api is None
    if only_likeliest and task is not None and task.kind == "generation":
        what = f"decoding is [likelihood], which takes the likeliest of a task's labels; task {task.name} has none"
        yield places.problem(
            ("decoding",), what, fix="leave the family out of this experiment, or decoding: [generate, likelihood]"
        )
