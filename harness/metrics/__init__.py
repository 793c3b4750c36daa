"""Name the metrics that ship, and what a person calls each of them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class MetricInfo:
    """One metric: how it is judged and by how much a winner must win."""

    title: str
    case: str
    """`binary`, `graded` or `macro_f1`: which tests of the verdict apply."""
    margin: float
    """Default improvement margin (δ)."""


METRICS: dict[str, MetricInfo] = {
    "exact_match": MetricInfo("Exact match", "binary", 0.02),
    "accuracy": MetricInfo("Accuracy", "binary", 0.02),
    "macro_f1": MetricInfo("Macro-F1", "macro_f1", 0.02),
    "rouge1": MetricInfo("ROUGE-1", "graded", 0.01),
    "rouge2": MetricInfo("ROUGE-2", "graded", 0.01),
    "rougeL": MetricInfo("ROUGE-L", "graded", 0.01),
    "token_f1": MetricInfo("Token-F1", "graded", 0.01),
}

CUSTOM = MetricInfo("Custom metric", "graded", 0.01)


def metric_info(name: str) -> MetricInfo:
    """The entry of a shipped metric; a custom one is judged as graded scores in [0, 1]."""
    return METRICS.get(name, MetricInfo(name, CUSTOM.case, CUSTOM.margin))
