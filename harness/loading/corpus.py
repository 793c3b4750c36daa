"""Turn what tasks and families say of passages into its mistakes."""

import re
from collections.abc import Iterator
from pathlib import Path

from harness.errors import UserError
from harness.loading.places import Places, Problem
from harness.loading.sources import source_path
from harness.loading.textfile import typed_path
from harness.loading.words import shown
from harness.specs import BaselineSpec, TaskSpec

PLACE = "{passages}"
"""Where passages stand in a pattern."""


def corpus_path(source: str, *, root: Path) -> Path:
    """The file or folder of a `corpus.source`. Raises `UserError` unless it exists."""
    if source.startswith("hub:") or "://" in source:
        what = "a corpus is not read from the hub" if source.startswith("hub:") else "a web address"
        raise UserError(what, fix="download it into the workspace and name the file")
    path = source_path(source, root=root)
    assert path is not None  # Only the hub has no path.
    return path


def corpus_problems(task: TaskSpec, *, root: Path, places: Places) -> Iterator[Problem]:
    """A source that is not there, and a template that holds no column."""
    if task.corpus is None:
        return
    try:
        corpus_path(task.corpus.source, root=root)
    except UserError as error:
        what = f"corpus.source is {shown(task.corpus.source)}: {error.what}"
        yield places.problem(("corpus", "source"), what, fix=error.fix)
    if not re.search(r"\{\w+\}", task.corpus.text):
        what = f"corpus.text is {shown(task.corpus.text)}; it names no column, so every passage would be the same"
        yield places.problem(("corpus", "text"), what, fix='text: "{text}", with a column of the corpus in the braces')


def passage_problems(
    family: BaselineSpec, *, task: TaskSpec | None, task_file: Path, places: Places
) -> Iterator[Problem]:
    """Passages without a corpus, and a place for passages without any; `task` is None where it does not load."""
    for i, variant in enumerate(family.variants):
        file = typed_path(task_file)
        if variant.passages and task is not None and task.corpus is None:
            what = f"variants.{i}.passages is {variant.passages}, but {file} has no corpus to take passages from"
            yield places.problem(
                ("variants", i, "passages"), what, fix=f"add corpus: {{source: FILE}} to {file}, or leave passages out"
            )
        if variant.pattern is not None and PLACE in variant.pattern and not variant.passages:
            what = f"variants.{i}.pattern has {PLACE}, but variants.{i}.passages is 0"
            fix = f"add passages: 3 to the variant, or take {PLACE} out"
            yield places.problem(("variants", i, "pattern"), what, fix=fix)
