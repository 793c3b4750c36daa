"""What the document says of each trial besides its numbers: how it ended, why it lost, what ails it."""

from pydantic import Field

from harness.diagnosis import Finding
from harness.records import Record


class TriedTrial(Record):
    """One trial of “What was tried and why it lost”."""

    trial: int
    """Its number."""
    chosen: bool
    """Whether it is the champion."""
    ended: str
    """How: `complete, 3 epochs`."""
    reason: str
    """Why it lost against the champion, or won, in one sentence."""
    findings: list[Finding] = Field(default_factory=list)
    """What the rules of the diagnosis find, the gravest first; for people, no choice rests on them."""
