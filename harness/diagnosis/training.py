"""Turn the losses of a trial into a training that went too far, out of control, or over too few examples."""

import re

from harness.diagnosis.facts import Facts, Finding, percent, rates
from harness.diagnosis.losses import began_and_ended

RISE = 0.05
"""Share by which validation loss must lie above its lowest: Prechelt's criterion GL5 (1998,
“Early stopping — but when?”).
"""
RISE_NATS = 0.02
"""And so many nats: where the loss is near nothing, 5 % of it is nothing too."""
SPIKE, SPIKE_NATS = 2.0, 1.0
"""A step with twice the loss of the first steps, and one nat more, has lost what the base model knew; batches of the
same model differ by less.
"""
WORSE, WORSE_IN_STEPS = 0.1, 0.5
"""The last epoch's loss so much above the first one's, over the same examples, or the last steps so much above the
first ones: training did harm.
"""
NOT_FINITE = re.compile(r"became -?(nan|inf)|are no numbers", re.IGNORECASE)
"""How a trial says that it failed by a number that is none."""
FEW = 50
"""Training examples: OpenAI's guide to fine-tuning sees clear improvements from 50 to 100 examples, and says to begin
with 50.
"""
GAP, GAP_NATS = 0.25, 0.1
"""Share, and nats, by which validation loss lies above training loss when the examples are known by heart."""


def overfitting(facts: Facts) -> Finding | None:
    """Validation loss rises while training loss falls."""
    lost = [(epoch, epoch.validation_loss) for epoch in facts.epochs if epoch.validation_loss is not None]
    if not lost:
        return None
    (best, lowest), (last, highest) = min(lost, key=lambda pair: pair[1]), lost[-1]
    rise, fell = highest - lowest, last.train_loss < best.train_loss
    if rise < max(RISE * lowest, RISE_NATS) or not fell:
        return None
    return Finding(
        rule="overfitting",
        epoch=best.epoch + 1,
        evidence=f"Validation loss rose from {lowest:.3f} nats after epoch {best.epoch} to {highest:.3f} after epoch "
        f"{last.epoch} (+{percent(rise / max(lowest, RISE_NATS))}), while training loss fell from "
        f"{best.train_loss:.3f} to {last.train_loss:.3f}.",
        remedy="Fewer epochs, or search.early_stopping; then more data, or fewer trained parameters.",
        change=f"search.space.epochs: {sorted({max(1, best.epoch // 2), best.epoch})}",
    )


def divergence(facts: Facts) -> Finding | None:
    """A loss that is no number, leaps above where it began, or ends there."""
    found = _not_finite(facts) or _spike(facts) or _ended_higher(facts)
    if found is None:
        return None
    epoch, evidence = found
    return Finding(
        rule="divergence",
        epoch=epoch,
        evidence=evidence,
        remedy="A lower learning rate, ten times at least; a longer search.warmup_ratio.",
        change=rates(facts.rate / 100, facts.rate / 10),
    )


def _not_finite(facts: Facts) -> tuple[int, str] | None:
    if facts.ended == "failed" and NOT_FINITE.search(facts.error):
        said = facts.error.partition(":")[0]
        return len(facts.epochs) + 1, f"{said[:1].upper()}{said[1:]}."
    return None


def _spike(facts: Facts) -> tuple[int, str] | None:
    start, _ = began_and_ended(facts)
    for epoch, steps in enumerate(facts.steps, start=1):
        highest = max(steps, default=0.0)
        if steps and highest >= max(SPIKE * start, start + SPIKE_NATS):
            at = list(steps).index(highest) + 1
            return epoch, f"Step {at} of epoch {epoch} has a loss of {highest:.3f} nats; it began with {start:.3f}."
    return None


def _ended_higher(facts: Facts) -> tuple[int, str] | None:
    """Over the same examples where there were several epochs."""
    (start, end), limit, when = began_and_ended(facts), WORSE_IN_STEPS, "steps"
    if len(facts.epochs) > 1:
        start, end = facts.epochs[0].train_loss, facts.epochs[-1].train_loss
        limit, when = WORSE, "epoch"
    if end - start < max(limit * start, RISE_NATS):
        return None
    evidence = f"Training loss rose from {start:.3f} nats in the first {when} to {end:.3f} in the last."
    return max(1, len(facts.epochs)), evidence


def too_little_data(facts: Facts) -> Finding | None:
    """Few examples, and known by heart."""
    last = facts.epochs[-1] if facts.epochs else None
    if last is None or last.validation_loss is None or not facts.examples or facts.examples >= FEW:
        return None
    gap = last.validation_loss - last.train_loss
    if gap < max(GAP * last.train_loss, GAP_NATS):
        return None
    return Finding(
        rule="too_little_data",
        evidence=f"{facts.examples} training examples, fewer than {FEW}, and after epoch {last.epoch} a validation "
        f"loss of {last.validation_loss:.3f} nats against {last.train_loss:.3f} in training.",
        remedy="More examples; until then few epochs, few trained parameters, or worked examples in a prompt.",
        change="search.space.rank: [4, 8]" if "rank" in facts.params else "",
    )
