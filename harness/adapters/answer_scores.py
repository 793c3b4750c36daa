"""Turn answers and references into per-item scores in [0, 1], through `evaluate`."""

import importlib.util
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import SourceFileLoader
from numbers import Real
from pathlib import Path
from types import CodeType
from typing import Any

from harness.canonical import digest
from harness.disk import trouble
from harness.errors import SourceChanged, UserError
from harness.loading.textfile import text_of
from harness.metrics import METRICS
from harness.records import Example

ODD_ANSWERS = (
    "word " * 1_000,
    "Zoë 日本語 😀 e\u0301 \u202e",
    "\x00\x1b[31m\t\r\n\u2028",
    "{}[]()<>'\"`\\ {0} %s $x",
    "0",
    "-1.5e400",
    "nan",
    '{"a": [1, null, "b"]}',
)
"""Whatever a model can answer, a metric must have a score for."""
Score = Callable[[str, Example], Any]
"""One answer's score against its item, unchecked."""


def answer_scores(
    metrics: Sequence[str],
    *,
    answers: Sequence[str],
    items: Sequence[Example],
    task_dir: Path | None,
    labels: Sequence[str] | None = None,
    code: Mapping[str, str] | None = None,
) -> dict[str, list[float]]:
    """A list per metric, one score an item; macro-F1 has none, it is computed from labels.

    With `labels` every answer is one of them, or empty where it names none. An empty answer is wrong, whatever the
    task's own metric or the hub's would say of it: many divide by its length. `code` holds the hash of the text that
    each of the task's own metrics had when the run began; another text is not run.
    """
    shipped = [name for name in metrics if name in METRICS and name != "macro_f1"]
    found = _shipped(shipped, answers=answers, references=[item.reference for item in items]) if shipped else {}
    odd = ODD_ANSWERS if labels is None else labels
    for name in metrics:
        if name not in METRICS:
            planned = (code or {}).get(name)
            own = not name.startswith("evaluate:")
            score = _custom(name, task_dir=task_dir, planned=planned) if own else _from_hub(name)
            found[name] = _scores(name, score, answers=answers, items=items, odd=odd)
    return found


def _shipped(names: list[str], *, answers: Sequence[str], references: Sequence[str]) -> dict[str, list[float]]:
    from harness.adapters.shipped_metrics import ShippedMetrics

    with tempfile.TemporaryDirectory() as cache:
        metric = ShippedMetrics(cache_dir=cache, keep_in_memory=True)
        found: dict[str, list[float]] = metric.compute(
            predictions=list(answers), references=list(references), names=names
        )
    return found


def _scores(
    name: str, score: Score, *, answers: Sequence[str], items: Sequence[Example], odd: Sequence[str]
) -> list[float]:
    """Every answer's score, once `odd` answers have been tried on the first item.

    Somebody else's code that cannot take some answer would otherwise meet it on the test items, when the ledger has
    its line and the test set is used; so it is found with the first scores on validation.
    """
    for answer in odd if items else ():
        _checked(name, score, answer, item=items[0], note=" (a trial with an odd answer; a model may give any)")
    return [_checked(name, score, answer, item=item) for answer, item in zip(answers, items, strict=True)]


def _checked(name: str, score: Score, answer: str, *, item: Example, note: str = "") -> float:
    if not answer.strip():
        return 0.0
    shown = f"for the answer {answer[:60]!r}{note}"
    try:
        value = score(answer, item)
    except Exception as error:  # Somebody else's code may raise anything.
        what = f"metric {name} raised {type(error).__name__}: {error}, {shown}"
        raise UserError(what, where="metrics", fix="mend its function, or take another metric") from error
    if not isinstance(value, Real) or not 0 <= float(value) <= 1:
        raise UserError(f"metric {name} returned {value!r}, {shown}", where="metrics", fix="scale it to [0, 1]")
    return float(value)


def _from_hub(name: str) -> Score:
    """A hub metric, item by item: paired tests need a score for every item."""
    import evaluate

    try:
        metric = evaluate.load(name.removeprefix("evaluate:"))
    except (FileNotFoundError, ConnectionError, OSError) as error:
        if trouble(error) is not None:
            raise
        raise UserError(
            f"metric {name} cannot be loaded: {str(error).splitlines()[0]}",
            where="metrics",
            fix="check its name and the connection",
        ) from error

    def score(answer: str, item: Example) -> float | None:
        values = metric.compute(predictions=[answer], references=[item.reference])
        return next((float(value) for value in values.values() if isinstance(value, int | float)), None)

    return score


class _Text(SourceFileLoader):
    """Runs a text that was read from a file; the file may change, and bytecode beside it be that of another text."""

    def __init__(self, path: Path, text: str) -> None:
        super().__init__("task_metrics", str(path))
        self._text = text

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self._text.encode(), self.path)


def _custom(name: str, *, task_dir: Path | None, planned: str | None) -> Score:
    """`metrics.py:FUNCTION` of the task: called with (answer, reference, input), returns a score in [0, 1]."""
    file, function = name.split(":")
    path = (task_dir or Path()) / file
    text = text_of(path)
    if planned is not None and digest(text) != planned:
        raise SourceChanged(str(path))
    loader = _Text(path, text)
    spec = importlib.util.spec_from_file_location(loader.name, path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    try:
        loader.exec_module(module)
        called: Callable[..., Any] = getattr(module, function)
    except (Exception, SystemExit) as error:  # The task's own code may raise anything.
        what = f"metric {name} cannot be loaded: {type(error).__name__}: {error}"
        raise UserError(what, where=f"{task_dir}/{file}", fix="mend the file") from error
    return lambda answer, item: called(answer, item.reference, item.input)
