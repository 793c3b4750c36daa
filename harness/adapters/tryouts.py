"""Turn candidate prompts into graded answers within a budget, so that the best of them can be named at any moment.

Whoever proposes the candidates, this keeps the count and the grades: an optimiser may be stopped in the middle, and
what it found until then is not lost.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

from harness.adapters.generator import Generated
from harness.prompts import Message
from harness.records import Example


class Candidate(NamedTuple):
    """What an optimiser varies."""

    instruction: str
    shot_ids: tuple[str, ...] = ()
    """Training examples shown as worked examples, in order."""


class Grade(NamedTuple):
    """What an answer is worth."""

    score: float
    feedback: str
    """What was wrong and what would have been right, for a model that is to write a better instruction."""
    row: dict[str, Any]
    """As in `scores.jsonl`."""


class Stopped(BaseException):
    """The budget is spent, or something failed: `cause` says what.

    Not an `Exception`: optimisers catch those, count the item as wrong and go on.
    """

    def __init__(self, cause: Exception | None = None) -> None:
        super().__init__(cause)
        self.cause = cause


@dataclass
class Tryouts:
    """Answers and grades of every candidate so far."""

    train: Mapping[str, Example]
    """By id: what may be shown and learnt from."""
    validation: Mapping[str, Example]
    """By id: what decides."""
    converse: Callable[[Candidate, str], list[Message]]
    """The conversation by which a candidate asks about an input."""
    ask: Callable[[Sequence[list[Message]]], list[Generated]]
    grade: Callable[[Example, Generated], Grade]
    value: Callable[[list[dict[str, Any]]], float]
    """The deciding metric over rows."""
    calls: int
    """Different (candidate, input) pairs that may be asked, at most."""
    progress: Callable[[int, int], None] = lambda done, total: None
    answers: dict[tuple[Candidate, str], Generated] = field(default_factory=dict)
    grades: dict[Candidate, dict[str, Grade]] = field(default_factory=dict)
    """Of validation items, by id."""

    def foresee(self, candidate: Candidate, inputs: Sequence[str]) -> None:
        """Ask about many inputs together, as far as the budget goes: far quicker than one by one."""
        new = [text for text in dict.fromkeys(inputs) if (candidate, text) not in self.answers]
        self._ask(candidate, new[: self.calls - len(self.answers)])

    def answer(self, candidate: Candidate, text: str) -> Generated:
        """The answer to one input; the same question is asked, and counted, once."""
        if (candidate, text) not in self.answers:
            if len(self.answers) >= self.calls:
                raise Stopped
            self._ask(candidate, [text])
        return self.answers[candidate, text]

    def graded(self, candidate: Candidate, example: Example) -> Grade:
        """The grade of the answer that was given to an example."""
        try:
            grade = self.grade(example, self.answer(candidate, example.input))
        except Exception as error:  # Whatever it is, it is no fault of the candidate.
            _stop(error)
        if example.id in self.validation:
            self.grades.setdefault(candidate, {})[example.id] = grade
        return grade

    def validated(self) -> dict[Candidate, float]:
        """Value of every candidate that met all of validation, in the order of their trial."""
        whole = {one: found for one, found in self.grades.items() if len(found) == len(self.validation)}
        return {one: self.value([found[name].row for name in self.validation]) for one, found in whole.items()}

    def best(self, start: Candidate) -> Candidate:
        """The best on validation, the first of equals; `start` where the budget did not suffice to measure any."""
        values = {start: float("-inf"), **self.validated()}
        return max(values, key=lambda one: values[one])

    def _ask(self, candidate: Candidate, inputs: list[str]) -> None:
        if not inputs:
            return
        try:
            found = self.ask([self.converse(candidate, text) for text in inputs])
        except Exception as error:
            _stop(error)
        self.answers.update({(candidate, text): answer for text, answer in zip(inputs, found, strict=True)})
        self.progress(len(self.answers), self.calls)


def _stop(error: Exception) -> NoReturn:
    raise Stopped(error) from error
