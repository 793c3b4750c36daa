"""Turn what is known of one trial into the illnesses that it shows: rules with numbers, for people to read.

No choice of the harness depends on a finding: the champion is the trial with the best validation score, ill or not.
"""

from collections.abc import Callable

from harness.diagnosis.answers import format_errors, minority_class, mode_collapse
from harness.diagnosis.facts import Asked, Base, Facts, Finding, Reply, Rule, Suspect
from harness.diagnosis.forgetting import forgetting
from harness.diagnosis.noise import label_noise
from harness.diagnosis.training import divergence, overfitting, too_little_data
from harness.diagnosis.underfitting import underfitting

__all__ = ["Asked", "Base", "Facts", "Finding", "Reply", "Rule", "Suspect", "findings"]

RULES: tuple[Callable[[Facts], Finding | None], ...] = (
    divergence,
    mode_collapse,
    format_errors,
    overfitting,
    underfitting,
    minority_class,
    too_little_data,
    forgetting,
    label_noise,
)
"""What explains the others comes first: a trial that diverged has no use for a finding about its classes."""


def findings(facts: Facts) -> list[Finding]:
    """What the rules find, the gravest first."""
    return [found for rule in RULES if (found := rule(facts)) is not None]
