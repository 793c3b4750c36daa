"""Turn a family's variants into their mistakes: rules that also ask, constants that are no label, missing models."""

from collections.abc import Iterator
from pathlib import Path

from harness.errors import UserError
from harness.loading.embeddings import check_library, embedding_folder
from harness.loading.places import Places, Problem
from harness.loading.words import KeyPath, did_you_mean, dotted, shown
from harness.metrics.answers import parsed_label
from harness.specs import BaselineSpec, TaskSpec, VariantSpec

_OF_RULES = ("name", "rule", "answer")
"""What a variant that asks no model can say."""


def rule_problems(family: BaselineSpec, *, task: TaskSpec | None, places: Places) -> Iterator[Problem]:
    """The trivial family asks nothing; a rule anywhere says nothing of asking; an answer is a constant's, and fits."""
    if family.family == "trivial":
        yield from _asking_problems(family, places)
    for i, variant in enumerate(family.variants):
        path: KeyPath = ("variants", i)
        if variant.rule is not None:
            yield from _idle_problems(variant, path, places)
        if variant.answer is not None and variant.rule != "constant":
            what = f"{dotted((*path, 'answer'))} is what rule: constant says; the variant has {_ruled(variant)}"
            yield places.problem((*path, "answer"), what, fix="rule: constant, or leave answer out")
        elif variant.answer is not None and task is not None:
            yield from _label_problems(variant.answer, (*path, "answer"), task, places)


def embedding_problems(family: BaselineSpec, *, root: Path, places: Places) -> Iterator[Problem]:
    """Shots chosen by embedding need a model, and it has to be there."""
    if family.embedding_model is None:
        for path in _embedding_places(family):
            what = f"{dotted(path)} is 'embedding', which needs embedding_model; the family names none"
            yield places.problem(path, what, fix="embedding_model: FOLDER, or choose: bm25")
    elif "embedding" in family.choices:
        yield from _model_problems(family.embedding_model, root=root, places=places)


def _model_problems(name: str, *, root: Path, places: Places) -> Iterator[Problem]:
    try:
        check_library()
        embedding_folder(name, root=root)
    except UserError as error:
        what = f"embedding_model is {shown(name)}: {error.what}"
        yield places.problem(("embedding_model",), what, fix=error.fix)


def _asking_problems(family: BaselineSpec, places: Places) -> Iterator[Problem]:
    for i, variant in enumerate(family.variants):
        if variant.rule is None:
            what = f"variants.{i}.rule is missing; the trivial family answers without a model"
            yield places.problem(("variants", i, "rule"), what, fix="rule: majority, or rule: copy")
    for name in ("search", "dspy"):
        if getattr(family, name) is not None:
            what = f"{name} asks a model; the trivial family answers without one"
            yield places.problem((name,), what, fix=f"move {name} into a family of its own", key=True)


def _idle_problems(variant: VariantSpec, path: KeyPath, places: Places) -> Iterator[Problem]:
    for name in VariantSpec.model_fields:
        if name in variant.model_fields_set and name not in _OF_RULES:
            what = f"{dotted((*path, name))} says how to ask; rule: {variant.rule} asks no model"
            yield places.problem((*path, name), what, fix=f"leave {name} out")


def _label_problems(answer: str, path: KeyPath, task: TaskSpec, places: Places) -> Iterator[Problem]:
    """Labels that only the data know are not looked at."""
    if task.kind == "label" and task.labels is not None and parsed_label(answer, labels=task.labels) is None:
        what = f"{dotted(path)} is {shown(answer)}, which is no label of task {task.name}"
        yield places.problem(path, what, fix=did_you_mean(answer, task.labels, kind="labels"))


def _embedding_places(family: BaselineSpec) -> Iterator[KeyPath]:
    for i, variant in enumerate(family.variants):
        if variant.choose == "embedding":
            yield ("variants", i, "choose")
    for i, choice in enumerate(family.search.space.choose if family.search else []):
        if choice == "embedding":
            yield ("search", "space", "choose", i)


def _ruled(variant: VariantSpec) -> str:
    return "no rule" if variant.rule is None else f"rule: {variant.rule}"
