"""No course of a search asks more than its bounds, and some course comes near each of them."""

import random

import pytest

from harness.search_bounds import Most, most_of_budget, most_of_trials

LIMITS = {"cheapest": 20.0, "dearest": 200.0, "longest": 50.0}


def course(target: float, *, trials: int, size: int, lengths: list[tuple[float, float]]) -> Most:
    """What a search takes whose prompts read and write so much, in this order."""
    read = written = 0.0
    number = 0
    while number < size and (number < trials or read + written < target):
        more_in, more_out = lengths[number % len(lengths)]
        read, written, number = read + more_in, written + more_out, number + 1
    return Most(number, read, written)


@pytest.mark.parametrize(("target", "trials", "size"), [(900, 3, 999), (900, 30, 999), (900, 3, 7), (0, 3, 999)])
def test_no_course_asks_more(target: float, trials: int, size: int) -> None:
    chance = random.Random(0)
    most = most_of_budget(target, trials=trials, size=size, **LIMITS)
    for _ in range(3000):
        low, high = sorted(chance.choices([20, 30, 100, 200], k=2))
        lengths = [(chance.uniform(low, high), chance.choice([0, 0, 1, 50])) for _ in range(60)]
        found = course(target, trials=trials, size=size, lengths=lengths)
        assert all(have <= bound + 1e-6 for have, bound in zip(found, most, strict=True)), (found, most)


def test_each_bound_is_nearly_reached() -> None:
    most = most_of_budget(900, trials=3, size=999, **LIMITS)
    short, wordy, long = (
        course(900, trials=3, size=999, lengths=[one]) for one in [(20.0, 0.0), (20.0, 50.0), (200.0, 0.0)]
    )
    assert short.prompts == most.prompts == 45
    assert wordy.tokens_out == pytest.approx(most.tokens_out, rel=0.1)
    assert long.tokens_in == pytest.approx(most.tokens_in, rel=0.1)
    assert most.tokens_in < most.prompts * LIMITS["dearest"] / 5, "the budget bounds what many long prompts would take"


def test_trials_alone_are_all_dearest() -> None:
    assert most_of_trials(4, dearest=10.0, longest=3.0) == (4, 40.0, 12.0)
