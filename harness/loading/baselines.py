"""Turn the names of prompt families into checked families."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.loading.corpus import passage_problems
from harness.loading.doubles import double_problems
from harness.loading.idle import idle_problems
from harness.loading.optimisers import dspy_problems
from harness.loading.places import Places, Problem
from harness.loading.positions import read_document
from harness.loading.previous import previous_problems
from harness.loading.prompt_search import search_problems
from harness.loading.tasks import IN_PATTERNS, IN_SYSTEM, placeholder_problems
from harness.loading.unsaid import unsaid_problems
from harness.loading.validate import validated
from harness.loading.variants import embedding_problems, rule_problems
from harness.loading.words import did_you_mean, shown
from harness.specs import BaselineSpec, TaskSpec

FOLDER = "baselines"
FIRST_RANK = 3
LIKELIEST = "_by_likelihood"
"""Ends the name of an arm that takes the likeliest label."""


@dataclass(frozen=True)
class Around:
    """What a family has to fit, besides its own file."""

    root: Path
    """The workspace."""
    experiment: str
    """The experiment's name."""
    task: TaskSpec | None
    """Its task; None where that does not load."""
    task_file: Path

    def problems(self, family: BaselineSpec, *, places: Places) -> Iterator[Problem]:
        """Every mistake in a family that its own file does not show."""
        yield from rule_problems(family, task=self.task, places=places)
        yield from idle_problems(family, task=self.task, places=places)
        yield from unsaid_problems(family, task=self.task, places=places)
        yield from embedding_problems(family, root=self.root, places=places)
        yield from passage_problems(family, task=self.task, task_file=self.task_file, places=places)
        yield from previous_problems(family, root=self.root, experiment=self.experiment, places=places)


def loaded_families(
    names: Sequence[str], *, root: Path, places: Places, around: Around
) -> tuple[list[BaselineSpec], list[Problem]]:
    """Every family that loads, and every mistake in the others; `places` are the experiment's."""
    families: list[BaselineSpec] = []
    problems: list[Problem] = []
    known = sorted(file.stem for file in (root / FOLDER).glob("*.yaml"))
    for i, name in enumerate(names):
        if name in names[:i]:
            what = f"baselines names {shown(name)} twice"
            problems.append(places.problem((FOLDER, i), what, fix="remove one"))
        elif name not in known:
            fix = did_you_mean(name, known, kind="families")
            problems.append(places.problem((FOLDER, i), f"unknown baseline family {shown(name)}", fix=fix))
        else:
            family, found = _family(root / FOLDER / f"{name}.yaml", rank=FIRST_RANK + i, around=around)
            families += [family] if family else []
            problems += found
    return families, problems


def _family(file: Path, *, rank: int, around: Around) -> tuple[BaselineSpec | None, list[Problem]]:
    try:
        document = read_document(file)
    except UserError as error:
        return None, [Problem((rank, 0, 0), error)]
    places = Places(document, rank=rank)
    family, problems = validated(BaselineSpec, _filled(document.data), places=places)
    if family is not None:
        problems += [*_empty(document.data, places), *_problems(family, file.stem, places)]
        problems += around.problems(family, places=places)
    return family, problems


def _filled(data: dict[str, Any]) -> dict[str, Any]:
    """`search:` with nothing under it is the default search."""
    return {**data, **{key: {} for key in ("search", "dspy") if data.get(key, key) is None}}


def _empty(data: dict[str, Any], places: Places) -> Iterator[Problem]:
    """`api:` with nothing under it names no model, and would ask the base model unsaid."""
    for key in ("api", "previous"):
        if data.get(key, key) is None:
            yield places.problem((key,), f"{key} is empty", fix="fill it, or leave it out")


def _problems(family: BaselineSpec, stem: str, places: Places) -> Iterator[Problem]:
    if family.family != stem:
        what = f"family is {shown(family.family)}; needs {shown(stem)}, the file's name"
        yield places.problem(("family",), what, fix=f"family: {stem}")
    if family.api is not None and "decoding" in family.model_fields_set and "likelihood" in family.decoding:
        what = f"decoding is [{', '.join(family.decoding)}]; a model behind an API does not tell how likely a label is"
        yield places.problem(("decoding",), what, fix="decoding: [generate]")
    if family.dspy is not None:
        yield from dspy_problems(family.dspy, family=family, places=places)
    yield from search_problems(family, places=places)
    yield from double_problems(family, places=places)
    if family.family == "tuned":
        what = "family is 'tuned', which is what the report calls the tuned model"
        yield places.problem(("family",), what, fix="give the file and the family another name")
    names = [variant.name for variant in family.variants]
    for i, variant in enumerate(family.variants):
        if variant.name in names[:i]:
            what = f"variants.{i}.name is {shown(variant.name)} again; needs a name of its own"
            yield places.problem(("variants", i, "name"), what, fix=f"name: {variant.name}_2")
        if variant.name.endswith(LIKELIEST):
            what = f"variants.{i}.name ends in {LIKELIEST}, which marks the arms that take the likeliest label"
            yield places.problem(("variants", i, "name"), what, fix=f"name: {variant.name.removesuffix(LIKELIEST)}")
        where = ("variants", i, "system")
        yield from placeholder_problems(variant.system or "", where, places=places, known=IN_SYSTEM)
        if variant.pattern is not None:
            where = ("variants", i, "pattern")
            if "{input}" not in variant.pattern:
                what = f"variants.{i}.pattern never shows the item"
                yield places.problem(where, what, fix="put {input} where the item belongs")
            yield from placeholder_problems(variant.pattern, where, places=places, known=IN_PATTERNS)
