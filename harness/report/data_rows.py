"""What the document shows of the data: sizes, leaks and items side by side."""

from pydantic import Field

from harness.records import Record


class Duplicate(Record):
    """The same input in two splits."""

    first: str
    """`split/id`."""
    second: str
    """`split/id`."""


class FurtherRows(Record):
    """Rows of one source that were trained on and never scored."""

    role: str
    """`text`, `replay`, `preferences` or `mix:TASK`."""
    source: str
    """Where they came from."""
    license: str
    """Their licence."""
    rows: int
    """How many were read."""
    kept: int
    """How many could be trained on."""
    unusable: int
    """Left out: a text is missing, or two answers are one."""
    repeats: dict[str, int]
    """Left out, by what they repeat: `test`, `validation`, or a gated benchmark."""
    sha256: str
    """Of those that were kept."""


class DataSummary(Record):
    """What the splits hold."""

    source: str
    """Where the rows came from."""
    license: str
    """Their licence."""
    sizes: dict[str, int]
    """Examples per split."""
    hashes: dict[str, str]
    """SHA-256 of each split's file."""
    duplicates: list[Duplicate]
    """Exact duplicates across splits (input equal after trimming)."""
    duplicates_total: int
    """How many there are; the list holds the first hundred."""
    leaked: list[Duplicate] = Field(default_factory=list)
    """Test items (first) that equal a training or validation input but for case, space and punctuation (second)."""
    leaked_total: int = 0
    """How many there are; they are not judged. The list holds the first hundred."""
    dropped: int
    """Rows left out: no input or reference, or a source shared with the test split."""
    further: list[FurtherRows] = Field(default_factory=list)
    """What was learnt besides the training split."""


class Answer(Record):
    """One arm's answer to one shown item."""

    arm: str
    """Which arm."""
    text: str
    """What it said (hostile text: escape it)."""
    score: float
    """The deciding metric on it."""


class ShownExample(Record):
    """One test item with every champion's answer."""

    id: str
    """The item."""
    input: str
    """What was asked."""
    reference: str
    """The right answer."""
    answers: list[Answer]
    """One per champion."""
