"""Turn what a probe saw, of general text and of items that no gate sees, into what tuning made the model forget.

The gate's own items give no advice: whoever followed it would choose by what the next verdict is to rest on.
"""

from harness.diagnosis.facts import Facts, Finding, rates

PROBE_RISE = 0.25
"""Nats a token that general text may cost more than before tuning: a perplexity a quarter higher, half of what stops
a trial unless the spec says otherwise.
"""
PROBE_LOSS = 0.125
"""Share of the probe's items of a benchmark that may be lost, for the same reason: two in 24 happen to a good epoch."""


def forgetting(facts: Facts) -> Finding | None:
    """A probe lost items of a benchmark, or general text became less likely."""
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
        f"accuracy on the probe's items of {name} fell by {-100 * change:.1f} points"
        for name, change in facts.probe_benchmarks.items()
        if -change >= PROBE_LOSS
    ]


def _text(facts: Facts) -> list[str]:
    if facts.probe is None or facts.probe < PROBE_RISE:
        return []
    return [f"general text costs {facts.probe:.3f} nats a token more than before tuning"]
