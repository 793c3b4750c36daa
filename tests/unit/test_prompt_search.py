"""A family that searches: its best prompt stands for it, at a budget that is kept, and no test item is near."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_world import FakeWorld, fake_setup
from test_plan import by_rank
from workspace import assert_one_line, failure, make_workspace, swap, write

from harness.adapters import study
from harness.asks import Sizes
from harness.cli.mirroring import StudyMirror
from harness.estimate import Work, expected_work
from harness.family_asks import every_family_asks
from harness.loading import load_experiment
from harness.plan import Goal, Plan
from harness.plan.effort import cost, of_prompts, of_tuning
from harness.plan.setup import Setup
from harness.prompts import ordered
from harness.steps import Step

FAMILY = """\
family: optimised
description: Found by search.
search:
  trials: 5
  space:
    instruction: [plain, engineered, "Q: {input}", "{instruction} Now: {input}"]
    shots: [0, 2, 4]
    choose: [random, bm25]
    seed: [0, 1]
    order: [0, 1]
"""
BEST = {"template": "Q: {input}", "shots": 4, "choose": "bm25", "layout": "text"}
Planted = Callable[[Step, FakeWorld], float]


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = make_workspace(tmp_path)
    write(tmp_path, "baselines/optimised.yaml", FAMILY)
    swap(tmp_path, "experiments/first.yaml", "few_shot, engineered]", "optimised]")
    return path


def edited(spec: Path, old: str, new: str) -> None:
    swap(spec.parents[1], "baselines/optimised.yaml", old, new)


def setup_of(spec: Path, *overrides: str) -> Setup:
    """With Optuna as it is."""
    fake = fake_setup(load_experiment(spec, overrides=overrides))

    class Searcher(type(fake.sampler)):  # type: ignore[misc]
        suggested_prompt = staticmethod(study.suggested_prompt)

    return fake_setup(fake.resolved, sampler=Searcher())


def planted(step: Step, world: FakeWorld) -> float:
    """0.1, and 0.2 for each part of the best prompt; the tuned model by its rank."""
    rank, prompt = world.trial_rank(step), world.answers_of(step).inputs.get("prompt")
    if rank is not None:
        return rank / 10
    return 0.0 if prompt is None else 0.1 + 0.2 * sum(prompt[name] == value for name, value in BEST.items())


def reached(spec: Path, *overrides: str, score: Planted = planted, goal: Goal = "verdict") -> tuple[Plan, FakeWorld]:
    world = FakeWorld(score)
    return world.reach(setup_of(spec, *overrides), goal=goal), world


def prompts_of(plan: Plan) -> list[dict[str, Any]]:
    return [one.answers.inputs["prompt"] for one in plan.prompt_searches["optimised"].tried]


def spent(plan: Plan, world: FakeWorld) -> tuple[int, int]:
    """Model tokens of the family, and of the search for an adapter."""
    family = [one for one in plan.baselines if one.arm.family == "optimised"]
    mine = cost(of_prompts(family, finished=world.find))
    return mine.tokens, cost(of_tuning(plan.wanted, finished=world.find)).tokens


def test_the_planted_prompt_is_found_and_goes_to_the_exam(spec: Path) -> None:
    edited(spec, "trials: 5", "trials: 24")
    plan, world = reached(spec)
    champion = plan.tested["optimised"]
    assert {name: champion.answers.inputs["prompt"][name] for name in BEST} == BEST
    assert champion.arm.name == plan.champions["optimised"]
    assert champion.arm.name.startswith("optimised/trial_")
    assert len(plan.prompt_searches["optimised"].tried) == 24
    lock = next(step for step in world.log if step.stage == "lock")
    assert "beats:optimised" in lock.inputs["rests_on"]


def test_nothing_that_searches_holds_a_test_item(spec: Path) -> None:
    edited(spec, "trials: 5", "trials: 5\n  budget: equal")
    plan, world = reached(spec)
    tried = {one.answers.key for one in plan.prompt_searches["optimised"].tried}
    tried |= {one.scores.key for one in plan.prompt_searches["optimised"].tried}
    sealed = [step.stage for step in world.log].index("testset")
    assert tried <= {step.key for step in world.log[:sealed]}
    for step in world.log[:sealed]:
        assert step.inputs.get("split") != "test"
        assert "testset" not in step.needs
        assert not any(world.done[key].stage == "testset" for key in step.needs.values())


def test_a_search_that_was_killed_ends_like_one_that_was_not(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edited(spec, "trials: 5", "trials: 5\n  budget: equal")
    whole, calm = reached(spec)
    rough = FakeWorld(planted)
    while not (plan := rough.reach(setup_of(spec), at_most=17)).done:
        monkeypatch.setattr("harness.adapters.prompt_study._proposed", {})  # As in a new process.
    assert [step.key for step in rough.log] == [step.key for step in calm.log]
    assert plan.prompt_searches["optimised"].known == whole.prompt_searches["optimised"].known
    assert plan.champions == whole.champions


def test_no_prompt_is_tried_twice_and_an_exhausted_space_ends_the_search(spec: Path) -> None:
    edited(spec, "trials: 5", "trials: 500")
    edited(spec, "shots: [0, 2, 4]", "shots: [0, 2]")
    edited(spec, "order: [0, 1]", "order: [0, 1, 2]")  # Both shuffles leave, or both swap, two shots.
    plan, _ = reached(spec, goal="baselines")
    prompts = prompts_of(plan)
    arrangements = {tuple(ordered(range(2), order=order)) for order in (0, 1, 2)}
    # Without shots one prompt an instruction; with two, in 2 layouts by 2 seeds or by bm25.
    assert len(prompts) == 4 * (1 + 6 * len(arrangements))
    assert len({str(prompt) for prompt in prompts}) == len(prompts)


def test_choices_that_ask_the_same_are_one_choice(spec: Path) -> None:
    same = '[plain, "{instruction}\\n\\n{input}"]'
    edited(spec, 'instruction: [plain, engineered, "Q: {input}", "{instruction} Now: {input}"]', f"instruction: {same}")
    edited(spec, "shots: [0, 2, 4]", "shots: [0, 8, 50, 99]")  # There are 8 training examples.
    edited(spec, "trials: 5", "trials: 500")
    plan, _ = reached(spec, goal="baselines")
    assert plan.prompt_searches["optimised"].space["instruction"] == ["plain"]
    assert plan.prompt_searches["optimised"].space["shots"] == [0, 8]


def test_what_the_family_lists_is_known_to_the_search_and_not_tried_again(spec: Path) -> None:
    listed = "variants:\n  - {name: short, pattern: 'Q: {input}'}\n  - {name: other, pattern: 'R: {input}'}\nsearch:"
    edited(spec, "search:", listed)
    edited(spec, "trials: 5", "trials: 500")
    edited(spec, "shots: [0, 2, 4]", "shots: [0, 2]")
    plan, _ = reached(spec, goal="baselines")
    search = plan.prompt_searches["optimised"]
    assert search.known[0].arm == "optimised/short"
    assert all(trial.arm != "optimised/other" for trial in search.known)
    assert len(prompts_of(plan)) > 20
    assert all(prompt["shots"] or prompt["template"] != "Q: {input}" for prompt in prompts_of(plan))


def test_decoding_is_one_more_choice_for_labels(spec: Path) -> None:
    swap(spec.parents[1], "experiments/first.yaml", "task: qa", "task: mood")
    gates = "    exact_match: {floor: 0.2}\n  rouge: {floor: 0.1}"
    swap(spec.parents[1], "experiments/first.yaml", gates, "    accuracy: {floor: 0.2}")
    edited(spec, "trials: 5", "trials: 20")

    def likelier(step: Step, world: FakeWorld) -> float:
        return 0.9 if world.answers_of(step).inputs.get("labels") else 0.2

    world = FakeWorld(likelier, metrics=("accuracy", "macro_f1"))
    plan = world.reach(setup_of(spec), goal="baselines")
    arms = [one.arm for one in plan.prompt_searches["optimised"].tried]
    assert {bool(arm.labels) for arm in arms} == {True, False}
    assert sum(bool(arm.labels) for arm in arms) > 12
    assert [arm.name for arm in arms] == [f"optimised/trial_{number}" for number in range(20)]
    assert all(("likeliest label" in arm.description) == bool(arm.labels) for arm in arms)
    edited(spec, "search:", "decoding: [generate]\nsearch:")
    plan = FakeWorld(likelier, metrics=("accuracy", "macro_f1")).reach(setup_of(spec), goal="baselines")
    assert not any(one.arm.labels for one in plan.prompt_searches["optimised"].tried)


def test_an_equal_budget_is_reached_and_passed_by_less_than_one_prompt(spec: Path) -> None:
    plan, world = reached(spec, goal="search")
    mine, tuning = spent(plan, world)
    assert (len(plan.prompt_searches["optimised"].tried), mine) == (5, 5 * 15)
    assert tuning == 2 * 2 * (100 + 15)
    edited(spec, "trials: 5", "trials: 5\n  budget: equal")
    plan, world = reached(spec, goal="search")
    mine, tuning = spent(plan, world)
    assert tuning <= mine < tuning + 15
    place = {step.key: number for number, step in enumerate(world.log)}
    trained = [place[step.key] for step in world.log if step.stage == "train"]
    tried = [place[one.answers.key] for one in plan.prompt_searches["optimised"].tried]
    assert max(tried[:5]) < min(trained), "the first trials come before the search"
    assert sum(number > max(trained) for number in tried[5:]) > 20, "the others after it"


def test_an_equal_budget_ends_with_the_space(spec: Path) -> None:
    edited(spec, "trials: 5", "trials: 5\n  budget: equal")
    of_shots = "    choose: [random, bm25]\n    seed: [0, 1]\n    order: [0, 1]\n"
    edited(spec, f"shots: [0, 2, 4]\n{of_shots}", "shots: [0]\n")
    plan, world = reached(spec)
    mine, tuning = spent(plan, world)
    assert len(plan.prompt_searches["optimised"].tried) == 4
    assert mine < tuning
    assert plan.judgement is not None


def test_a_prompt_found_after_the_search_for_an_adapter_can_be_champion(spec: Path) -> None:
    edited(spec, "trials: 5", "trials: 1\n  budget: equal")
    plan, _ = reached(spec)
    search = plan.prompt_searches["optimised"]
    number = [one.arm.name for one in search.tried].index(plan.champions["optimised"])
    assert number > 0
    assert search.known[number].value == max(trial.value for trial in search.known)


def test_families_stay_in_the_order_of_the_spec(spec: Path) -> None:
    order = "baselines=[trivial, optimised, zero_shot]"
    plan, _ = reached(spec, order, score=by_rank)
    families = list(dict.fromkeys(one.arm.family for one in plan.baselines))
    assert families == ["trivial", "optimised", "zero_shot"]


def test_the_estimate_counts_the_prompts_of_the_search(spec: Path) -> None:
    def prompts() -> Work:
        resolved = load_experiment(spec, overrides=["baselines=[trivial, zero_shot, optimised]"])
        sizes = Sizes(train=6, validation=2, test=3, input_characters=40, reference_characters=8)
        asked = every_family_asks(resolved, sizes=sizes)
        return next(
            row for row in expected_work(resolved, asked=asked, sizes=sizes, weight_bytes=10**6) if row.kind == "prompt"
        )

    assert (prompts().count, prompts().title) == (2 + 5, "prompts on validation, 5 of 7 by search")
    edited(spec, "trials: 5", "trials: 5\n  budget: equal")
    equal = prompts().count
    assert 2 + 5 < equal < 2 + 4 * (1 + 6 * 4)
    edited(spec, "trials: 5", "trials: 500")
    assert prompts().count == 2 + 4 * (1 + 6 * 4), "no more than there are"


@pytest.mark.parametrize(
    ("old", "new", "start", "words"),
    [
        ("[plain, ", "[plane, ", "baselines/optimised.yaml:6:19", ("is 'plane'", "did you mean plain?")),
        ('"Q: {input}"', '"Q:"', "baselines/optimised.yaml:6:38", ("a pattern that holds {input}", "put {input}")),
        ('"Q: {input}"', '"{inptu} {input}"', "baselines/optimised.yaml:6:38", ("unknown placeholder {inptu}",)),
        ('"Q: {input}"', '"{passages} {input}"', "baselines/optimised.yaml:6:38", ("a search retrieves none",)),
        ("search:", "variants: [{name: trial_7}]\nsearch:", "baselines/optimised.yaml:3:19", ("needs another name",)),
        ("trials: 5", "trials: 0", "baselines/optimised.yaml:4:11", ("search.trials is 0", "Fix: trials: 12")),
        ("trials: 5", "budget: even", "baselines/optimised.yaml:4:11", ("one of trials, equal", "Fix: budget: trials")),
        ("shots: [0, 2", "shots: [-1, 2", "baselines/optimised.yaml:7:13", ("space.shots.0 is -1; needs at least 0",)),
    ],
)
def test_a_wrong_search_fails_in_one_line_at_its_place(
    spec: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, start: str, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(spec.parents[1])
    edited(spec, old, new)
    assert_one_line(failure(), start, *words)


def test_every_search_is_written_through_to_a_study_of_its_own(spec: Path, tmp_path: Path) -> None:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    setup = setup_of(spec)
    plan = FakeWorld(planted).reach(setup, goal="search")
    told: list[str] = []
    StudyMirror(setup, state=tmp_path, warn=told.append)(plan)
    assert told == []
    assert sorted(path.name for path in (tmp_path / "studies").iterdir()) == [
        "first.journal",
        "first.optimised.journal",
    ]
    backend = JournalFileBackend(str(tmp_path / "studies" / "first.optimised.journal"))
    loaded = optuna.load_study(study_name="first.optimised", storage=JournalStorage(backend))
    assert [(one.user_attrs["arm"], one.value) for one in loaded.trials] == [
        (trial.arm, trial.value) for trial in plan.prompt_searches["optimised"].known
    ]
    assert len(loaded.trials) == 5
