"""Turn the gates and the rows of scored test items into the requests that the verdict is about."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from harness.jsonl import read_lines, read_rows
from harness.judging import JudgeRequest
from harness.metrics import metric_info
from harness.records import Prediction
from harness.stages.ceilings import parses, within_price

Rows = list[dict[str, Any]]
SEED = "seed:"
"""What the roles of further seeds begin with."""
FEWEST_IN_SLICE = 20
"""Smaller slices are tested only if they are gated: little can be proven on them, and each costs the others power."""


class Asked(NamedTuple):
    """One request with the gate it stands for."""

    gate: str
    metric: str
    request: JudgeRequest

    @property
    def conditions(self) -> int:
        """How many conditions it makes."""
        return len(self.request.baselines) + len(self.request.forgetting) + (self.request.floor is not None)


class Scored(NamedTuple):
    """The test items' rows of every arm, in one order, and the tuned arm's answers."""

    tuned: Rows
    families: dict[str, Rows]
    answers: list[Prediction]
    seeds: tuple[Rows, ...] = ()
    """Of a recipe: the rows of every further seed that could be trained."""
    asked_seeds: int = 0
    """How many were to be trained; those that failed are wrong everywhere. 0: the verdict is about the adapter."""

    @property
    def scope(self) -> str:
        """What the verdict is about."""
        return "recipe" if self.asked_seeds else "artifact"

    def tuned_cells(self, column: str) -> list[list[Any]]:
        """One list a seed that the verdict is about."""
        if not self.asked_seeds:
            return [_cells(self.tuned, column)]
        failed: list[Any] = [None] * len(self.tuned)
        return [*(_cells(rows, column) for rows in self.seeds), *[failed] * (self.asked_seeds - len(self.seeds))]

    def certified(self) -> "Scored":
        """Without the items that training or selection has seen."""
        keep = [not row["leaked"] for row in self.tuned]
        return Scored(
            _kept(self.tuned, keep),
            {name: _kept(rows, keep) for name, rows in self.families.items()},
            _kept(self.answers, keep),
            tuple(_kept(rows, keep) for rows in self.seeds),
            self.asked_seeds,
        )


def scored(inputs: dict[str, Any], *, needs: dict[str, Path]) -> Scored:
    """Everything that was scored on the test items."""
    families = {name: read_rows(needs[f"beats:{name}"] / "scores.jsonl") for name in inputs["families"]}
    answers = read_lines(needs["answers"] / "predictions.jsonl", model=Prediction)
    roles = sorted(role for role in needs if role.startswith(SEED))
    seeds = tuple(read_rows(needs[role] / "scores.jsonl") for role in roles)
    asked_seeds = inputs["recipe"]["seeds"] if "recipe" in inputs else 0
    return Scored(read_rows(needs["tuned"] / "scores.jsonl"), families, answers, seeds, asked_seeds)


def asked(inputs: dict[str, Any], *, rows: Scored, needs: dict[str, Path]) -> list[Asked]:
    """All that the gates ask for: metrics first, then ceilings, then the benchmarks."""
    groups = [row["group"] for row in rows.tuned]
    shared: dict[str, Any] = {
        "alpha": inputs["alpha"],
        "prior_uses_of_test_set": inputs["prior_uses_of_test_set"],
        "planned_looks": inputs["planned_looks"],
        "clusters": groups if len(set(groups)) < len(groups) else None,
    }
    return [
        *_about_metrics(inputs, rows=rows, shared=shared),
        *_about_ceilings(inputs, rows=rows, needs=needs, shared=shared),
        *_about_benchmarks(inputs, needs=needs, scope=rows.scope),
    ]


def _about_metrics(inputs: dict[str, Any], *, rows: Scored, shared: dict[str, Any]) -> Iterator[Asked]:
    """The improvement gate first; slices are looked at in its metric."""
    for place, gate in enumerate(inputs["gates"]):
        slices = _slices(inputs["slices"], rows=rows.tuned) if place == 0 else {}
        fields = shared | _metric_fields(gate, rows=rows) | {"slices": slices}
        yield Asked(gate["gate"], gate["metric"], JudgeRequest.model_validate(fields))


def _about_ceilings(
    inputs: dict[str, Any], *, rows: Scored, needs: dict[str, Path], shared: dict[str, Any]
) -> Iterator[Asked]:
    """Format, cost and latency: the share of answers within the limit is a floor to exceed."""
    for gate in inputs["ceilings"]:
        # Requests are timed one by one on validation prompts, which are not the clusters of the test set.
        common = shared if gate["gate"] != "latency" else {**shared, "clusters": None}
        within = _kept_within(gate, rows=rows, needs=needs)
        fields = {**common, "metric": "binary", "ft": [within], "baselines": {}, "floor": gate["share"]}
        yield Asked(gate["gate"], gate["gate"], JudgeRequest.model_validate(fields))


def _about_benchmarks(inputs: dict[str, Any], *, needs: dict[str, Path], scope: str) -> Iterator[Asked]:
    """All benchmarks in one request, whose own scores ask for nothing; of a recipe one adapter met them."""
    if inputs["forgetting"]:
        benches = {name: _bench(name, margin=margin, needs=needs) for name, margin in inputs["forgetting"].items()}
        carrier = {"alpha": inputs["alpha"], "metric": "binary", "ft": [[1.0]], "baselines": {}, "forgetting": benches}
        yield Asked("forgetting", "acc", JudgeRequest.model_validate(carrier | {"scope": scope}))


def _metric_fields(gate: dict[str, Any], *, rows: Scored) -> dict[str, Any]:
    """The request's fields for one metric: with a margin it must beat every family, with a floor exceed it."""
    case = metric_info(gate["metric"]).case
    column = "label" if case == "macro_f1" else gate["metric"]
    beaten = {} if gate["margin"] is None else {name: _cells(found, column) for name, found in rows.families.items()}
    tuned = rows.tuned_cells(column)
    fields: dict[str, Any] = {"metric": case, "ft": tuned, "baselines": beaten, "floor": gate["floor"]}
    fields["scope"] = rows.scope
    if gate["margin"] is not None:
        fields["margin"] = gate["margin"]
    if case == "macro_f1":
        truth = [row["reference"] for row in rows.tuned]
        known = set(truth)
        # A label of the set that no test item has cannot be right anywhere: the same as no usable answer.
        fields |= {
            "y": truth,
            "ft": [[cell if cell in known else None for cell in arm] for arm in tuned],
            "baselines": {name: [cell if cell in known else None for cell in arm] for name, arm in beaten.items()},
        }
    return fields


