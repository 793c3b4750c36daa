"""Turn the test scores of the adapter, and of each form it would be served in, into what may ship."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.metrics import metric_info
from harness.stats import SMALL_SAMPLE_FACTOR
from harness.stats.compare import Compared, Sample, compare
from harness.stats.corpus import NO_LABEL, evidence_items
from harness.stats.power import items_needed
from harness.wording import gap, p_value

Rows = list[dict[str, Any]]
SUBJECTS = {"merged": "The merged model", "merged_nf4": "The merged model in 4 bits"}


class FormFinding(NamedTuple):
    """Whether one form may be served in place of the adapter."""

    form: str
    """`merged` or `merged_nf4`."""
    effect: float
    """The form's score minus the adapter's, on the deciding metric."""
    margin: float
    """A loss as large as this must be ruled out."""
    n: int
    """Test items."""
    p_pass: float
    """Small when the form keeps up: one-sided p of H0 `effect <= -margin`."""
    p_fail: float
    """Small when it does not: one-sided p of H0 `effect >= -margin`."""
    low: float
    """Lower end of a descriptive 90 % interval of the effect."""
    high: float
    """Upper end of it."""
    outcome: str
    """`pass`, `fail`, or `unresolved`."""
    blocked: bool
    """Whether the form must not ship: nothing but `pass` lets it."""
    changed: float
    """Share of items whose row (score in any metric, label, validity, `text` where given) is not the adapter's."""
    sentence: str
    """The finding in one sentence."""


def form_findings(
    adapter_rows: Rows, form_rows: dict[str, Rows], *, metric: str, margin: float, alpha: float
) -> list[dict[str, Any]]:
    """The fields of a `FormFinding` for every form, in their order.

    Rows are those of scores.jsonl, the same items in the same order; each form is a decision of its own, so each is
    tested at `alpha`.
    """
    return [
        _finding(form, adapter_rows, rows, metric=metric, margin=margin, alpha=alpha)._asdict()
        for form, rows in form_rows.items()
    ]


def _finding(form: str, adapter: Rows, rows: Rows, *, metric: str, margin: float, alpha: float) -> FormFinding:
    if [row["example_id"] for row in rows] != [row["example_id"] for row in adapter]:
        raise AssertionError(f"form {form}: it and the adapter answered different items")
    sample = _sample(rows, adapter, metric=metric)
    found = compare(sample, margin=-margin, alpha=alpha)
    outcome = "pass" if found.p.p_pass <= alpha else "fail" if found.p.p_fail <= alpha else "unresolved"
    needed = _needed(sample, found, margin=margin, alpha=alpha) if outcome == "unresolved" else None
    return FormFinding(
        form=form,
        effect=found.effect,
        margin=margin,
        n=len(rows),
        p_pass=found.p.p_pass,
        p_fail=found.p.p_fail,
        low=found.low,
        high=found.high,
        outcome=outcome,
        blocked=outcome != "pass",
        changed=sum(row != before for row, before in zip(rows, adapter, strict=True)) / len(rows),
        sentence=f"{_observed(form, found, n=len(rows))}; {_settled(found, outcome, margin=margin, needed=needed)}",
    )


def _sample(rows: Rows, adapter: Rows, *, metric: str) -> Sample:
    """The form against the adapter; an answer without use is wrong: score 0, or a label that never matches."""
    clusters = _codes([row["group"] for row in adapter])
    shared = clusters if clusters.max() + 1 < len(clusters) else None
    case = metric_info(metric).case
    if case != "macro_f1":
        form, other = (
            np.array([float(row[metric]) if row["valid"] else 0.0 for row in arm]) for arm in (rows, adapter)
        )
        return Sample("binary" if case == "binary" else "graded", form[None, :], other, clusters=shared)
    known = {label: code for code, label in enumerate(sorted({row["reference"] for row in adapter}))}
    form, other = (
        np.array([known.get(row["label"], NO_LABEL) if row["valid"] else NO_LABEL for row in arm], dtype=float)
        for arm in (rows, adapter)
    )
    truth = np.array([known[row["reference"]] for row in adapter])
    return Sample("macro_f1", form[None, :], other, truth=truth, clusters=shared)


def _codes(groups: list[str]) -> NDArray[np.int64]:
    index = {group: code for code, group in enumerate(dict.fromkeys(groups))}
    return np.array([index[group] for group in groups], dtype=np.int64)


def _needed(sample: Sample, found: Compared, *, margin: float, alpha: float) -> int | None:
    """Test items that would rule the loss out; None when more would not help, or the test refuses to answer."""
    if found.refusal:
        return None
    # Groups, and the items of the rarest label, are what counts; the set grows with them in proportion.
    counted = sample.items
    if sample.clusters is not None:
        counted = int(sample.clusters.max()) + 1
    elif sample.truth is not None:
        counted = evidence_items(sample.truth)
    # No fewer than where nothing differs: few items that hardly differ would promise too much.
    seen, same = (
        items_needed(counted, effect=effect, margin=-margin, se=se, alpha=alpha / SMALL_SAMPLE_FACTOR)
        for effect, se in ((found.effect, found.se), (min(found.effect, 0.0), 0.0))
    )
    return None if seen is None or same is None else math.ceil(max(seen, same) * sample.items / counted)


def _observed(form: str, found: Compared, *, n: int) -> str:
    return f"{SUBJECTS[form]} scores {gap(found.effect, against='the adapter')} on {n:,} items"


def _settled(found: Compared, outcome: str, *, margin: float, needed: int | None) -> str:
    points = f"{100 * margin:g} point{'' if margin == 0.01 else 's'}"
    if outcome == "pass":
        return f"a loss of {points} or more is ruled out ({p_value(found.p.p_pass)}): it may ship."
    if outcome == "fail":
        return f"a loss of more than {points} is proven ({p_value(found.p.p_fail)}): blocked."
    if found.refusal:
        return f"a loss of {points} or more cannot be ruled out, as {found.refusal}: blocked."
    advice = "more items are not expected to help" if needed is None else f"about {needed:,} items would be needed"
    return f"a loss of {points} or more is not ruled out ({p_value(found.p.p_pass)}): blocked, {advice}."
