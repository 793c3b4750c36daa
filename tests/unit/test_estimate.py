"""The estimate counts each model that answers, by what it reads."""

from dataclasses import replace
from pathlib import Path

from workspace import swap

from harness.asks import Sizes
from harness.estimate import Work, expected_work
from harness.family_asks import every_family_asks
from harness.loading import load_experiment

SPEC = "experiments/first.yaml"
SIZES = Sizes(train=6, validation=2, test=3, input_characters=40, reference_characters=8)
API = "api: {url: http://h/v1, model: m}"


def work(root: Path, *families: str, sizes: Sizes = SIZES) -> dict[str, Work]:
    """Rows by kind, of these families."""
    resolved = load_experiment(root / SPEC, overrides=[f"baselines=[{', '.join(families)}]"])
    asked = every_family_asks(resolved, sizes=sizes)
    return {row.kind: row for row in expected_work(resolved, asked=asked, sizes=sizes, weight_bytes=10**9)}


def test_a_family_without_a_model_takes_no_time_on_test(root: Path) -> None:
    assert work(root, "trivial")["test"].count == 1
    assert work(root, "zero_shot")["test"].count == 2
    assert work(root, "trivial", "zero_shot")["test"] == work(root, "zero_shot")["test"]


def test_the_tuned_model_answers_on_test_where_all_families_are_by_api(root: Path) -> None:
    # Trained with the plain prompt, so it takes on 3 test items half as long again as on 2 of validation.
    swap(root, "baselines/zero_shot.yaml", "variants:", f"{API}\nvariants:")
    found = work(root, "trivial", "zero_shot")
    assert found["prompt"].count == 0
    assert found["test"].count == 1
    assert found["test"].seconds == 1.5 * found["tuned"].seconds > 0


def test_a_champion_may_be_the_dearest_of_its_family(root: Path) -> None:
    before, sizes = work(root, "few_shot")["test"], replace(SIZES, test=6)
    swap(root, "baselines/few_shot.yaml", "variants:", "variants:\n  - {name: none}")
    assert work(root, "few_shot")["test"] == before
    double = work(root, "few_shot", sizes=sizes)["test"]
    assert (double.tokens_in, double.tokens_out) == (2 * before.tokens_in, 2 * before.tokens_out)
    assert before.seconds < double.seconds < 2 * before.seconds, "its worked examples are read once for all items"


def test_an_optimiser_of_the_own_model_takes_time_for_its_trials_and_its_requests(root: Path) -> None:
    swap(root, "baselines/zero_shot.yaml", "variants:", "dspy: {calls: 60}\nvariants:")
    found, plain = work(root, "zero_shot"), work(root, "few_shot")
    assert (found["optimise"].count, plain["optimise"].count) == (1, 0)
    assert found["optimise"].seconds > 60 * found["tuned"].seconds / 2
    assert found["prompt"].count == 3
