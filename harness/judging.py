"""Turn the JSON text of per-item scores into one checked `JudgeRequest`; hold the `Judgement` it leads to.

Light on purpose: no numpy or scipy here, so the command line reads and refuses bad input at once.
"""

import difflib
import json
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, SkipValidation, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from harness.errors import UserError

Metric = Literal["binary", "graded", "macro_f1"]
Verdict = Literal["FINE_TUNE", "PROMPT", "INCONCLUSIVE"]
Outcome = Literal["pass", "fail", "unresolved"]
Cell = float | int | bool | str | None
"""One item's score, or for macro_f1 its label; None: no usable output, which counts as wrong."""
Arm = list[SkipValidation[Cell]]
"""One arm's cells, one per test item; checked below by metric, as pydantic would report each union member."""

DEFAULT_MARGIN: dict[Metric, float] = {"binary": 0.02, "graded": 0.01, "macro_f1": 0.02}
"""The gain a fine-tune must exceed. Above 0 because validation picks slightly inferior prompt champions."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


class Forgetting(_Model):
    """Scores of one benchmark of general ability, after and before fine-tuning."""

    ft: Arm
    """0 or 1 per item for the fine-tuned model; null counts as wrong."""
    base: Arm
    """0 or 1 per item for the model before fine-tuning, same items in the same order."""
    margin: float = Field(default=0.03, ge=0, lt=1, allow_inf_nan=False)
    """The loss that is still acceptable."""
    clusters: list[int | str] | None = None
    """Source of each item, where items share one."""


class JudgeRequest(_Model):
    """Per-item scores of a fine-tuned model and of the prompts it must beat."""

    alpha: float = Field(default=0.05, gt=0, lt=1, allow_inf_nan=False)
    """Accepted chance of saying FINE_TUNE wrongly."""
    margin: float | None = Field(default=None, ge=0, lt=1, allow_inf_nan=False)
    """The gain a fine-tune must exceed; null takes .02, or .01 for graded scores."""
    metric: Metric
    """`binary` (0 or 1), `graded` (scores in [0, 1]) or `macro_f1` (labels)."""
    scope: Literal["artifact", "recipe"] = "artifact"
    """Whether the claim is about this adapter, or about the recipe over training seeds."""
    chosen_seed: int = Field(default=0, ge=0)
    """Index into `ft` of the adapter an `artifact` claim is about, as chosen on validation."""
    planned_looks: int = Field(default=1, ge=1)
    """Verdicts on these test items that were declared beforehand."""
    prior_uses_of_test_set: int = Field(default=0, ge=0)
    """How often these test items were already used for a verdict."""
    ft: list[Arm]
    """One list per training seed: a score, or for macro_f1 a label, per item; null is no usable output."""
    baselines: dict[str, Arm]
    """Prompt family to its champion's score or label per item."""
    y: list[str | int | bool] | None = None
    """True label per item, for macro_f1."""
    clusters: list[int | str] | None = None
    """Source of each item, where items share one."""
    forgetting: dict[str, Forgetting] = {}
    """Benchmark name to its scores; each must not drop by its margin or more."""
    floor: float | None = Field(default=None, gt=0, lt=1, allow_inf_nan=False)
    """The metric must exceed this as well; null: no floor."""

    @property
    def delta(self) -> float:
        """The margin, or the metric's default."""
        return DEFAULT_MARGIN[self.metric] if self.margin is None else self.margin

    @model_validator(mode="after")
    def _check_content(self) -> Self:
        for problem in _problems(self):
            # Braces in a user's own text must not be read as a template.
            raise PydanticCustomError("content", "{field}: {what}. Fix: {fix}", problem._asdict())
        return self


