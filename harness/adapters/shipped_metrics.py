"""The per-item metrics that ship, as an `evaluate` metric that needs no hub.

ROUGE: Lin 2004, by Google's rouge_score, F-measure, no stemming. Token-F1: Rajpurkar et al. 2016 (SQuAD).
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import datasets
import evaluate
from rouge_score import rouge_scorer  # type: ignore[import-untyped, unused-ignore]


class ShippedMetrics(evaluate.Metric):  # type: ignore[misc, unused-ignore]
    """Scores of each answer, not their mean: paired tests need items."""

    def _info(self) -> Any:
        features = datasets.Features({"predictions": datasets.Value("string"), "references": datasets.Value("string")})
        return evaluate.MetricInfo(
            description="Per-item answer scores", citation="", inputs_description="strings", features=features
        )

    def _compute(self, predictions: list[str], references: list[str], names: list[str]) -> dict[str, list[float]]:
        pairs = list(zip(predictions, references, strict=True))
        return {name: [scorer(name)(*pair) for pair in pairs] for name in names}


def scorer(name: str) -> Callable[[str, str], float]:
    """The function (answer, reference) -> score of a metric."""
    if name.startswith("rouge"):
        rouge = rouge_scorer.RougeScorer([name])
        return lambda answer, reference: float(rouge.score(reference, answer)[name].fmeasure)
    return {"exact_match": exact_match, "accuracy": exact_match, "token_f1": token_f1}[name]


def exact_match(answer: str, reference: str) -> float:
    """1 when both agree up to case and runs of space."""
    return float(answer.casefold().split() == reference.casefold().split())


def token_f1(answer: str, reference: str) -> float:
    """Harmonic mean of word precision and recall, words as multisets."""
    given, wanted = answer.casefold().split(), reference.casefold().split()
    common = sum((Counter(given) & Counter(wanted)).values())
    return 2 * common / (len(given) + len(wanted)) if common else 0.0
