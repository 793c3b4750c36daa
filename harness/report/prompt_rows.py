"""What the document shows of prompts: enough to ask as a champion asks."""

from pydantic import Field

from harness.prompts import PromptConfig
from harness.records import Record


class Turn(Record):
    """One message of a conversation."""

    role: str
    """`system`, `user` or `assistant`."""
    content: str
    """What it says, whole (hostile text: escape it)."""


class ShownPrompt(Record):
    """How one champion asks its model."""

    arm: str
    """Which arm."""
    model: str
    """Who answers: the experiment's model, or the name of one behind an API."""
    address: str | None = None
    """Base address of that API; null for the experiment's own model."""
    previous: str | None = None
    """The earlier version that answers, as its family names it; null where none does."""
    prompt: PromptConfig
    """Its texts, whole, and its worked examples and passages."""
    labels: list[str] = Field(default_factory=list)
    """Where not empty, the likeliest of these is the answer; else it is written."""
    max_new_tokens: int
    """Longest answer that is written."""
    item: str | None = None
    """Id of the first validation item; null where finding what is shown to an item takes more than training data."""
    asked: list[Turn] = Field(default_factory=list)
    """The conversation that asks for that item, worked examples and all; never of a test item."""
