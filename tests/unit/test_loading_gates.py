"""Wrong gates: refused where they stand, and the fix that is offered is one that loads."""

import re
from pathlib import Path

import pytest
from workspace import assert_one_line, failure, write

from harness.loading import load_experiment

FIRST = "experiments/first.yaml"
KNOWN = "remove it, or use one of the known keys: "

# one gate, column of the message, its words, how the fix ends
MENDED = [
    ("alpha: 0", 10, "alpha is 0; needs more than 0 (at least 0.000001)", "alpha: 0.05"),
    ("alpha: 0.7", 10, "alpha is 0.7, more often wrong than a coin; needs at most 0.5", "alpha: 0.05"),
    ("alpha: 95", 10, "alpha is 95; needs less than 1", "alpha: 0.05"),
    ("margin: -0.1", 11, "margin is -0.1; needs at least 0", "margin: 0.02"),
    ("margin: 2 %", 11, "margin is '2 %'; needs a number", "margin: 0.02"),
    ("rouge: {floor: 0}", 18, "rouge.floor is 0; needs more than 0", "floor: 0.5"),
    ("rouge: {floor: 1}", 18, "rouge.floor is 1; needs less than 1", "floor: 0.5"),
    ("rouge: {floor: 60}", 18, "rouge.floor is 60; needs less than 1", "floor: 0.6"),
    ("rouge: 0.4", 10, "rouge is 0.4; needs a mapping", "rouge: {floor: 0.4}"),
    ("rouge: true", 10, "rouge is true; needs a mapping", "rouge: {floor: 0.5}"),
    ("metrics: 0.5", 12, "metrics is 0.5; needs a mapping", "metrics: {exact_match: {floor: 0.2}}"),
    ("forgetting: {piqa: 0.04}", 3, "needs a list", "forgetting: [{benchmark: piqa, margin: 0.04}]"),
    ("forgetting: {piqa: {limit: 9}}", 3, "needs a list", "forgetting: [{benchmark: piqa, limit: 9}]"),
    ("forgetting: {benchmark: piqa}", 3, "needs a list", "forgetting: [{benchmark: piqa}]"),
    ("forgetting: piqa", 15, "forgetting is 'piqa'; needs a list", "forgetting: [{benchmark: piqa}]"),
    ("forgetting: 0.04", 15, "forgetting is 0.04; needs a list", "forgetting: [{benchmark: piqa}]"),
    ("forgetting: [{benchmark: piqa, limit: 0}]", 41, "limit is 0; needs at least 1", "limit: 500"),
    ("forgetting: [{benchmark: piqa, margin: 0}]", 42, "more than 0 (at least 0.000001)", "margin: 0.03"),
    ("slices: {topic: true}", 3, "slices is {topic: true}; needs a list", "slices: [{column: topic, gate: true}]"),
    ("cost: {usd: 0, usd_per_million_in: 1, usd_per_million_out: 1}", 15, "needs more than 0", "usd: 0.001"),
    (
        "cost: 0.01",
        9,
        "cost is 0.01; needs a mapping",
        "cost: {usd: 0.01, usd_per_million_in: 0.15, usd_per_million_out: 0.6}",
    ),
    ("latency: 0.3", 12, "latency is 0.3; needs a mapping", "latency: {seconds: 0.3}"),
    ('latency: "0.3"', 12, "latency is '0.3'; needs a mapping", "latency: {seconds: 0.3}"),
    ("latency: fast", 12, "latency is 'fast'; needs a mapping", "latency: {seconds: 0.5}"),
    ("latency: {seconds: 0.5s}", 22, "seconds is '0.5s'; needs a number", "seconds: 0.5"),
    ("latency: {seconds: 0.5, requests: 58}", 37, "requests is 58; if all are in time, that", "requests: 59"),
    ("latency: {seconds: 0.5, share: 0.99}", 34, "requests is 100; if all are in time, that", "requests: 299"),
    ("planned_looks: 2\n  latency: {seconds: 1, requests: 71}", 35, "0.05 over 2 planned looks", "requests: 72"),
    ("alpha: 0.01\n  latency: {seconds: 1, requests: 1, share: 0.1}", 35, "at alpha 0.01", "requests: 2"),
    ("ships: [merged]", 3, "ships is [merged]; needs a mapping", "ships: {forms: [merged]}"),
    ("ships: merged_nf4", 10, "ships is 'merged_nf4'; needs a mapping", "ships: {forms: [merged_nf4]}"),
    ("ships: {forms: []}", 11, "forms is []; needs at least 1 item", "forms: [merged]"),
    ("ships: {forms: merged}", 18, "forms is 'merged'; needs a list", "forms: [merged]"),
    ("format: true", 11, "format is true; needs a mapping", 'format: {regex: "[A-Z].*"}'),
    ("format: {}", 3, "format needs exactly one of", 'format: {regex: "[A-Z].*"}'),
    ("planned_looks: 200", 18, "planned_looks is 200; needs at most 100", "planned_looks: 1"),
]


