"""Turn per-item test scores into a judgement; write down beforehand what will be judged."""

import json
from pathlib import Path
from typing import Any

from harness.jsonl import read_rows
from harness.judging import JudgeRequest
from harness.metrics import metric_info
from harness.stages import Job


def write_lock(job: Job) -> dict[str, Any]:
    """lock.json: test items' hash, level, gates and champions, fixed before any test answer exists."""
    (job.out / "lock.json").write_text(json.dumps(job.inputs, indent=1, sort_keys=True), "utf-8")
    return {}


def write_judgement(job: Job) -> dict[str, Any]:
    """judgement.json; summary: the same, with the gate and metric of every condition."""
    from harness.verdict import decide_jointly

    parts = requests(job.inputs, needs=job.needs)
    judgement = decide_jointly([request for _, _, request in parts])
    labels = [(gate, metric) for gate, metric, request in parts for _ in range(_conditions(request))]
    found = judgement.model_dump(mode="json")
    for condition, (gate, metric) in zip(found["conditions"], labels, strict=True):
        condition |= {"gate": gate, "metric": metric}
    (job.out / "judgement.json").write_text(json.dumps(found, indent=1), "utf-8")
    return found


def requests(inputs: dict[str, Any], *, needs: dict[str, Path]) -> list[tuple[str, str, JudgeRequest]]:
    """(gate, metric, request) of everything the gates ask for."""
    tuned = read_rows(needs["tuned"] / "scores.jsonl")
    families = {name: read_rows(needs[f"beats:{name}"] / "scores.jsonl") for name in inputs["families"]}
    groups = [row["group"] for row in tuned]
    prior = inputs["prior_uses_of_test_set"]
    shared: dict[str, Any] = {
        "alpha": inputs["alpha"],
        "prior_uses_of_test_set": prior,
        "clusters": groups if len(set(groups)) < len(groups) else None,
    }
    made = []
    for gate in inputs["gates"]:
        fields = _arms(gate, tuned=tuned, families=families)
        made.append((gate["gate"], gate["metric"], JudgeRequest(**shared, **fields)))
    if inputs["forgetting"]:
        benches = {name: _bench(name, margin=margin, needs=needs) for name, margin in inputs["forgetting"].items()}
        carrier = JudgeRequest.model_validate(
            {"alpha": inputs["alpha"], "metric": "binary", "ft": [[1.0]], "baselines": {}, "forgetting": benches}
        )
        made.append(("forgetting", "acc", carrier))
    return made


def _arms(
    gate: dict[str, Any], *, tuned: list[dict[str, Any]], families: dict[str, list[dict[str, Any]]]
) -> dict[str, Any]:
    """The request's fields for one metric: with a margin it must beat every family, with a floor exceed it."""
    case = metric_info(gate["metric"]).case
    column = "label" if case == "macro_f1" else gate["metric"]
    beaten = {} if gate["margin"] is None else {name: _cells(rows, column) for name, rows in families.items()}
    fields: dict[str, Any] = {
        "metric": case,
        "ft": [_cells(tuned, column)],
        "baselines": beaten,
        "floor": gate["floor"],
    }
    if gate["margin"] is not None:
        fields["margin"] = gate["margin"]
    if case == "macro_f1":
        truth = [row["reference"] for row in tuned]
        known = set(truth)
        # A label of the set that no test item has cannot be right anywhere: the same as no usable answer.
        fields |= {
            "y": truth,
            "ft": [[cell if cell in known else None for cell in fields["ft"][0]]],
            "baselines": {name: [cell if cell in known else None for cell in arm] for name, arm in beaten.items()},
        }
    return fields


def _cells(rows: list[dict[str, Any]], column: str) -> list[Any]:
    return [row[column] if row["valid"] else None for row in rows]


def _bench(name: str, *, margin: float, needs: dict[str, Path]) -> dict[str, Any]:
    tuned, base = (read_rows(needs[f"{side}:{name}"] / "items.jsonl") for side in ("tuned", "base"))
    if [row["doc"] for row in tuned] != [row["doc"] for row in base]:
        raise AssertionError(f"benchmark {name}: base and tuned answered different items")
    return {"ft": [row["acc"] for row in tuned], "base": [row["acc"] for row in base], "margin": margin}


def _conditions(request: JudgeRequest) -> int:
    return len(request.baselines) + len(request.forgetting) + (request.floor is not None)
