"""Turn the search of a prompt family into the mistakes that its spec alone does not show."""

import re
from collections.abc import Iterator

from harness.loading.places import Places, Problem
from harness.loading.tasks import IN_SYSTEM, placeholder_problems
from harness.loading.words import KeyPath, dotted, nearest, shown
from harness.specs import BaselineSpec

WRITTEN = ("plain", "engineered")
"""Instructions that stand in the task."""


def search_problems(family: BaselineSpec, *, places: Places) -> Iterator[Problem]:
    """Instructions that ask nothing or hold braces that nothing fills in, and names that the search gives itself."""
    if family.search is None:
        return
    for i, variant in enumerate(family.variants):
        if re.fullmatch(r"trial_\d+", variant.name):
            what = f"variants.{i}.name is {shown(variant.name)}, as the search calls what it tries; needs another name"
            yield places.problem(("variants", i, "name"), what, fix=f"name: my_{variant.name}")
    for i, text in enumerate(family.search.space.instruction):
        if text not in WRITTEN:
            yield from _pattern_problems(text, ("search", "space", "instruction", i), places=places)
    for i, system in enumerate(family.search.space.system):
        where = ("search", "space", "system", i)
        yield from placeholder_problems(system or "", where, places=places, known=IN_SYSTEM)


def _pattern_problems(text: str, path: KeyPath, *, places: Places) -> Iterator[Problem]:
    if "{input}" not in text:
        guess = nearest(text, WRITTEN)
        fix = f"did you mean {guess}?" if guess else "put {input} where the item belongs"
        what = f"{dotted(path)} is {shown(text)}; needs plain, engineered, or a pattern that holds {{input}}"
        yield places.problem(path, what, fix=fix)
    if "{passages}" in text:
        what = f"{dotted(path)} has {{passages}}, but a search retrieves none"
        yield places.problem(path, what, fix="leave it out, or list a variant with passages")
    else:
        yield from placeholder_problems(text, path, places=places)
