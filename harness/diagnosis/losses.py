"""Turn the steps of a training into where its loss began and where it ended."""

from statistics import mean

from harness.diagnosis.facts import Facts

EDGE = 10
"""A tenth of the steps, three at least, are its beginning and its end."""


def began_and_ended(facts: Facts) -> tuple[float, float]:
    """Mean loss of the first and of the last steps; nothing where no step is known."""
    steps = [loss for epoch in facts.steps for loss in epoch]
    some = max(3, len(steps) // EDGE)
    return (mean(steps[:some]), mean(steps[-some:])) if steps else (0.0, 0.0)


def fall(before: float, after: float) -> float:
    """By what share a loss fell; where there was nothing to fall from, by all."""
    return (before - after) / before if before > 0 else 1.0
