"""Turn a task's promises into checked files: its metrics, its prompts, its data."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UserError
from harness.loading.corpus import corpus_problems
from harness.loading.elsewhere import misled
from harness.loading.metric_names import CODE_FILE, CUSTOM, functions_in, is_metric, unknown_metric
from harness.loading.places import Places, Problem
from harness.loading.sources import local_path, source_path
from harness.loading.textfile import position, text_of, typed_path
from harness.loading.unsaid import unsaid
from harness.loading.words import KeyPath, did_you_mean, dotted, flow, nearest, shown
from harness.metrics import METRICS
from harness.specs import TaskSpec

PLACEHOLDERS = ("input", "instruction", "labels", "definitions")
IN_PATTERNS = (*PLACEHOLDERS, "passages")
IN_SYSTEM = ("instruction", "labels", "definitions")
"""What a system message may hold: the item and its passages belong into the message."""
"""Only a variant has passages, so only its own pattern may say where they stand."""
_FOR_LABELS = ("accuracy", "macro_f1")


@dataclass(frozen=True)
class TaskFiles:
    """One task with what its files hold."""

    spec: TaskSpec
    folder: Path
    root: Path
    places: Places

    def problems(self) -> Iterator[Problem]:
        """Every mistake in the task that its spec alone does not show."""
        if self.spec.name != self.folder.name:
            what = f"name is {shown(self.spec.name)}; needs {shown(self.folder.name)}, the folder's name"
            yield self.places.problem(("name",), what, fix=f"name: {self.folder.name}")
        yield from self._data_problems()
        yield from corpus_problems(self.spec, root=self.root, places=self.places)
        yield from self._metric_problems()
        yield from placeholder_problems(self.spec.template, ("template",), places=self.places)
        yield from self._instruction_problems()
        yield from self._prompt_problems()
        yield from self._label_problems()

    def _instruction_problems(self) -> Iterator[Problem]:
        if not self.spec.instruction.strip():
            what = "instruction is empty; it is the zero-shot prompt, and the tuned model's"
            yield self.places.problem(("instruction",), what, fix="say in plain words what to do")
        for field in ("instruction", "template"):
            for name in dict.fromkeys(match[1] for match in self._unsaid(getattr(self.spec, field))):
                what = f"{field} has {{{name}}}, but the task has no {name}"
                yield self.places.problem((field,), what, fix=self._unsaid_fix(name))

    def _unsaid_fix(self, name: str) -> str:
        """Only labels can have definitions."""
        with_it = "kind: label with definitions" if name == "definitions" else "kind: label"
        return f"take {{{name}}} out, or {f'add {name}' if self.spec.kind == 'label' else with_it}"

    def _unsaid(self, text: str) -> Iterator[re.Match[str]]:
        return (match for match in re.finditer(r"\{(\w+)\}", text) if match[1] in unsaid(self.spec))

    def _label_problems(self) -> Iterator[Problem]:
        if self.spec.labels is not None and self.spec.kind != "label":
            what = "labels is given, but only tasks of kind label have labels"
            yield self.places.problem(("labels",), what, fix="kind: label, or leave labels out", key=True)
        known = self.spec.labels if self.spec.kind == "label" else []
        for name in self.spec.definitions:
            if known is not None and name not in known:
                what = f"definitions names {shown(name)}, which is no label of the task"
                fix = did_you_mean(name, known, kind="labels") if known else "leave it out, or kind: label"
                yield self.places.problem(("definitions", name), what, fix=fix, key=True)

    def code(self) -> dict[str, str]:
        """Source text of every custom metric, by metric name."""
        names = filter(CUSTOM.fullmatch, self.spec.metrics)
        return {name: text_of(self.folder / CODE_FILE) for name in names}

    def prompt(self) -> str:
        """Text of the hand-written prompt."""
        return text_of(self._prompt_path())

    def _prompt_path(self) -> Path:
        return local_path(self.spec.engineered, base=self.folder, root=self.root)

    def _data_problems(self) -> Iterator[Problem]:
        source = self.spec.data.source
        try:
            source_path(source, root=self.root, near=self.folder)
        except UserError as error:
            what = f"data.source is {shown(source)}: {error.what}"
            yield self.places.problem(("data", "source"), what, fix=error.fix)

    def _metric_problems(self) -> Iterator[Problem]:
        for i, name in enumerate(self.spec.metrics):
            path = ("metrics", i)
            if name in self.spec.metrics[:i]:
                yield self.places.problem(path, f"metrics names {name} twice", fix="remove one")
            elif name in _FOR_LABELS and self.spec.kind != "label":
                what = f"metric {name} needs kind: label; the task's kind is {self.spec.kind}"
                yield self.places.problem(path, what, fix="kind: label, or the metric exact_match")
            elif custom := CUSTOM.fullmatch(name):
                yield from self._code_problems(path, custom[1])
            elif not is_metric(name):
                known = [other for other in METRICS if self.spec.kind == "label" or other not in _FOR_LABELS]
                yield unknown_metric(path, name, known=known, places=self.places, folder=self.folder)

    def _code_problems(self, path: KeyPath, function: str) -> Iterator[Problem]:
        file = self.folder / CODE_FILE
        if not file.is_file():
            what = f"metric {CODE_FILE}:{function} needs the file {typed_path(file)}, which does not exist"
            yield self.places.problem(path, what, fix=f"write it, with a function {function} in it")
            return
        try:
            names = functions_in(file)
        except UserError as error:
            yield Problem((self.places.rank + 1, 0, 0), error)
            return
        if function not in names:
            what = f"{typed_path(file)} defines no function {function}"
            yield self.places.problem(path, what, fix=did_you_mean(function, names, kind="functions"))

    def _prompt_problems(self) -> Iterator[Problem]:
        try:
            text = self.prompt()
        except UserError as error:
            yield self._no_prompt(error)
            return
        if "{input}" not in text:
            yield self._in_prompt(text, 0, "the prompt lacks {input}", fix="put {input} where the item belongs")
        for match in _unknown(text):
            what = f"unknown placeholder {match[0]}"
            yield self._in_prompt(text, match.start(), what, fix=_placeholder_fix(match[1]))
        for match in self._unsaid(text):
            what = f"the prompt has {match[0]}, but the task has no {match[1]}"
            yield self._in_prompt(text, match.start(), what, fix=self._unsaid_fix(match[1]))

    def _no_prompt(self, error: UserError) -> Problem:
        """No prompt can be read; what is said to be a file may be the prompt itself."""
        source = self.spec.engineered
        fix = f"write the prompt into a file in {typed_path(self.folder)}"
        what = f"engineered is {shown(source)}: {_reason(error)}"
        if re.search(r"[{\n]", source):
            return self.places.problem(("engineered",), what, fix=fix)
        folder = (self.folder / source).parent
        beside = sorted(file.name for file in folder.glob("*.txt")) if os.path.isdir(folder) else []
        if guess := nearest(Path(source).name, beside):
            fix = f"engineered: {flow(str(Path(source).parent / guess))}"
        found = misled(source, what, base=self.folder, root=self.root, fix=fix)
        return self.places.problem(("engineered",), found.what, fix=found.fix)

    def _in_prompt(self, text: str, index: int, what: str, *, fix: str) -> Problem:
        line, column = position(text, index)
        where = f"{typed_path(self._prompt_path())}:{line}:{column}"
        return Problem((self.places.rank + 1, line, column), UserError(what, where=where, fix=fix))


def placeholder_problems(
    text: str, path: KeyPath, *, places: Places, known: Sequence[str] = PLACEHOLDERS
) -> Iterator[Problem]:
    """Braces that nothing fills in."""
    for name in dict.fromkeys(match[1] for match in _unknown(text, known=known)):
        what = f"{dotted(path)} has an unknown placeholder {{{name}}}"
        yield places.problem(path, what, fix=_placeholder_fix(name, known=known))


def _unknown(text: str, *, known: Sequence[str] = PLACEHOLDERS) -> Iterator[re.Match[str]]:
    return (match for match in re.finditer(r"\{([A-Za-z_]\w*)\}", text) if match[1] not in known)


def _placeholder_fix(name: str, *, known: Sequence[str] = PLACEHOLDERS) -> str:
    return did_you_mean(name, [f"{{{other}}}" for other in known], kind="placeholders")


def _reason(error: UserError) -> str:
    return f"{error.where} {error.what}" if error.where else error.what
