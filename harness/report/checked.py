"""Turn a stored judgement into the report's rows: conditions, slices, forms, leaked items and the sources of doubt."""

from collections.abc import Sequence
from typing import Any

from harness.report.document import FormRow, GateCondition, LeakedCheck, SliceRow
from harness.report.formats import points

CLOCKED = "latency"
"""The gate whose numbers differ between two runs of one experiment; they live under `timing`."""
_CONDITION = ("gate", "metric", "outcome", "effect", "margin", "low", "high", "n", "p_pass", "p_fail", "n_needed")
_SLICE = ("slice", "against", "n", "effect", "low", "high", "p", "p_holm", "regressed", "gate", "withholds")
_FORM = ("form", "effect", "margin", "low", "high", "n", "p_pass", "outcome", "blocked", "changed", "sentence")


def conditions(judged: dict[str, Any] | None) -> list[GateCondition]:
    """Every condition but the clocked ones."""
    return [_condition(row) for row in (judged or {"conditions": []})["conditions"] if row["gate"] != CLOCKED]


def clocked_conditions(judged: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The clocked ones, as plain values for `timing`."""
    rows = (judged or {"conditions": []})["conditions"]
    return [_condition(row).model_dump(mode="json") for row in rows if row["gate"] == CLOCKED]


def slices(judged: dict[str, Any] | None) -> list[SliceRow]:
    """Proven regressions first, then the largest losses."""
    rows = (judged or {"slices": []})["slices"]
    found = [
        SliceRow(sentence=row["reason"], judged=row["test"] != "refused", **{name: row[name] for name in _SLICE})
        for row in rows
    ]
    return sorted(found, key=lambda row: (not row.regressed, not row.withholds, row.effect, row.slice, row.against))


def ships(judged: dict[str, Any] | None) -> list[FormRow]:
    """The forms in the order they were asked for."""
    return [FormRow(**{name: row[name] for name in _FORM}) for row in (judged or {"ships": []})["ships"]]


def leaked(judged: dict[str, Any] | None) -> LeakedCheck | None:
    """The verdict with the items that were seen before, where there are any."""
    found = judged and judged["leaked"]
    if not found:
        return None
    rows = [_condition(row) for row in found["conditions"] if row["gate"] != CLOCKED]
    return LeakedCheck(removed=found["removed"], verdict_with=found["verdict"], conditions_with=rows)


def uncertainty(judged: dict[str, Any] | None, *, metric: str, seeds: Sequence[float] = ()) -> list[str]:
    """Where the doubt about the gain over each prompt comes from, source by source; `seeds` are a recipe's scores."""
    rows = [row for row in (judged or {"conditions": []})["conditions"] if row["gate"] == "improvement"]
    if not rows:
        return []
    spread = ", ".join(f"±{100 * row['se_items']:.1f} against {row['cond'].removeprefix('beats:')}" for row in rows)
    spreads = [row["se_seeds"] for row in rows if row["se_seeds"] is not None]
    scores = f"{len(seeds)} further ones score {', '.join(points(score) for score in seeds)}; " if seeds else ""
    return [
        f"Test items: one standard error of the difference in {metric} is, in points, {spread}.",
        f"Training seeds: {scores}one standard error is ±{100 * max(spreads):.1f} points."
        if spreads
        else "Training seeds: not measured; one was trained, so the verdict is about this adapter, not the recipe.",
        "Decoding: none; every arm answers greedily, so the same prompt gets the same answer.",
    ]


def _condition(row: dict[str, Any]) -> GateCondition:
    fields = {name: row[name] for name in (*_CONDITION, "se_items", "se_seeds")}
    return GateCondition(name=row["cond"], sentence=row["reason"], **fields)
