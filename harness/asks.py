"""What prompt families ask of a model: how many prompts each tries, and how many tokens a prompt takes for one item."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from harness.search_bounds import Most
from harness.specs import BaselineSpec

CHARACTERS_PER_TOKEN = 4.0
BENCHMARK_TOKENS = 80
"""An item of a forgetting benchmark, both endings, about."""
TEMPLATE_TOKENS = 35
"""What a chat template adds to a conversation, roughly."""
LONGEST = 2.0
"""How much longer than the mean the longest example is, where nobody looked."""
PASSAGE_CHARACTERS = 600.0
"""A passage, where its corpus was not read."""


@dataclass(frozen=True)
class Sizes:
    """What is known of the data."""

    train: int
    validation: int
    test: int
    input_characters: float
    reference_characters: float
    passage_characters: float = PASSAGE_CHARACTERS
    labels: tuple[str, ...] = ()
    """Of a label task, once its data is read."""
    longest_characters: float = 0.0
    """Input and answer of the longest training example; 0 where it was not looked for."""
    further: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    """What is learnt besides the task, by role: rows, and the mean characters of one."""

    @property
    def longest(self) -> float:
        """Characters of the longest training example, or about."""
        return self.longest_characters or LONGEST * (self.input_characters + self.reference_characters)


class Ask(NamedTuple):
    """One prompt, for one item."""

    tokens_in: float
    tokens_out: float
    shared: float = 0.0
    """Of the tokens read, those that all items begin with: they are read once."""

    @property
    def tokens(self) -> float:
        """Of both sorts."""
        return self.tokens_in + self.tokens_out


class SearchAsks(NamedTuple):
    """What a search for a prompt asks."""

    prompts: int
    """It tries about so many."""
    typical: Ask
    dearest: Ask
    most: Most


class OptimiserAsks(NamedTuple):
    """What an optimiser asks."""

    calls: int
    """Trials of single items, at most."""
    candidate: Ask
    """The longest prompt that it may try, or write."""
    written: int
    """Ways in which the answer to the prompt that it writes is taken."""
    proposals: int
    """Requests for an instruction, about: DSPy sets no limit to them."""
    proposal: Ask
    """One of these requests, about."""


@dataclass(frozen=True)
class FamilyAsks:
    """What one family asks."""

    family: BaselineSpec
    rules: int
    """Variants that answer without a model."""
    listed: list[Ask]
    search: SearchAsks | None
    optimiser: OptimiserAsks | None

    @property
    def searched(self) -> list[Ask]:
        """Those that its search tries, about."""
        return [self.search.typical] * self.search.prompts if self.search else []

    @property
    def written(self) -> list[Ask]:
        """Those that its optimiser writes."""
        return [self.optimiser.candidate] * self.optimiser.written if self.optimiser else []

    @property
    def prompts(self) -> list[Ask]:
        """Every prompt that is tried on validation, about."""
        return [*self.listed, *self.searched, *self.written]

    @property
    def most_searched(self) -> Most:
        """The most that its search asks."""
        return self.search.most if self.search else Most()


def tokens(characters: float) -> float:
    """About so many."""
    return characters / CHARACTERS_PER_TOKEN
