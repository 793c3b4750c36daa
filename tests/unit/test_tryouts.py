"""Whatever an optimiser does, the budget holds, and the best prompt is the best on the whole validation sample."""

from collections.abc import Sequence
from typing import Any

import pytest

from harness.adapters.generator import Generated
from harness.adapters.tryouts import Candidate, Grade, Stopped, Tryouts
from harness.errors import UserError
from harness.prompts import Message
from harness.records import Example, Split

START, BETTER = Candidate("start"), Candidate("better", ("t0",))


def examples(split: Split, names: str) -> dict[str, Example]:
    return {name: Example(id=name, split=split, group=name, input=name, reference=name) for name in names.split()}


def tryouts(*, calls: int = 10, asked: list[int] | None = None) -> Tryouts:
    """A model that is right about all a candidate of that name was ever planted to know."""

    def ask(conversations: Sequence[list[Message]]) -> list[Generated]:
        (asked if asked is not None else []).append(len(conversations))
        return [Generated(turns[-1]["content"], "ok", 1, 1) for turns in conversations]

    def grade(example: Example, answer: Generated) -> Grade:
        score = float(answer.text.startswith("better"))
        return Grade(score, "", {"score": score})

    return Tryouts(
        train=examples("train", "t0 t1"),
        validation=examples("validation", "v0 v1"),
        converse=lambda candidate, text: [{"role": "user", "content": f"{candidate.instruction} {text}"}],
        ask=ask,
        grade=grade,
        value=lambda rows: sum(row["score"] for row in rows) / len(rows),
        calls=calls,
    )


def graded(found: Tryouts, candidate: Candidate, *names: str) -> None:
    for name in names:
        found.graded(candidate, {**found.train, **found.validation}[name])


def test_the_best_is_the_best_on_all_of_validation() -> None:
    found = tryouts()
    graded(found, START, "v0", "v1")
    graded(found, BETTER, "t0", "t1", "v0")
    assert found.best(START) == START, "one item short, and training examples do not count"
    graded(found, BETTER, "v1")
    assert found.validated() == {START: 0.0, BETTER: 1.0}
    assert found.best(START) == BETTER


def test_of_equals_the_first_is_kept() -> None:
    found = tryouts()
    graded(found, START, "v0", "v1")
    graded(found, Candidate("other"), "v0", "v1")
    assert found.best(START) == START


def test_the_start_stays_where_nothing_was_measured() -> None:
    assert tryouts().best(START) == START


def test_a_question_is_asked_and_counted_once_and_many_are_asked_together() -> None:
    asked: list[int] = []
    found = tryouts(asked=asked)
    found.foresee(START, ["v0", "v1", "v0"])
    graded(found, START, "v0", "v1", "v0")
    assert asked == [2]
    assert len(found.answers) == 2


def test_nothing_is_asked_beyond_the_budget() -> None:
    asked: list[int] = []
    found = tryouts(calls=3, asked=asked)
    found.foresee(START, ["v0", "v1"])
    found.foresee(BETTER, ["v0", "v1"])
    assert asked == [2, 1]
    with pytest.raises(Stopped) as stopped:
        found.answer(BETTER, "v1")
    assert stopped.value.cause is None
    assert found.answer(BETTER, "v0").text == "better v0", "what was asked is still known"


@pytest.mark.parametrize("part", ["ask", "grade"])
def test_a_failure_stops_everything_and_keeps_its_cause(part: str) -> None:
    def broken(*arguments: Any) -> Any:
        raise UserError("metric m raised", where="metrics", fix="mend it")

    found = tryouts()
    setattr(found, part, broken)
    with pytest.raises(Stopped) as stopped:
        found.graded(START, found.validation["v0"])
    assert isinstance(stopped.value.cause, UserError)
    assert not issubclass(Stopped, Exception), "an optimiser would count it as a wrong answer"
