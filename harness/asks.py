"""Turn prompt families into how many prompts each may try, and how many tokens each prompt takes for one item."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import fmean
from typing import NamedTuple

from harness.loading import Resolved
from harness.plan.arms import PromptArm, decodings, family_arms, plain_prompt
from harness.plan.prompt_search import instruction_template, prompt_space
from harness.prompt_space import space_size
from harness.specs import BaselineSpec

CHARACTERS_PER_TOKEN = 4.0
TEMPLATE_TOKENS = 35
"""What a chat template adds to a conversation, roughly."""
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


class Ask(NamedTuple):
    """One prompt, for one item."""

    tokens_in: float
    tokens_out: float

    @property
    def tokens(self) -> float:
        """Of both sorts."""
        return self.tokens_in + self.tokens_out


@dataclass(frozen=True)
class FamilyAsks:
    """What one family asks."""

    family: BaselineSpec
    rules: int
    """Variants that answer without a model."""
    listed: list[Ask]
    searched: list[Ask]
    """Those that its search may try, at most."""
    written: list[Ask]
    """Those that its optimiser writes."""
    call: Ask
    """One of the optimiser's own questions."""

    @property
    def prompts(self) -> list[Ask]:
        """Every prompt that is tried on validation."""
        return [*self.listed, *self.searched, *self.written]

    @property
    def calls(self) -> int:
        """How many questions the optimiser may ask."""
        return self.family.dspy.calls if self.family.dspy else 0


def every_family_asks(
    resolved: Resolved, *, sizes: Sizes, typical: Callable[[Sequence[float]], float] = fmean
) -> list[FamilyAsks]:
    """Family by family; `typical` makes one length of those that a search may choose from."""
    asker = _Asker(resolved, sizes, typical)
    return [asker.family(family) for family in resolved.families]


def tuned_ask(resolved: Resolved, *, sizes: Sizes) -> Ask:
    """What the tuned model is asked with."""
    return _Asker(resolved, sizes, fmean).plain


def tuning_tokens(resolved: Resolved, *, sizes: Sizes) -> float:
    """Tokens of the search for an adapter: read, generated and trained."""
    ask = tuned_ask(resolved, sizes=sizes)
    trained = (ask.tokens_in + tokens(sizes.reference_characters)) * sizes.train
    return epochs(resolved) * (trained + ask.tokens * sizes.validation)


def epochs(resolved: Resolved) -> int:
    """Training epochs of the whole search, about."""
    search = resolved.experiment.search
    return max(1, round(search.trials * fmean(search.space.epochs)))


def tokens(characters: float) -> float:
    """About so many."""
    return characters / CHARACTERS_PER_TOKEN


@dataclass(frozen=True)
class _Asker:
    """Lengths of prompts and answers, from the sizes of the data."""

    resolved: Resolved
    sizes: Sizes
    typical: Callable[[Sequence[float]], float]

    @property
    def labels(self) -> list[str]:
        return list(self.resolved.task.labels or self.sizes.labels)

    @property
    def answer(self) -> float:
        """Tokens of a written answer."""
        return min(self.resolved.task.max_new_tokens, 1.5 * tokens(self.sizes.reference_characters))

    @property
    def plain(self) -> Ask:
        """The task's own instruction."""
        return Ask(self._question(plain_prompt(self.resolved.task, labels=self.labels).template), self.answer)

    def family(self, family: BaselineSpec) -> FamilyAsks:
        arms = family_arms(family, resolved=self.resolved, labels=self.labels)
        listed = [self._ask(arm) for arm in arms if arm.prompt]
        written = [self.plain] * (len(decodings(family, labels=self.labels)) if family.dspy else 0)
        return FamilyAsks(family, len(arms) - len(listed), listed, self._searched(family), written, self.plain)

    def _question(self, template: str) -> float:
        return tokens(len(template) + self.sizes.input_characters) + TEMPLATE_TOKENS

    def _ask(self, arm: PromptArm) -> Ask:
        assert arm.prompt is not None
        prompt, reference = arm.prompt, tokens(self.sizes.reference_characters)
        question = self._question(prompt.template) + prompt.passages * tokens(self.sizes.passage_characters)
        shown = tokens(len(prompt.system or "")) + question + prompt.shots * (question + reference)
        return Ask(shown + tokens(sum(map(len, arm.labels))), 0.0 if arm.labels else self.answer)

    def _searched(self, family: BaselineSpec) -> list[Ask]:
        """One for each prompt that the search may try."""
        if family.search is None:
            return []
        space = prompt_space(family, resolved=self.resolved, labels=self.labels, train=self.sizes.train)
        texts = [
            instruction_template(text, resolved=self.resolved, labels=self.labels) for text in space["instruction"]
        ]
        question = self.typical([self._question(text) for text in texts])
        read = question + self.typical(space["shots"]) * (question + tokens(self.sizes.reference_characters))
        ways = space["decoding"]
        likeliest = ways.count("likelihood") / len(ways)
        ask = Ask(read + likeliest * tokens(sum(map(len, self.labels))), (1 - likeliest) * self.answer)
        count = family.search.trials
        if family.search.budget == "equal":
            target = tuning_tokens(self.resolved, sizes=self.sizes)
            count = max(count, ceil(target / max(1.0, ask.tokens * self.sizes.validation)))
        return [ask] * min(count, space_size(space))
