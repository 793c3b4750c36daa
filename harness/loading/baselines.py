"""Turn the names of prompt families into checked families."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.errors import UserError
from harness.loading.places import Places, Problem
from harness.loading.positions import read_document
from harness.loading.tasks import placeholder_problems
from harness.loading.validate import validated
from harness.loading.variants import embedding_problems, rule_problems
from harness.loading.words import did_you_mean, shown
from harness.specs import BaselineSpec, TaskSpec

FOLDER = "baselines"
FIRST_RANK = 3


def loaded_families(
    names: Sequence[str], *, root: Path, task: TaskSpec | None, places: Places
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
            family, found = _family(root / FOLDER / f"{name}.yaml", rank=FIRST_RANK + i, root=root, task=task)
            families += [family] if family else []
            problems += found
    return families, problems


def _family(file: Path, *, rank: int, root: Path, task: TaskSpec | None) -> tuple[BaselineSpec | None, list[Problem]]:
    try:
        document = read_document(file)
    except UserError as error:
        return None, [Problem((rank, 0, 0), error)]
    places = Places(document, rank=rank)
    family, problems = validated(BaselineSpec, document.data, places=places)
    if family is not None:
        problems += [*_problems(family, file.stem, places), *rule_problems(family, task=task, places=places)]
        problems += embedding_problems(family, root=root, places=places)
    return family, problems


def _problems(family: BaselineSpec, stem: str, places: Places) -> Iterator[Problem]:
    if family.family != stem:
        what = f"family is {shown(family.family)}; needs {shown(stem)}, the file's name"
        yield places.problem(("family",), what, fix=f"family: {stem}")
    names = [variant.name for variant in family.variants]
    for i, variant in enumerate(family.variants):
        if variant.name in names[:i]:
            what = f"variants.{i}.name is {shown(variant.name)} again; needs a name of its own"
            yield places.problem(("variants", i, "name"), what, fix=f"name: {variant.name}_2")
        if variant.pattern is not None:
            yield from placeholder_problems(variant.pattern, ("variants", i, "pattern"), places=places)