def gates(root: Path, text: str) -> None:
    write(root, FIRST, f"task: qa\ngates:\n  {text}\n")


@pytest.mark.parametrize(("gate", "column", "words", "fix"), MENDED)
def test_the_fix_of_a_wrong_gate_loads(root: Path, gate: str, column: int, words: str, fix: str) -> None:
    gates(root, gate)
    (line,) = failure()
    assert line.startswith(f"{FIRST}:{3 + gate.count(chr(10))}:{column}: gates.")
    assert words in line
    assert line.endswith(f". Fix: {fix}")
    key = fix.partition(":")[0]
    gates(root, re.sub(rf"\b{key}: (\[.*\]|\{{.*\}}|[^,}}]+)", lambda _: fix, gate))
    if f"{key}:" in gate:  # Else the fix is one more key.
        load_experiment(Path(FIRST))


# one gate, line and column of the message, its words
REFUSED = [
    ("ships: {forms: [merged, merged]}", "3:27", "gates.ships.forms names 'merged' twice", "keep one of them"),
    (
        "rouge: {floor: 0.5}\n  metrics: {rougeL: {margin: 0.1}}",
        "4:13",
        "rougeL has a gate twice, under rouge and metrics. Fix: keep one of them",
    ),
    ("bleu: {floor: 0.3}", "3:3", "gates.bleu is not", KNOWN, "a metric's gate stands under metrics"),
    ("improvement: 0.02", "3:3", "gates.improvement is not", "Fix: the improvement gate is gates.margin"),
    ("token_f1: 0.3", "3:3", "gates.token_f1 is not", "Fix: under metrics, write token_f1: {floor: 0.3}"),
    ("rougeL: {floor: 0.3}", "3:3", "gates.rougeL is not", "Fix: the rougeL gate is gates.rouge"),
    ("slice: []", "3:3", "gates.slice is not", "Fix: did you mean slices?"),
    ("latency: {}", "3:3", "add seconds: 0.5 (The time within which an answer must be there)"),
    ("ships: {margin: 0.1}", "3:3", "Fix: add forms: [merged] (`merged`: the adapter"),
    ("latency: {seconds: 1, ms: 5}", "3:25", "gates.latency.ms is not", f"{KNOWN}seconds, share, requests"),
]


@pytest.mark.parametrize(("gate", "place", "words"), [(gate, place, words) for gate, place, *words in REFUSED])
def test_a_wrong_gate_is_placed(root: Path, gate: str, place: str, words: list[str]) -> None:
    gates(root, gate)
    assert_one_line(failure(), f"{FIRST}:{place}", *words)


@pytest.mark.parametrize(
    "gate",
    [
        "alpha: 0.5",
        "latency: {seconds: 0.5, requests: 59}",
        "latency: {seconds: 0.5, requests: 2, share: 0.1}\n  alpha: 0.01",
        "ships: {forms: [merged, merged_nf4]}",
        "metrics: {rougeL: {floor: 0.5}}",
    ],
)
def test_a_gate_at_its_bound_loads(root: Path, gate: str) -> None:
    gates(root, gate)
    loaded = load_experiment(Path(FIRST)).experiment.gates
    assert loaded.model_fields_set >= {line.split(":")[0].strip() for line in gate.splitlines()}


def test_a_fix_for_an_override_is_an_override(root: Path) -> None:
    gates(root, "alpha: 0.05")
    start = "--set gates.latency=0.5"
    assert_one_line(failure("gates.latency=0.5"), start, "Fix: --set 'gates.latency={seconds: 0.5}'")
