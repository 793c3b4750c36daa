"""Turn per-item test scores into a judgement; write down beforehand what will be judged."""

import json
from shutil import copyfile
from typing import Any

from harness.judging import Judgement
from harness.likeness import FINGERPRINTS
from harness.stages import Job
from harness.stages.asked import Asked, Scored, asked, scored
from harness.wording import p_value

LIMITS = {
    "format": "of {n} answers have the form asked for",
    "cost": "of {n} answers keep within the price",
    "latency": "of {n} requests were answered in time",
}
"""What the share of a ceiling is a share of."""
SETTLED = {"pass": "is proven", "fail": "is ruled out", "unresolved": "is neither proven nor ruled out"}


def write_lock(job: Job) -> dict[str, Any]:
    """lock.json: test items' hash, level, gates and champions, fixed before any test answer exists; and their marks."""
    copyfile(job.needs["testset"] / FINGERPRINTS, job.out / FINGERPRINTS)
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
        before = f"{condition['cond']}: {condition['reason']}"
        condition |= {"gate": gate, "metric": metric}
        if gate in shares:
            condition |= {"cond": gate, "reason": _ceiling_sentence(condition, share=shares[gate])}
        if before in found["reasons"]:  # Two gates may have found the same: each replaces one line.
            found["reasons"][found["reasons"].index(before)] = _reason(condition, share=shares.get(gate, 0.0))
    return found


def _reason(condition: dict[str, Any], *, share: float) -> str:
    """The finding with its gate's name in front; without the clock's numbers, which differ between two runs."""
    if condition["gate"] == "latency":
        finding = f"more than {share:.0%} of the requests answered in time {SETTLED[condition['outcome']]}"
        return f"latency: {finding} on this machine."
    about = f" in {condition['metric']}" if condition["gate"] in ("metric", "rouge") else ""
    return f"{condition['cond']}{about}: {condition['reason']}"


def _ceiling_sentence(condition: dict[str, Any], *, share: float) -> str:
    seen = f"{condition['effect']:.1%} {LIMITS[condition['gate']].format(n=condition['n'])}"
    return f"{seen}; more than {share:.0%} {SETTLED[condition['outcome']]} ({p_value(condition['p_pass'])})."


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
