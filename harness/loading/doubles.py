"""Turn what a family says twice into its mistakes: variants that ask the same, choices that are listed again."""

from collections.abc import Iterator, Sequence
from typing import Any

from harness.loading.places import Places, Problem
from harness.loading.words import LONGEST, KeyPath, clipped, dotted, flow, shown
from harness.prompt_space import essence
from harness.specs import BaselineSpec, PromptSpaceSpec


def double_problems(family: BaselineSpec, *, places: Places) -> Iterator[Problem]:
    """One message for each repetition; texts that only a task makes equal are no mistake of the family."""
    asked = [essence(variant.model_dump(exclude={"name"})) for variant in family.variants]
    for i, variant in enumerate(family.variants):
        first = family.variants[asked.index(asked[i])].name
        if first != variant.name:
            what = f"variants.{i} ({shown(variant.name)}) asks what {shown(first)} asks"
            fix = f"leave {variant.name} out, or change what it asks"
            yield places.problem(("variants", i, "name"), what, fix=fix)
    yield from _twice(family.decoding, ("decoding",), places)
    if family.search is not None:
        for name in PromptSpaceSpec.model_fields:
            yield from _twice(getattr(family.search.space, name), ("search", "space", name), places)


def _twice(choices: Sequence[Any], path: KeyPath, places: Places) -> Iterator[Problem]:
    distinct = f"{path[-1]}: {flow(list(dict.fromkeys(choices)))}"
    for i, choice in enumerate(choices):
        if choice in choices[:i]:
            what = f"{dotted(path)} names {clipped(flow(choice))} twice"
            yield places.problem((*path, i), what, fix=distinct if len(distinct) <= LONGEST else "remove one of them")
