"""Guesses of what a row goes on with: where they come from, and how many of them are worth reading."""

import pytest

from harness.adapters.lookup import LONGEST, TOGETHER, Lookup, best_width, right_ones


def test_what_stood_behind_the_last_tokens_is_guessed() -> None:
    assert Lookup([1, 2, 3, 4, 5, 2, 3]).guess(2) == [4, 5]
    assert Lookup([1, 2, 3, 4, 5, 2, 3]).guess(0) == []


def test_more_tokens_alike_come_first_and_later_places_before_earlier_ones() -> None:
    assert Lookup([1, 2, 3, 7, 9, 2, 3, 8, 1, 2, 3]).guess(1) == [7]
    assert Lookup([2, 3, 7, 9, 2, 3, 8, 1, 2, 3]).guess(1) == [8]


@pytest.mark.parametrize("ids", [[], [1], [1, 2], [1, 2, 3, 4], [1, 1]])
def test_without_a_repetition_nothing_is_guessed(ids: list[int]) -> None:
    assert Lookup(ids).guess(9) == []


def test_a_guess_has_an_end() -> None:
    assert Lookup([*range(50), 0, 1]).guess(99) == list(range(2, 2 + LONGEST))


def test_an_answer_that_repeats_itself_is_guessed_from_itself() -> None:
    row = Lookup([1, 2, 3])
    row.extend([8, 9, 8, 9])
    assert row.guess(3) == [8, 9]


def test_a_row_that_was_guessed_wrongly_is_hoped_for_less() -> None:
    row = Lookup([1])
    hope = row.rate
    row.learn([], [7])
    assert row.rate == hope
    row.learn([4, 5, 6], [7])
    assert row.rate < hope
    row.learn([4, 5, 6], [4, 5, 6, 7])
    assert row.rate > hope / 2


def test_a_row_s_rate_is_the_chance_of_one_token() -> None:
    row = Lookup([1])
    for _ in range(30):
        row.learn([4, 5, 6, 7, 8], [4, 5, 6, 9])
    assert row.rate == pytest.approx(3 / 4)


def test_a_row_that_was_given_up_is_guessed_again_once_it_quotes() -> None:
    row = Lookup([1])
    for _ in range(9):
        row.learn([4, 5, 6], [7])
    assert best_width([[4] * 8] * 9, rates=[row.rate] * 9) == 1
    for _ in range(4):
        row.learn([4, 5, 6], [4])  # Guesses that were not read count as well.
    assert best_width([[4] * 8] * 9, rates=[row.rate] * 9) > 1


def test_good_guesses_are_read_and_bad_ones_are_not() -> None:
    assert best_width([[1] * 8], rates=[1.0]) == 9
    assert best_width([[1] * 8], rates=[0.0]) == 1
    assert best_width([[]], rates=[1.0]) == 1
    assert 1 < best_width([[1] * 8] * 4, rates=[0.7] * 4) < 9


def test_one_guess_is_not_worth_as_many_tokens_of_all_other_rows() -> None:
    assert best_width([[1] * 8, *[[]] * 60], rates=[1.0] * 61) == 1


@pytest.mark.parametrize("rows", [1, 40, 100, TOGETHER, 2 * TOGETHER])
def test_no_more_is_read_at_once_than_is_cheap(rows: int) -> None:
    width = best_width([[1] * 8] * rows, rates=[1.0] * rows)
    assert width == max(1, min(9, TOGETHER // rows))


def test_a_guess_is_right_up_to_the_first_difference() -> None:
    assert right_ones([4, 5, 6], [4, 5, 7, 8]) == 2
    assert right_ones([4, 5], [4, 5, 7]) == 2
    assert right_ones([4], [3, 5]) == 0
    assert right_ones([], [3]) == 0
