"""Turn a family into those of its settings that change nothing: whoever wrote them expected something of them."""

from collections.abc import Iterator

from harness.loading.places import Places, Problem
from harness.loading.words import KeyPath, dotted, shown
from harness.specs import BaselineSpec, TaskSpec, VariantSpec

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
    if family.search is None and family.dspy is None and all(variant.rule for variant in family.variants):
        yield from _unasked_problems(family, places)
    else:
        yield from _decoding_problems(family, task, places)
    if family.embedding_model is not None and "embedding" not in family.choices:
        what = f"embedding_model is {shown(family.embedding_model)}, but nothing in this file chooses by embedding"
        yield places.problem(
            ("embedding_model",), what, fix="choose: embedding where shots are chosen, or leave embedding_model out"
        )


def _shot_problems(variant: VariantSpec, path: KeyPath, places: Places) -> Iterator[Problem]:
    """A default is no mistake, whoever wrote it."""
    defaults = VariantSpec(name=variant.name)
    idle = [name for name in _OF_SHOTS if getattr(variant, name) != getattr(defaults, name)]
    if idle and variant.shots == 0:
        named = " and ".join(idle)
        what = (
            f"{dotted((*path, idle[0]))} is about worked examples; the variant shows none, so {named} would do nothing"
        )
        yield places.problem((*path, idle[0]), what, fix=f"add shots: 3, or leave {named} out")
    elif variant.shots and variant.seed and variant.choose != "random":
        what = f"{dotted((*path, 'seed'))} is of a random choice; choose: {variant.choose} leaves nothing to chance"
        yield places.problem((*path, "seed"), what, fix="leave seed out, or choose: random")
    elif variant.shots == 1 and variant.order:
        what = f"{dotted((*path, 'order'))} shuffles the worked examples; the variant shows a single one"
        yield places.problem((*path, "order"), what, fix="leave order out, or show more shots")


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
    for i, way in enumerate(family.decoding):
        if way in family.decoding[:i]:
            what = f"decoding names {way} twice"
            yield places.problem(("decoding", i), what, fix=f"decoding: [{', '.join(dict.fromkeys(family.decoding))}]")
    only_likeliest = set(family.decoding) == {"likelihood"} and family.api is None
    if only_likeliest and task is not None and task.kind == "generation":
        what = f"decoding is [likelihood], which takes the likeliest of a task's labels; task {task.name} has none"
        yield places.problem(
            ("decoding",), what, fix="leave the family out of this experiment, or decoding: [generate, likelihood]"
        )
