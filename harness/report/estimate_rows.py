"""What a report holds of its estimate: for each kind of work what was expected, and what it came to."""

from harness.records import Record


class Counts(Record):
    """Tokens."""

    read: int
    """Of prompts."""
    generated: int
    """Of answers."""
    trained: int
    """Trained on, epochs counted."""


class EstimateRow(Record):
    """One kind of work.

    What it came to in seconds is under the report's `timing`, and in memory under its `provenance`.
    """

    kind: str
    """optimise, prompt, api, train, tuned, probe, test, latency or forgetting."""
    title: str
    """In words."""
    expected_steps: int
    """How many steps, at most."""
    steps: int
    """How many there were."""
    expected_seconds: float
    """On two CPU cores, whatever machine it ran on."""
    expected: Counts
    """Tokens that were expected."""
    counted: Counts
    """Tokens that there were; those of kept answers count as if they had been computed now."""
