"""Turn the losses of training examples into those whose answer may be wrong."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import mean, median

from harness.diagnosis.answers import mode_collapse
from harness.diagnosis.facts import Facts, Finding, Suspect
from harness.diagnosis.training import divergence

WINDOW = 12
"""Examples before and after one, in the order of training, whose loss is the usual one at that time."""
Z = 5.0
"""Modified z-score from which a loss is an outlier. Iglewicz and Hoaglin (1993) take 3.5 for a bell curve; losses have
a long upper tail, and 3.5 would list one honest example in fifty.
"""
TO_SIGMA = 0.6745
"""Of a bell curve the median absolute deviation is so much of the standard deviation."""
NATS = 0.5
"""And so much above the usual: where all others are near nothing, everything is an outlier. A label is one or two
tokens beside the end of the answer, so half a nat a token is a label some three times less likely than the others.
"""
SHARE, LEAST = 0.02, 3
"""Suspects that make a finding: a share of the examples, and three at least. Ten well-known test sets hold 3.3 % wrong
labels on average (Northcutt et al. 2021, arXiv 2103.14749).
"""
LISTED = 10
"""Suspects that are shown."""
ENOUGH = 30
"""Examples that say what is usual."""


def label_noise(facts: Facts) -> Finding | None:
    """Training examples whose loss stays far above that of the others; a trial out of control says nothing of them."""
    lost = excess(facts.losses)
    if len(lost) < ENOUGH or divergence(facts) or mode_collapse(facts):
        return None
    found = outliers(lost)
    if len(found) < max(LEAST, SHARE * len(lost)):
        return None
    looked = len(_looked_at(facts.losses))
    epochs = "one epoch" if looked == 1 else f"{looked} epochs"
    return Finding(
        rule="label_noise",
        evidence=f"{len(found):,} of {len(lost):,} training examples cost over {NATS} nats a token, and over "
        f"{Z:.0f} robust standard deviations, more than those beside them in {epochs}.",
        remedy="A look at these examples: correct or remove what is wrong; what is right but rare needs more like it.",
        suspects=[_suspect(name, facts=facts) for name in found[:LISTED]],
    )


def excess(losses: Sequence[Sequence[tuple[str, float]]]) -> dict[str, float]:
    """Example to how far its loss lay above the usual one at its time, in the mean of the epochs, nats."""
    above: dict[str, list[float]] = defaultdict(list)
    for epoch in _looked_at(losses):
        values = [loss for _, loss in epoch]
        for place, (name, loss) in enumerate(epoch):
            above[name].append(loss - median(values[max(0, place - WINDOW) : place + WINDOW + 1]))
    return {name: mean(found) for name, found in above.items()}


def outliers(lost: Mapping[str, float]) -> list[str]:
    """Names of values far above the rest, the highest first."""
    middle = median(lost.values())
    spread = median(abs(value - middle) for value in lost.values())
    least = max(NATS, Z * spread / TO_SIGMA)
    return sorted((name for name in lost if lost[name] - middle >= least), key=lambda name: -lost[name])


def _looked_at(losses: Sequence[Sequence[tuple[str, float]]]) -> Sequence[Sequence[tuple[str, float]]]:
    """The first epoch shows how the model came to the task; the others show what it does not believe."""
    return losses[1:] or losses


def _suspect(name: str, *, facts: Facts) -> Suspect:
    found = [loss for epoch in _looked_at(facts.losses) for other, loss in epoch if other == name]
    text, reference = facts.texts.get(name, ("", ""))
    return Suspect(id=name, loss=round(mean(found), 4), input=text, reference=reference)
