"""Turn a trial and the champion into how the trial ended and, in one sentence, why it lost."""

import math
from collections.abc import Sequence
from statistics import median, stdev
from typing import NamedTuple

from harness.diagnosis import Finding, Rule
from harness.records import Trial

TITLES: dict[Rule, str] = {
    "divergence": "divergence",
    "mode_collapse": "mode collapse",
    "format": "format errors",
    "overfitting": "overfitting",
    "underfitting": "underfitting",
    "minority_class": "a lost class",
    "too_little_data": "too little data",
    "forgetting": "forgetting",
    "label_noise": "label noise",
}
"""The illnesses, as people call them."""
OF_DATA: tuple[Rule, ...] = ("label_noise", "too_little_data")
"""What all trials share, and so is no reason why one lost against another."""
TWO_SIDED = 1.96
"""Standard errors on either side that hold 95 % of what chance does."""
MEDIANS = ("median", "patient")
"""Pruners that compare with the median of the trials before."""


class Lead(NamedTuple):
    """The champion's best epoch minus a trial's, on the same validation items."""

    points: float
    noise: float | None
    """Half of its 95 % interval; None where no item has a score of its own."""
    items: int


def ended(trial: Trial) -> str:
    """In a few words."""
    epochs = f"{len(trial.epochs)} {'epoch' if len(trial.epochs) == 1 else 'epochs'}"
    if trial.status == "failed":
        return f"failed in epoch {len(trial.epochs) + 1}"
    if trial.status == "pruned":
        return f"pruned after {epochs}"
    if trial.stopped_early:
        return f"stopped early after {epochs}, the best was {trial.best_epoch}"
    return f"{trial.status}, {epochs}"


def reason(
    trial: Trial, *, champion: Trial | None, lead: Lead | None, found: Sequence[Finding], pruned: str | None
) -> str:
    """`pruned` says why a pruned trial was; `lead` is None where the trial has no score."""
    if trial.status == "failed":
        return _of_failure(trial, found=found)
    if champion is None or trial.value is None or lead is None:
        return "It has no score on validation."
    if trial.number == champion.number:
        reached = f"{100 * trial.value:.1f} on validation at epoch {trial.best_epoch}"
        return f"Chosen: {reached}, the best by the rule of the search."
    ill = [named(one) for one in found if one.rule not in OF_DATA]
    shows = f"; it shows {', '.join(ill)}" if ill else ""
    return f"{_sentence(trial, pruned=pruned)}{_behind(lead, champion=champion)}{shows}."


def _of_failure(trial: Trial, *, found: Sequence[Finding]) -> str:
    if any(one.rule == "divergence" for one in found):
        return f"It diverged: {trial.error.partition(':')[0]}."
    return f"It failed: {trial.error.rstrip('.')}."


def _sentence(trial: Trial, *, pruned: str | None) -> str:
    why = trial.stopped or pruned or "the pruner saw no chance for it"
    return f"Pruned: {why}; " if trial.status == "pruned" else ""


def _behind(lead: Lead, *, champion: Trial) -> str:
    if not round(100 * lead.points, 1):
        same = f"the same score, to a tenth of a point, as trial {champion.number}"
        return f"{same}, which the rule prefers"
    if lead.points < 0:
        return f"{-100 * lead.points:.1f} points above trial {champion.number}, which the rule of the search prefers"
    short = f"{100 * lead.points:.1f} points below trial {champion.number}"
    if lead.noise is None:
        return short
    within = "within" if lead.points <= lead.noise else "beyond"
    return f"{short}, {within} the noise of {lead.items:,} validation items (±{100 * lead.noise:.1f})"


def named(found: Finding) -> str:
    """`overfitting from epoch 3`."""
    since = f" from epoch {found.epoch}" if found.epoch and found.rule in ("overfitting", "divergence") else ""
    return f"{TITLES[found.rule]}{since}"


def why_pruned(trial: Trial, *, before: Sequence[Trial], pruner: str, metric: str) -> str | None:
    """By how much it lay below the median of the complete trials before it at its last epoch; None where unknown."""
    last = len(trial.epochs)
    others = [
        other.epochs[last - 1].validation[metric]
        for other in before
        if other.status == "complete" and len(other.epochs) >= last
    ]
    if trial.status != "pruned" or pruner not in MEDIANS or not others or trial.value is None:
        return None
    gap = median(others) - trial.value
    if gap <= 0:
        return None
    return f"{100 * gap:.1f} points below the median of the trials before it at epoch {last}"


def lead_of(champion: Trial, trial: Trial, *, ours: Sequence[float], theirs: Sequence[float]) -> Lead | None:
    """`ours` and `theirs`: scores item by item, of the champion and of the trial; empty where items have none."""
    if champion.value is None or trial.value is None:
        return None
    gaps = [a - b for a, b in zip(ours, theirs, strict=True)]
    noise = TWO_SIDED * stdev(gaps) / math.sqrt(len(gaps)) if len(gaps) > 1 else None
    return Lead(champion.value - trial.value, noise, len(gaps))
