"""What a prompt family is: `baselines/NAME.yaml`."""

from typing import Literal

from pydantic import Field

from harness.specs.base import Spec


class VariantSpec(Spec):
    """One configuration of a family."""

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    """Short name, unique in its family."""
    rule: Literal["majority", "copy"] | None = None
    """For the trivial family: answer without a model."""
    shots: int = Field(default=0, ge=0)
    """Worked examples from the training split, shown before the question."""
    seed: int = Field(default=0, ge=0)
    """Seed of the choice of shots."""
    prompt: Literal["plain", "engineered"] = "plain"
    """`plain`: the task's instruction; `engineered`: the task's hand-written prompt."""
    pattern: str | None = None
    """Instruction pattern that replaces the task's; `{instruction}`, `{labels}` and `{input}` are filled in."""
    system: str | None = None
    """System message; null leaves the chat template's own."""


class BaselineSpec(Spec):
    """One prompt family; its champion is chosen on validation."""

    family: str = Field(pattern=r"^[a-z0-9_]+$")
    """The file's name."""
    description: str
    """One sentence for the report."""
    variants: list[VariantSpec] = Field(min_length=1)
    """What to try."""
