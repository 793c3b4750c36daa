"""What the document shows of the parameters that a search varied, all of it on validation."""

from typing import Literal

from harness.records import Record


class TrialPoint(Record):
    """One scored trial, seen by one parameter."""

    trial: str
    """Its number, or the arm of a prompt."""
    value: float | int | bool | str | None
    """Of the parameter."""
    score: float
    """Best deciding metric on validation."""
    pruned: bool = False
    """It was stopped early, so the score is what it had reached by then."""
    chosen: bool = False
    """It became the champion."""


class SearchedParameter(Record):
    """One parameter that differed between trials."""

    name: str
    """As the search space calls it."""
    scale: Literal["linear", "log", "choice"]
    """How its values are laid out; choices stand side by side in order."""
    points: list[TrialPoint]
    """Trials that have it, in the order in which they were tried."""
    share: float | None = None
    """Of the scores' variance that it accounts for alone (fANOVA); null where it is not computed."""
    chance: float | None = None
    """The share that luck gives at most, 19 times in 20."""


class SearchView(Record):
    """What one search shows of its parameters."""

    search: str
    """`tuned`, or the family whose prompts were searched."""
    parameters: list[SearchedParameter]
    """Those that varied, the most important first where that is known."""
    remark: str
    """What a reader should know of these numbers."""
