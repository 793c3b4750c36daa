"""Turn answers and references into per-item scores in [0, 1], through `evaluate`."""

import importlib.util
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.metrics import METRICS
from harness.records import Example


def answer_scores(
    metrics: Sequence[str], *, answers: Sequence[str], items: Sequence[Example], task_dir: Path | None
) -> dict[str, list[float]]:
    """A list per metric, one score an item; macro-F1 has none, it is computed from labels."""
    shipped = [name for name in metrics if name in METRICS and name != "macro_f1"]
    found = _shipped(shipped, answers=answers, references=[item.reference for item in items]) if shipped else {}
    for name in metrics:
        if name.startswith("evaluate:"):
            found[name] = _from_hub(name, answers=answers, items=items)
        elif name not in METRICS:
            found[name] = _custom(name, answers=answers, items=items, task_dir=task_dir)
    return found


def _shipped(names: list[str], *, answers: Sequence[str], references: Sequence[str]) -> dict[str, list[float]]:
    from harness.adapters.shipped_metrics import ShippedMetrics

    with tempfile.TemporaryDirectory() as cache:
        metric = ShippedMetrics(cache_dir=cache, keep_in_memory=True)
        found: dict[str, list[float]] = metric.compute(
            predictions=list(answers), references=list(references), names=names
        )
    return found


def _from_hub(name: str, *, answers: Sequence[str], items: Sequence[Example]) -> list[float]:
    """A hub metric, item by item: paired tests need a score for every item."""
    import evaluate

    try:
        metric = evaluate.load(name.removeprefix("evaluate:"))
    except (FileNotFoundError, ConnectionError, OSError) as error:
        raise UserError(
            f"metric {name} cannot be loaded: {str(error).splitlines()[0]}",
            where="metrics",
            fix="check its name and the connection",
        ) from error

    def score(answer: str, item: Example) -> float:
        values = metric.compute(predictions=[answer], references=[item.reference])
        return next(float(value) for value in values.values() if isinstance(value, int | float))

    return [_checked(score(answer, item), name=name) for answer, item in zip(answers, items, strict=True)]


def _custom(name: str, *, answers: Sequence[str], items: Sequence[Example], task_dir: Path | None) -> list[float]:
    """`metrics.py:FUNCTION` of the task: called with (answer, reference, input), returns a score in [0, 1]."""
    file, function = name.split(":")
    spec = importlib.util.spec_from_file_location("task_metrics", (task_dir or Path()) / file)
    if spec is None or spec.loader is None:
        raise UserError(
            f"metric {name} cannot be loaded", where=str(task_dir), fix="name a Python file of the task's folder"
        )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    called: Callable[..., Any] = getattr(module, function)

    def score(answer: str, reference: str, text: str) -> Any:
        try:
            return called(answer, reference, text)
        except Exception as error:  # The task's own code may raise anything.
            what = f"metric {name} raised {type(error).__name__}: {error}, for the answer {answer[:60]!r}"
            raise UserError(what, where=str(task_dir), fix="mend the function") from error

    return [
        _checked(score(answer, item.reference, item.input), name=name)
        for answer, item in zip(answers, items, strict=True)
    ]


def _checked(value: Any, *, name: str) -> float:
    if not isinstance(value, int | float) or not 0 <= value <= 1:
        raise UserError(f"metric {name} returned {value!r}; scores lie in [0, 1]", where=name, fix="scale it to [0, 1]")
    return float(value)
