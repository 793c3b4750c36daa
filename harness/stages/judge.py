"""Turn per-item test scores into a judgement; write down beforehand what will be judged."""

import json
from typing import Any

from harness.judging import Judgement
from harness.stages import Job
from harness.stages.asked import Asked, Scored, asked, scored

LIMITS = {
    "format": "of {n} answers have the form asked for",
    "cost": "of {n} answers keep within the price",
    "latency": "of {n} requests were answered in time",
}
"""What the share of a ceiling is a share of."""


def write_lock(job: Job) -> dict[str, Any]:
    """lock.json: test items' hash, level, gates and champions, fixed before any test answer exists."""
    (job.out / "lock.json").write_text(json.dumps(job.inputs, indent=1, sort_keys=True), "utf-8")
    return {}


def write_judgement(job: Job) -> dict[str, Any]:
    """judgement.json; summary: the same: the verdict, and each condition with its gate and metric.

    `leaked` holds the verdict on all items where some were left out of the certified set; `ships` the forms of
    the tuned model.
    """
    rows = scored(job.inputs, needs=job.needs)
    found = _judged(job, rows=rows.certified())
    leaked = sum(row["leaked"] for row in rows.tuned)
    whole = _judged(job, rows=rows) if leaked else None
    found["leaked"] = whole and {"removed": leaked, "verdict": whole["verdict"], "conditions": whole["conditions"]}
    found["ships"] = _ships(job, tuned=rows.certified().tuned, alpha=found["alpha"])
    (job.out / "judgement.json").write_text(json.dumps(found, indent=1), "utf-8")
    return found


def _judged(job: Job, *, rows: Scored) -> dict[str, Any]:
    from harness.verdict import decide_jointly

    parts = asked(job.inputs, rows=rows, needs=job.needs)
    return labelled(decide_jointly([part.request for part in parts]), parts=parts, ceilings=job.inputs["ceilings"])


def labelled(judgement: Judgement, *, parts: list[Asked], ceilings: list[dict[str, Any]]) -> dict[str, Any]:
    """The judgement with the gate and metric of every condition; ceilings are named and worded as what they are."""
    found: dict[str, Any] = judgement.model_dump(mode="json")
    labels = [(part.gate, part.metric) for part in parts for _ in range(part.conditions)]
    shares = {gate["gate"]: gate["share"] for gate in ceilings}
    for condition, (gate, metric) in zip(found["conditions"], labels, strict=True):
        condition |= {"gate": gate, "metric": metric}
        if gate in shares:
            before = f"{condition['cond']}: {condition['reason']}"
            condition |= {"cond": gate, "reason": _ceiling_sentence(condition, share=shares[gate])}
            after = f"{gate}: {_without_clock(condition, share=shares[gate])}"
            if before in found["reasons"]:  # Two ceilings may have found the same: each replaces one line.
                found["reasons"][found["reasons"].index(before)] = after
    return found


def _ceiling_sentence(condition: dict[str, Any], *, share: float) -> str:
    seen = f"{condition['effect']:.1%} {LIMITS[condition['gate']].format(n=condition['n'])}"
    p = f"p = {condition['p_pass']:.4f}"
    return f"{seen}; more than {share:.0%} {_settled(condition['outcome'])} ({p})."


def _settled(outcome: str) -> str:
    return {"pass": "is proven", "fail": "is ruled out", "unresolved": "is neither proven nor ruled out"}[outcome]


def _without_clock(condition: dict[str, Any], *, share: float) -> str:
    """What is measured by the clock differs between two runs of one experiment, so a reason leaves it out."""
    if condition["gate"] != "latency":
        return str(condition["reason"])
    return f"more than {share:.0%} of the requests answered in time {_settled(condition['outcome'])} on this machine."


def _ships(job: Job, *, tuned: list[dict[str, Any]], alpha: float) -> list[dict[str, Any]]:
    """Whether each form of the tuned model may be served in place of the adapter."""
    if not job.inputs["ships"]:
        return []
    from harness.jsonl import read_rows
    from harness.stages.ships import form_findings

    forms = {
        name: [row for row in read_rows(job.needs[f"form:{name}"] / "scores.jsonl") if not row["leaked"]]
        for name in job.inputs["ships"]["forms"]
    }
    metric = job.inputs["gates"][0]["metric"]
    return form_findings(tuned, forms, metric=metric, margin=job.inputs["ships"]["margin"], alpha=alpha)
