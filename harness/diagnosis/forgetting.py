"""Turn benchmarks, and losses on general text, into what tuning made the model forget."""

from harness.diagnosis.facts import Facts, Finding, rates

PROBE_RISE = 0.25
"""Nats a token that general text may cost more than before tuning: a perplexity a quarter higher, half of what stops
a trial unless the spec says otherwise.
"""


def forgetting(facts: Facts) -> Finding | None:
    """A benchmark lost more than its gate allows, or general text became less likely."""
    evidence = [*_benchmarks(facts), *_text(facts)]
    if not evidence:
        return None
    return Finding(
        rule="forgetting",
        epoch=facts.best_epoch,
        evidence="; ".join(evidence) + ".",
        remedy="A lower learning rate, fewer epochs, or general examples beside the task's: search.replay: {}.",
        change=rates(facts.rate / 10, facts.rate / 2),
    )


def _benchmarks(facts: Facts) -> list[str]:
    return [
        f"{row.benchmark} fell from {100 * row.base:.1f} to {100 * row.tuned:.1f}, by more than {100 * row.margin:.1f}"
        for row in facts.kept
        if row.base - row.tuned > row.margin
    ]


def _text(facts: Facts) -> list[str]:
    if facts.probe is None or facts.probe < PROBE_RISE:
        return []
    return [f"general text costs {facts.probe:.3f} nats a token more than before tuning"]
