"""Turn what a search learns from besides the task into its mistakes: sources, templates, settings at odds."""

import re
from collections.abc import Iterator
from pathlib import Path

from harness.errors import UserError
from harness.loading.places import Places, Problem
from harness.loading.sources import source_path
from harness.loading.words import did_you_mean, shown
from harness.methods import METHODS
from harness.specs import ExperimentSpec, SearchSpec

_TEMPLATES = {"replay": "input", "preferences": "prompt"}


def further_problems(experiment: ExperimentSpec, *, root: Path, places: Places) -> Iterator[Problem]:
    """Every mistake that a section shows by itself or beside the others."""
    search = experiment.search
    for name in ("text", "replay", "preferences"):
        if (section := getattr(search, name)) is not None:
            yield from _source_problems(name, section.source, root=root, places=places)
    yield from _template_problems(search, places)
    yield from _preference_problems(search, places)
    yield from _mix_problems(experiment, places)


def mixed_names(experiment: ExperimentSpec) -> list[str]:
    """The tasks that are mixed in, each once, without the experiment's own."""
    mix = experiment.search.mix
    return [name for name in dict.fromkeys(mix.tasks) if name != experiment.task] if mix else []


def unknown_task(name: str, *, index: int, known: list[str], places: Places) -> Problem:
    """A task that is mixed in and not there."""
    path = ("search", "mix", "tasks", index)
    return places.problem(path, f"search.mix: unknown task {shown(name)}", fix=did_you_mean(name, known, kind="tasks"))


def _source_problems(name: str, source: str, *, root: Path, places: Places) -> Iterator[Problem]:
    try:
        source_path(source, root=root)
    except UserError as error:
        what = f"search.{name}.source is {shown(source)}: {error.what}"
        yield places.problem(("search", name, "source"), what, fix=error.fix)


def _template_problems(search: SearchSpec, places: Places) -> Iterator[Problem]:
    for name, field in _TEMPLATES.items():
        section = getattr(search, name)
        text = getattr(section, field) if section is not None else "{}"
        if section is not None and not re.search(r"\{\w+\}", text):
            what = f"search.{name}.{field} is {shown(text)}; it names no column, so every question would be the same"
            fix = f'{field}: "{{question}}", with a column of the rows in the braces'
            yield places.problem(("search", name, field), what, fix=fix)


def _preference_problems(search: SearchSpec, places: Places) -> Iterator[Problem]:
    pairs = search.preferences
    if pairs is None:
        return
    if pairs.chosen == pairs.rejected:
        what = f"search.preferences.rejected is {shown(pairs.rejected)}, the column of the better answer"
        yield places.problem(("search", "preferences", "rejected"), what, fix="name the column of the worse answer")
    if "rank" not in METHODS[search.method].varies:
        able = [name for name, method in METHODS.items() if "rank" in method.varies]
        what = "search.preferences keeps the model that DPO starts from as a second adapter, which"
        fix = f"search.method: {able[0]}, or leave preferences out"
        yield places.problem(("search", "preferences"), f"{what} {search.method} does not allow", fix=fix, key=True)
    if pairs.after == "sft":
        return
    for name in ("mix", "replay"):
        if getattr(search, name) is not None:
            what = f"search.{name} adds examples to the epochs on the task, and preferences.after: nothing leaves none"
            fix = f"leave {name} out, or after: sft under preferences"
            yield places.problem(("search", name), what, fix=fix, key=True)
    for name in sorted({"epochs", "learning_rate"} & pairs.model_fields_set):
        what = f"search.preferences.{name} is of epochs behind those on the task; with after: nothing there are none"
        fix = f"leave it out: search.space.{name} is of all epochs then"
        yield places.problem(("search", "preferences", name), what, fix=fix, key=True)


def _mix_problems(experiment: ExperimentSpec, places: Places) -> Iterator[Problem]:
    names = experiment.search.mix.tasks if experiment.search.mix else []
    for index, name in enumerate(names):
        path = ("search", "mix", "tasks", index)
        if name == experiment.task:
            what = f"search.mix.tasks names {shown(name)}, the experiment's own task, whose examples are there anyway"
            yield places.problem(path, what, fix="name other tasks, or leave mix out")
        elif name in names[:index]:
            yield places.problem(path, f"search.mix.tasks names {shown(name)} twice", fix="keep one of them")
