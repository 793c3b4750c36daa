"""What the search for a better prompt is."""

from typing import Annotated, Literal

from pydantic import Field

from harness.specs.base import Spec

Choice = Literal["random", "bm25", "embedding"]
Layout = Literal["turns", "text"]
Count = Annotated[int, Field(ge=0)]


class PromptSpaceSpec(Spec):
    """What a search over prompts varies; each list is a choice, and for label tasks so is the family's `decoding`."""

    instruction: list[str] = Field(default=["plain", "engineered"], min_length=1)
    """`plain`, `engineered`, or a pattern that holds `{input}`."""
    system: list[str | None] = Field(default=[None], min_length=1)
    """System messages; null leaves the chat template's own."""
    shots: list[Count] = Field(default=[0, 2, 4, 8], min_length=1)
    """Numbers of worked examples."""
    choose: list[Choice] = Field(default=["random", "bm25"], min_length=1)
    """How shots are chosen; see a variant's `choose`."""
    seed: list[Count] = Field(default=[0, 1, 2, 3], min_length=1)
    """Seeds of a random choice."""
    order: list[Count] = Field(default=[0, 1, 2], min_length=1)
    """Orders of the shots; see a variant's `order`."""
    layout: list[Layout] = Field(default=["turns", "text"], min_length=1)
    """Where the shots stand."""


class PromptSearchSpec(Spec):
    """How Optuna looks for a better prompt, and how much that may cost."""

    trials: int = Field(default=12, ge=1)
    """Different prompts to try, besides those that the family lists; fewer where the space holds fewer."""
    budget: Literal["trials", "equal"] = "trials"
    """`equal`: after the tuning search, go on until this family took as many model tokens as that search took (read,
    generated and trained), or every prompt of the space was tried."""
    sampler: Literal["tpe", "random"] = "tpe"
    """Optuna sampler."""
    seed: int = Field(default=0, ge=0)
    """Seed of the sampler."""
    space: PromptSpaceSpec = PromptSpaceSpec()
    """What to vary."""


class DspySpec(Spec):
    """A prompt optimiser of DSPy (an optional extra), and its budget."""

    optimizer: Literal["gepa", "miprov2"] = "gepa"
    """GEPA rewrites the instruction by reflection; MIPROv2 searches instructions and worked examples together."""
    calls: int = Field(default=200, ge=10)
    """Answers to training and validation examples that the optimiser may ask for, at most."""
    seed: int = Field(default=0, ge=0)
    """Seed of the optimiser."""