def _kept_within(gate: dict[str, Any], *, rows: Scored, needs: dict[str, Path]) -> list[int]:
    """1 for every answer that keeps within the gate's limit."""
    if gate["gate"] == "latency":
        return [int(row["seconds"] <= gate["seconds"]) for row in read_rows(needs["latency"] / "latency.jsonl")]
    if gate["gate"] == "cost":
        return [int(good) for good in within_price(rows.answers, gate=gate)]
    if gate["labels"]:
        return [int(row["valid"]) for row in rows.tuned]
    return [int(good) for good in parses(rows.answers, gate=gate)]


def _slices(gates: list[dict[str, Any]], *, rows: Rows) -> dict[str, dict[str, Any]]:
    """`column=value` to its items' places, for every value of every gated column, and of others if it has enough."""
    found: dict[str, dict[str, Any]] = {}
    for gate in gates:
        column = gate["column"]
        for value in sorted({row["slices"][column] for row in rows if column in row["slices"]}):
            places = [place for place, row in enumerate(rows) if row["slices"].get(column) == value]
            if gate["gate"] or len(places) >= FEWEST_IN_SLICE:
                found[f"{column}={value}"] = {"items": places, "gate": gate["gate"]}
    return found


def _cells(rows: Rows, column: str) -> list[Any]:
    return [row[column] if row["valid"] else None for row in rows]


def _bench(name: str, *, margin: float, needs: dict[str, Path]) -> dict[str, Any]:
    """The items that training has not met; those that share a passage are one source."""
    tuned, base = (read_rows(needs[f"{side}:{name}"] / "items.jsonl") for side in ("tuned", "base"))
    if [row["doc"] for row in tuned] != [row["doc"] for row in base]:
        raise AssertionError(f"benchmark {name}: base and tuned answered different items")
    fresh = [place for place, row in enumerate(tuned) if not row.get("met")]
    # Where every item was trained on they are all one source, which no test will judge.
    places = fresh or list(range(len(tuned)))
    sources: list[int | str] = [tuned[place].get("source", place) if fresh else "met" for place in places]
    return {
        "ft": [tuned[place]["acc"] for place in places],
        "base": [base[place]["acc"] for place in places],
        "margin": margin,
        "clusters": sources if len(set(sources)) < len(sources) else None,
    }


def _kept(values: list[Any], keep: list[bool]) -> list[Any]:
    return [value for value, kept in zip(values, keep, strict=True) if kept]