class Condition(_Model):
    """One thing that must hold before fine-tuning is recommended."""

    cond: str
    """`beats:NAME`, `keeps:BENCHMARK` or `floor`."""
    effect: float
    """Fine-tuned score minus the other's; for `floor` the fine-tuned score."""
    margin: float
    """The effect must exceed this."""
    n: int
    """Test items."""
    p_pass: float
    """Small when the condition holds: one-sided p of H0 `effect <= margin`."""
    p_fail: float
    """Small when the condition is broken: one-sided p of H0 `effect >= margin`."""
    outcome: Outcome
    """`pass` or `fail` when proven, else `unresolved`."""
    low: float
    """Lower end of a two-sided 90 % interval of the effect; description only."""
    high: float
    """Upper end of that interval."""
    n_needed: int | None
    """Items that would prove an unresolved effect of this size with 80 % power; null: more would not help."""
    test: str
    """Name of the test used."""
    reason: str
    """The finding in one sentence."""
    warnings: list[str] = []
    """What weakens this condition."""


class Judgement(_Model):
    """The verdict and what it rests on."""

    verdict: Verdict
    """`FINE_TUNE`, `PROMPT` or `INCONCLUSIVE`; the last means: keep prompting for now."""
    reasons: list[str]
    """Why, most important first; the plain word `test_set_spent` leads when the items were used up before."""
    conditions: list[Condition]
    """Every condition, in the order tested."""
    alpha: float
    """Level each condition was tested at: alpha, or this look's share of it."""


def read_request(text: str, *, source: str) -> JudgeRequest:
    """Check `text`, named `source` in messages; `UserError` tells the field, the reason and a fix."""
    try:
        data = json.loads(text, object_pairs_hook=_without_duplicates)
    except json.JSONDecodeError as error:
        where = f"{source}:{error.lineno}:{error.colno}"
        raise UserError(f"not valid JSON: {error.msg}", where=where, fix="correct the JSON here") from None
    except (_DuplicateKeyError, RecursionError, ValueError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise UserError(what, where=source, fix="write each field once, as in the documented table") from None
    try:
        return JudgeRequest.model_validate(data)
    except ValidationError as error:
        problem = _from_pydantic(error)
        # A family's name may hold line breaks; a message is one line.
        what, field, fix = (" ".join(text.split()) for text in (problem.what, problem.field, problem.fix))
        raise UserError(what, where=f"{source}: {field}", fix=fix) from None


class Problem(NamedTuple):
    """One thing wrong with a request."""

    field: str
    """Path of the field, as `forgetting.piqa.ft[3]`."""
    what: str
    """The reason."""
    fix: str
    """What to write instead."""


class _DuplicateKeyError(ValueError):
    """A key that occurs twice in one JSON object."""


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in found if keys.count(key) > 1)
        raise _DuplicateKeyError(f"the key {_quoted(twice)} occurs twice in one object")
    return found


def _problems(request: JudgeRequest) -> Iterator[Problem]:
    """What the field types cannot say, in the order of the fields."""
    if not request.ft or not request.ft[0]:
        yield Problem("ft", "it holds no items", "give one list per training seed with a score per test item")
    if not request.baselines and request.floor is None and not request.forgetting:
        yield Problem("baselines", "there is nothing to beat", "give at least one prompt family's scores")
    if request.chosen_seed >= len(request.ft):
        fix = f"take an index from 0 to {len(request.ft) - 1}"
        yield Problem("chosen_seed", f"{request.chosen_seed} is not an index into ft", fix)
    n = len(request.ft[0])
    yield from _truth_problems(request, n=n)
    known = None if request.metric != "macro_f1" else {label_key(label) for label in request.y or []}
    arms = [(f"ft[{i}]", arm) for i, arm in enumerate(request.ft)]
    arms += [(f"baselines.{name}", arm) for name, arm in request.baselines.items()]
    for field, arm in arms:
        yield from _arm_problems(field, arm, n=n, metric=request.metric, known=known)
    yield from _length_problem("clusters", request.clusters, n=n)
    for name, bench in request.forgetting.items():
        yield from _forgetting_problems(f"forgetting.{name}", bench)


