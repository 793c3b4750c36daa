"""Turn prompt families and the sizes of the data into what each family asks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import fmean

from harness.asks import TEMPLATE_TOKENS, Ask, FamilyAsks, OptimiserAsks, SearchAsks, Sizes, tokens
from harness.loading import Resolved
from harness.plan.arms import PromptArm, decodings, family_arms, plain_prompt
from harness.plan.prompt_search import instruction_template, prompt_space
from harness.prompt_space import Space, space_size
from harness.search_bounds import Most, most_of_budget, most_of_trials
from harness.specs import BaselineSpec
from harness.stages.optimise import PROPOSAL_TOKENS
from harness.training_asks import Training, Typical, training

REQUEST_TOKENS = 500
"""What an optimiser's request for an instruction says besides its examples, roughly."""
REQUEST_SHOWS = {"gepa": 3, "miprov2": 10}
"""Examples in such a request."""
CANDIDATE_SHOWS = {"gepa": 0, "miprov2": 4}
"""Worked examples in a prompt that an optimiser tries, at most."""
MIPRO_REQUESTS = 16
"""MIPROv2 describes the data in up to a dozen steps, then asks for each instruction."""


def every_family_asks(resolved: Resolved, *, sizes: Sizes) -> list[FamilyAsks]:
    """Family by family, in the order of the spec."""
    asker = _Asker(resolved, sizes)
    return [asker.family(family) for family in resolved.families]


def tuned_ask(resolved: Resolved, *, sizes: Sizes) -> Ask:
    """What the tuned model is asked with."""
    return _Asker(resolved, sizes).plain


def tuned_training(resolved: Resolved, *, sizes: Sizes, typical: Typical = fmean) -> Training:
    """What the search for an adapter trains, with so many epochs in each trial."""
    asker = _Asker(resolved, sizes)
    return training(resolved, sizes=sizes, example=asker.plain.tokens_in + asker.reference, typical=typical)


@dataclass(frozen=True)
class _Asker:
    """Lengths of prompts and answers, from the sizes of the data."""

    resolved: Resolved
    sizes: Sizes

    @property
    def labels(self) -> list[str]:
        return list(self.resolved.task.labels or self.sizes.labels)

    @property
    def reference(self) -> float:
        """Tokens of a right answer."""
        return tokens(self.sizes.reference_characters)

    @property
    def longest(self) -> float:
        """Tokens of a written answer, at most."""
        return float(self.resolved.task.max_new_tokens)

    @property
    def answer(self) -> float:
        """Tokens of a written answer, about."""
        return min(self.longest, 1.5 * self.reference)

    @property
    def plain(self) -> Ask:
        """The task's own instruction."""
        return Ask(self._question(plain_prompt(self.resolved.task, labels=self.labels).template), self.answer)

    def family(self, family: BaselineSpec) -> FamilyAsks:
        arms = family_arms(family, resolved=self.resolved, labels=self.labels)
        listed = [self._ask(arm) for arm in arms if arm.prompt]
        return FamilyAsks(family, len(arms) - len(listed), listed, self._search(family), self._optimiser(family))

    def _question(self, template: str) -> float:
        return tokens(len(template) + self.sizes.input_characters) + TEMPLATE_TOKENS

    def _ask(self, arm: PromptArm) -> Ask:
        assert arm.prompt is not None
        prompt = arm.prompt
        question = self._question(prompt.template) + prompt.passages * tokens(self.sizes.passage_characters)
        system, shots = tokens(len(prompt.system or "")), prompt.shots * (question + self.reference)
        read = system + question + shots + tokens(sum(map(len, arm.labels)))
        shared = system + (shots if prompt.choose == "random" else 0.0)
        return Ask(read, 0.0 if arm.labels else self.answer, shared)

    def _search(self, family: BaselineSpec) -> SearchAsks | None:
        if family.search is None:
            return None
        space = prompt_space(family, resolved=self.resolved, labels=self.labels, train=self.sizes.train)
        typical, dearest, size = self._one_of(space, fmean), self._one_of(space, max), space_size(space)
        count = trials = min(family.search.trials, size)
        most = most_of_trials(trials, dearest=dearest.tokens_in, longest=self.longest)
        if family.search.budget == "equal":
            target = self._tuning(written=self.answer, typical=fmean)
            count = min(size, max(trials, ceil(target / max(1.0, typical.tokens))))
            most = self._most_for_equal(space, trials=trials)
        return SearchAsks(count, typical, dearest, most)

    def _most_for_equal(self, space: Space, *, trials: int) -> Most:
        """The most that prompts ask until they took what tuning takes, and that is as much as it may take."""
        return most_of_budget(
            self._tuning(written=self.longest, typical=max),
            trials=trials,
            size=space_size(space),
            cheapest=self._one_of(space, min).tokens_in,
            dearest=self._one_of(space, max).tokens_in,
            longest=self.longest,
        )

    def _tuning(self, *, written: float, typical: Typical) -> float:
        """Tokens of the search for an adapter, read, generated and trained, for each item of validation."""
        found = tuned_training(self.resolved, sizes=self.sizes, typical=typical)
        return found.tokens / max(1, self.sizes.validation) + found.scored * (self.plain.tokens_in + written)

    def _one_of(self, space: Space, typical: Callable[[Sequence[float]], float]) -> Ask:
        """One prompt of a space, with such a length of each of its parts."""
        texts = [
            instruction_template(text, resolved=self.resolved, labels=self.labels) for text in space["instruction"]
        ]
        question = typical([self._question(text) for text in texts])
        system = typical([tokens(len(text or "")) for text in space["system"]])
        likeliest = typical([float(way == "likelihood") for way in space["decoding"]])
        shots = typical(space["shots"]) * (question + self.reference)
        fixed = fmean([float(way == "random") for way in space["choose"]])
        read = system + question + shots + likeliest * tokens(sum(map(len, self.labels)))
        return Ask(read, (1 - likeliest) * self.answer, system + fixed * shots)

    def _optimiser(self, family: BaselineSpec) -> OptimiserAsks | None:
        """Its prompts hold an instruction of its own, at its longest, beside all that the plain one holds."""
        if family.dspy is None:
            return None
        kind, calls, ways = family.dspy.optimizer, family.dspy.calls, len(decodings(family, labels=self.labels))
        shown = CANDIDATE_SHOWS[kind] * (self.plain.tokens_in + self.reference)
        candidate = Ask(self.plain.tokens_in + PROPOSAL_TOKENS + shown, self.answer)
        # Each example with what was answered and what would have been right.
        example = tokens(self.sizes.input_characters) + 2 * self.reference + TEMPLATE_TOKENS
        proposal = Ask(REQUEST_TOKENS + PROPOSAL_TOKENS + REQUEST_SHOWS[kind] * example, PROPOSAL_TOKENS)
        # GEPA asks once two candidates have answered the examples that the request shows.
        proposals = ceil(calls / (2 * REQUEST_SHOWS["gepa"])) if kind == "gepa" else MIPRO_REQUESTS
        return OptimiserAsks(calls, candidate, ways, proposals, proposal)
