"""Turn a key that no section knows into what was probably meant."""

from collections.abc import Sequence
from typing import Any

from harness.loading.asked import Asked
from harness.loading.fitting import fitted
from harness.loading.tasks import is_metric
from harness.loading.words import KeyPath, flow, listed, nearest
from harness.specs import MetricGate

_GATES = {
    "improvement": "margin",
    "gain": "margin",
    "rougeL": "rouge",
    "benchmarks": "forgetting",
    "price": "cost",
    "time": "latency",
}
"""What people call a gate, and what it is called here."""


def known_instead(path: KeyPath, value: Any, *, keys: Sequence[str]) -> str:
    """The fix for an unknown key with its value; `keys` are those that the section knows."""
    name, in_gates = str(path[-1]), path[:-1] == ("gates",)
    if in_gates and name in _GATES:
        return f"the {name} gate is gates.{_GATES[name]}"
    if in_gates and is_metric(name):
        return f"under metrics, write {flow({name: fitted(value, Asked(MetricGate))})[1:-1]}"
    if guess := nearest(name, keys):
        return f"did you mean {guess}?"
    metrics = "; a metric's gate stands under metrics" if in_gates else ""
    return f"remove it, or use one of the known keys: {listed(keys)}{metrics}"