def _truth_problems(request: JudgeRequest, *, n: int) -> Iterator[Problem]:
    if request.metric == "macro_f1" and request.y is None:
        yield Problem("y", "metric macro_f1 needs the true labels", "add y with one label per item")
    yield from _length_problem("y", request.y, n=n)


def _forgetting_problems(field: str, bench: Forgetting) -> Iterator[Problem]:
    if not bench.ft:
        yield Problem(f"{field}.ft", "it holds no items", "give a 0 or 1 per item, or leave the benchmark out")
    for name, arm in (("ft", bench.ft), ("base", bench.base)):
        yield from _arm_problems(f"{field}.{name}", arm, n=len(bench.ft), metric="binary", known=None)
    yield from _length_problem(f"{field}.clusters", bench.clusters, n=len(bench.ft))


def _arm_problems(field: str, arm: Arm, *, n: int, metric: Metric, known: set[str] | None) -> Iterator[Problem]:
    yield from _length_problem(field, arm, n=n)
    for index, cell in enumerate(arm):
        if cell is not None and (found := _cell_problem(cell, metric=metric, known=known)):
            yield Problem(f"{field}[{index}]", *found)


def _length_problem(field: str, values: list[Any] | None, *, n: int) -> Iterator[Problem]:
    if values is not None and len(values) != n:
        what = f"it has {len(values)} entries where ft has {n}"
        yield Problem(field, what, "give every list one entry per test item, in the same order")


def _cell_problem(cell: Cell, *, metric: Metric, known: set[str] | None) -> tuple[str, str] | None:
    if known is not None:
        if isinstance(cell, str | int) and label_key(cell) in known:
            return None
        return (
            f"the label {_quoted(cell)} does not occur in y",
            "write null for an output that is none of the labels",
        )
    if not isinstance(cell, float | int) or cell != cell:
        return f"{_quoted(cell)} is not a number", "write null for an item without a usable output"
    if metric == "binary" and cell not in (0, 1):
        return f"{_quoted(cell)} is neither 0 nor 1", "write 0 or 1, or set metric to graded"
    if not 0 <= cell <= 1:
        return f"the score {_quoted(cell)} is outside 0 to 1", "rescale the metric to 0 to 1"
    return None


def label_key(label: Cell) -> str:
    """A label's identity: the number 1, the text "1" and true are three labels."""
    return json.dumps(label)


def _quoted(value: object) -> str:
    """A user's value on one short line."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _from_pydantic(error: ValidationError) -> Problem:
    """The first problem pydantic found, in our words, with the number of further ones."""
    details = error.errors(include_url=False)
    problem = _worded(details[0])
    others = len({_path(other) for other in details} - {_path(details[0])})
    return problem if not others else problem._replace(what=f"{problem.what} (and {others} more fields are wrong)")


def _worded(detail: ErrorDetails) -> Problem:
    if detail["type"] == "content":
        return Problem(**detail["ctx"])
    field, fields = _path(detail), list(JudgeRequest.model_fields) + list(Forgetting.model_fields)
    if detail["type"] == "missing":
        return Problem(field, "it is missing", "add this field")
    if detail["type"] == "extra_forbidden":
        close = difflib.get_close_matches(str(detail["loc"][-1]), fields, n=1)
        return Problem(field, "unknown field", f"write {close[0]}" if close else "remove it")
    what = detail["msg"].removeprefix("Input should be ")
    return Problem(field, f"{_quoted(detail['input'])} is wrong", f"give {what}")


def _path(detail: ErrorDetails) -> str:
    """`("forgetting", "piqa", "ft", 3)` as `forgetting.piqa.ft[3]`, without names of union members."""
    text = ""
    for part in detail["loc"]:
        if isinstance(part, int):
            text += f"[{part}]"
        elif not (text.endswith("]") and part in ("int", "str", "bool")):
            text += f".{part}" if text else part
    return text or "the document"
