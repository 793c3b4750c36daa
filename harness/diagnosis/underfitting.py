"""Turn a trial that learnt too little into how that shows."""

from harness.diagnosis.answers import format_errors, mode_collapse
from harness.diagnosis.facts import Facts, Finding, rates
from harness.diagnosis.losses import began_and_ended, fall
from harness.diagnosis.training import divergence, overfitting

HARDLY = 0.05
"""A training loss that falls by less from the first epoch to the last, over the same examples, has learnt nothing."""
HARDLY_IN_STEPS = 0.2
"""The same from the first steps to the last, over other examples: a few batches differ by a tenth by chance."""
FEWEST_STEPS = 10
"""The first and the last of fewer steps are the same ones, or differ by their examples alone."""
STEEP, STEEP_NATS = 0.15, 0.1
"""A validation loss that fell by this share, and by so many nats, in the very last epoch was on its way down."""
CEILING = 0.95
"""A prompt that scores this leaves nothing to gain."""


def underfitting(facts: Facts) -> Finding | None:
    """Training loss hardly falls, or still fell steeply at the end, or the answers are no better for it."""
    if not facts.epochs or facts.ended == "failed" or divergence(facts):
        return None
    return _unmoved(facts) or _unfinished(facts) or _useless(facts)


def _unmoved(facts: Facts) -> Finding | None:
    if _moved(facts):
        return None
    start, end = began_and_ended(facts)
    return Finding(
        rule="underfitting",
        evidence=f"Training loss hardly fell: {start:.3f} nats in the first steps, {end:.3f} in the last.",
        remedy="A higher learning rate first, then more epochs and more trained parameters.",
        change=rates(facts.rate, 10 * facts.rate),
    )


def _moved(facts: Facts) -> bool:
    """Whether the loss fell; over the same examples where there were several epochs, as steps differ by chance.

    Of a few steps nobody can tell.
    """
    in_steps = fall(*began_and_ended(facts))
    if len(facts.epochs) == 1:
        return in_steps >= HARDLY or sum(map(len, facts.steps)) < FEWEST_STEPS
    return in_steps >= HARDLY_IN_STEPS or fall(facts.epochs[0].train_loss, facts.epochs[-1].train_loss) >= HARDLY


def _useless(facts: Facts) -> Finding | None:
    """No better than the same prompt without tuning, and nothing else says why."""
    if facts.base is None or facts.best_epoch is None or facts.base.score >= CEILING:
        return None
    score = facts.epochs[facts.best_epoch - 1].validation[facts.metric]
    if score > facts.base.score or any(rule(facts) for rule in (overfitting, mode_collapse, format_errors)):
        return None
    return Finding(
        rule="underfitting",
        evidence=f"{facts.metric} is {100 * score:.1f} at the best epoch, and {100 * facts.base.score:.1f} without any "
        f"training.",
        remedy="A higher learning rate, more epochs; or references that are nearer to what is measured.",
        change=rates(facts.rate, 10 * facts.rate),
    )


def _unfinished(facts: Facts) -> Finding | None:
    if facts.ended != "complete" or len(facts.epochs) < 2 or facts.best_epoch != len(facts.epochs):
        return None
    before, after = (epoch.validation_loss for epoch in facts.epochs[-2:])
    if before is None or after is None or before - after < max(STEEP * before, STEEP_NATS):
        return None
    epochs = len(facts.epochs)
    return Finding(
        rule="underfitting",
        evidence=f"Validation loss was still falling when the epochs were over: {before:.3f} nats after epoch "
        f"{epochs - 1}, {after:.3f} after epoch {epochs}, its last and best.",
        remedy="More epochs, or a higher learning rate.",
        change=f"search.space.epochs: [{epochs}, {2 * epochs}]",
    )
