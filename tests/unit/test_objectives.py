"""What is forgotten is measured after every epoch and limited; one rule finds the champion, whatever is sought."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fake_world import FakeSampler, FakeWorld, fake_setup
from workspace import assert_one_line, failure, make_workspace

from harness.adapters import study
from harness.loading import Resolved, load_experiment
from harness.objectives import champion, front, point, rule
from harness.plan import Plan
from harness.records import Epoch, Trial
from harness.report.caveats import _probe_warnings
from harness.specs import SearchSpec
from harness.steps import Step
from harness.store import Artifact

OF_BASE = 3.0


@pytest.fixture
def resolved(tmp_path: Path) -> Resolved:
    return load_experiment(make_workspace(tmp_path))


def by_rank(step: Step, world: FakeWorld) -> float:
    """Trial 1, of rank 8, is better than trial 0, of rank 4; the second epoch of each is the better one."""
    adapter = world.answers_of(step).needs.get("adapter")
    if adapter is None:
        return 0.3
    inputs = world.done[adapter].inputs
    return float(inputs["params"]["rank"]) / 10 + float(inputs["epoch"]) / 100


def planted(rises: dict[tuple[int, int], float]) -> Callable[[Step, FakeWorld], float]:
    """A cross-entropy that rises so much by rank and epoch, and not elsewhere."""

    def entropy(step: Step, world: FakeWorld) -> float:
        probed = world.probed(step)
        return OF_BASE + (rises.get(probed, 0.01) if probed else 0.0)

    return entropy


def searched(resolved: Resolved, *, goal: str = "search", **world: object) -> tuple[Plan, FakeWorld]:
    made = FakeWorld(by_rank, **world)  # type: ignore[arg-type]
    return made.reach(fake_setup(resolved), goal=goal), made  # type: ignore[arg-type]


def test_every_epoch_is_probed_against_the_base_which_is_probed_once(resolved: Resolved) -> None:
    finished, world = searched(resolved, entropy=planted({(4, 2): 0.2}))
    rises = [[epoch.probe for epoch in trial.epochs] for trial in finished.trials]
    assert rises == [[pytest.approx(0.01), pytest.approx(0.2)], [pytest.approx(0.01)] * 2]
    assert [trial.epochs[0].probe_benchmarks for trial in finished.trials] == [{"arithmetic": 0.0}] * 2
    probes = [step for step in world.log if step.stage == "probe"]
    assert [bool(step.needs) for step in probes].count(False) == 1
    assert len(probes) == 5


def test_a_trial_that_forgets_too_much_is_stopped_and_says_why(resolved: Resolved) -> None:
    finished, world = searched(resolved, goal="verdict", entropy=planted({(8, 1): 0.9}))
    kept, lost = finished.trials
    assert (kept.status, kept.stopped) == ("complete", "")
    assert (lost.status, len(lost.epochs)) == ("pruned", 1)
    assert lost.stopped.startswith("forgot too much in epoch 1: cross-entropy on general text rose by 0.90 nats")
    assert lost.value is not None
    assert kept.value is not None
    assert lost.value > kept.value, "it would have won"
    assert finished.champions["tuned"] == "tuned/trial-0"
    assert sum(step.stage == "train" for step in world.log) == 3


def test_an_epoch_that_forgets_too_much_leaves_the_one_before_it(resolved: Resolved) -> None:
    finished, _ = searched(resolved, entropy=planted({(8, 2): 0.9}))
    trial = finished.trials[1]
    assert (trial.status, trial.best_epoch, trial.value) == ("pruned", 1, pytest.approx(0.81))
    assert champion(finished.trials, search=resolved.experiment.search) == trial


def test_where_every_trial_forgets_too_much_the_least_is_taken(resolved: Resolved) -> None:
    finished, _ = searched(resolved, goal="verdict", entropy=planted({(4, 1): 0.8, (8, 1): 0.7}))
    assert [trial.status for trial in finished.trials] == ["pruned", "pruned"]
    assert finished.champions["tuned"] == "tuned/trial-1"
    assert finished.judgement is not None


def test_what_is_lost_on_a_benchmark_s_items_counts_as_well(resolved: Resolved) -> None:
    def kept(step: Step, world: FakeWorld) -> float:
        return 0.3 if world.probed(step) == (8, 1) else 0.6

    finished, _ = searched(resolved, kept=kept)
    assert finished.trials[1].stopped.endswith("items of arithmetic fell by 30 points, and 25 is the limit")
    assert finished.trials[1].epochs[0].probe_benchmarks == {"arithmetic": pytest.approx(-0.3)}


def test_nothing_is_probed_where_nothing_asks_for_it(tmp_path: Path) -> None:
    off = ["search.forgets.cross_entropy=null", "search.forgets.accuracy=null"]
    finished, world = searched(load_experiment(make_workspace(tmp_path), overrides=off), entropy=planted({(8, 1): 9.0}))
    assert not any(step.stage == "probe" for step in world.log)
    assert [epoch.probe for trial in finished.trials for epoch in trial.epochs] == [None] * 4


def test_an_adapter_that_cannot_be_probed_has_failed(resolved: Resolved) -> None:
    def fails(step: Step) -> str:
        return "no numbers" if step.stage == "probe" and step.needs and "trial 1" in step.title else ""

    finished, _ = searched(resolved, goal="verdict", fails=fails)
    assert (finished.trials[1].status, finished.trials[1].error) == ("failed", "no numbers")
    assert finished.champions["tuned"] == "tuned/trial-0"


def test_several_objectives_prune_nothing_for_lagging(tmp_path: Path) -> None:
    spec = make_workspace(tmp_path)
    for objectives, status in (("[metric]", "pruned"), ("[metric, cost]", "complete")):
        resolved = load_experiment(spec, overrides=[f"search.objectives={objectives}"])
        setup = fake_setup(resolved, sampler=FakeSampler(stop_below=2.0))
        assert {trial.status for trial in FakeWorld(by_rank).reach(setup, goal="search").trials} == {status}


def test_an_interrupted_search_for_trade_offs_ends_like_an_undisturbed_one(tmp_path: Path) -> None:
    asked = ["search.objectives=[metric, forgetting, cost]", "search.trials=6", "search.space.epochs=[1, 2]"]
    setup = fake_setup(load_experiment(make_workspace(tmp_path), overrides=asked), sampler=study)
    entropy = planted({(8, 1): 0.9, (4, 2): 0.2})
    whole = FakeWorld(by_rank, entropy=entropy).reach(setup, goal="search")
    done: dict[str, Artifact] = {}
    for _ in range(8):  # A process that is killed after every sixth step.
        FakeWorld(by_rank, entropy=entropy, done=done).reach(setup, goal="search", at_most=6)
    again = FakeWorld(by_rank, entropy=entropy, done=done).reach(setup, goal="search", at_most=0)
    assert again.done
    assert again.trials == whole.trials
    assert {one.status for one in whole.trials} >= {"complete", "pruned"}


def trial(number: int, *, metric: float, rise: float, tokens: int = 100, status: str = "complete") -> Trial:
    one = Epoch(epoch=1, train_loss=1.0, tokens=tokens, validation={"m": metric}, probe=rise)
    shared = {"params": {}, "epochs": [one], "best_epoch": 1, "value": metric}
    return Trial(number=number, status=status, **shared)  # type: ignore[arg-type]


TRIALS = [
    trial(0, metric=0.60, rise=0.30),
    trial(1, metric=0.70, rise=0.40),
    trial(2, metric=0.70, rise=0.20),
    trial(3, metric=0.695, rise=0.05),
    trial(4, metric=0.90, rise=0.80),
    trial(5, metric=0.95, rise=0.01, status="failed"),
    trial(6, metric=0.50, rise=0.05, tokens=50),
]
"""Dominated, dominated, best within the limit, nearly as good, over the limit, failed, cheapest."""


def test_the_front_holds_what_nothing_else_dominates() -> None:
    assert front(TRIALS, objectives=["metric"]) == [4]
    assert front(TRIALS, objectives=["metric", "forgetting"]) == [2, 3, 4]
    assert front(TRIALS, objectives=["metric", "forgetting", "cost"]) == [2, 3, 4, 6]
    assert front([], objectives=["metric", "cost"]) == []


@pytest.mark.parametrize(
    ("objectives", "tied", "number"),
    [(["metric"], 0.0, 1), (["metric", "forgetting"], 0.0, 2), (["metric", "forgetting"], 0.01, 3)],
)
def test_the_champion_follows_the_rule(objectives: list[str], tied: float, number: int) -> None:
    search = SearchSpec.model_validate({"objectives": objectives} | ({"tied": tied} if tied else {}))
    best = champion(TRIALS, search=search)
    assert best is not None
    assert best.number == number
    said = rule(search, metric="ROUGE-L", trials=TRIALS)
    assert "highest ROUGE-L on validation of the trials that forget no more than" in said
    assert ("what forgets less" in said) == (len(objectives) > 1)
    assert ("less by at most 1 point" in said) == bool(tied)
    assert ("know one objective" in said) == (len(objectives) > 1)


def test_a_point_is_that_of_the_best_epoch() -> None:
    epochs = [
        Epoch(epoch=i, train_loss=1.0, tokens=100, validation={"m": value}, probe=i / 10)
        for i, value in ((1, 0.5), (2, 0.7), (3, 0.6))
    ]
    one = Trial(number=0, params={}, status="complete", epochs=epochs, best_epoch=2, value=0.7)
    assert point(one) == (0.7, 0.2, 200)


def test_plain_text_that_was_read_first_is_part_of_the_cost() -> None:
    one = trial(0, metric=0.5, rise=0.1)
    assert point(one.model_copy(update={"text_tokens": 1_000})).cost == point(one).cost + 1_000


@pytest.mark.parametrize("benchmarks", [{}, {"piqa": -0.1}], ids=["none probed", "piqa"])
def test_the_rule_names_no_limit_of_what_nobody_measured(benchmarks: dict[str, float]) -> None:
    epoch = TRIALS[0].epochs[0].model_copy(update={"probe_benchmarks": benchmarks})
    said = rule(SearchSpec(), metric="accuracy", trials=[TRIALS[0].model_copy(update={"epochs": [epoch]})])
    assert "cross-entropy on general text up by 0.5 nats a token" in said
    assert ("accuracy on 24 items of a gated benchmark down by 25 points" in said) == bool(benchmarks)


def test_a_gated_benchmark_that_no_probe_asked_about_is_told(resolved: Resolved) -> None:
    finished, _ = searched(resolved)
    assert _probe_warnings(fake_setup(resolved), finished) == []
    lost = [
        one.model_copy(update={"epochs": [epoch.model_copy(update={"probe_benchmarks": {}}) for epoch in one.epochs]})
        for one in finished.trials
    ]
    (told,) = _probe_warnings(fake_setup(resolved), replace(finished, trials=lost))
    assert told.startswith("arithmetic was not probed after the epochs: a probe leaves out benchmarks whose answers")
    unprobed = [
        one.model_copy(update={"epochs": [epoch.model_copy(update={"probe": None}) for epoch in one.epochs]})
        for one in lost
    ]
    assert _probe_warnings(fake_setup(resolved), replace(finished, trials=unprobed)) == [], "nothing was to be probed"


REFUSED = [
    ("search.objectives=[cost]", "begins with cost; needs metric first", "objectives=[metric, cost]"),
    ("search.objectives=[metric, cost, cost]", "names cost twice", "objectives=[metric, cost]"),
    ("search.objectives=[metric, speed]", "is 'speed'; needs one of metric, forgetting, cost", "objectives"),
    ("search.tied=0.01", "names metric alone; tied is about several", "objectives: [metric, forgetting]"),
    ("search={objectives: [metric, cost], sampler: cmaes}", "which knows one objective", "sampler=tpe"),
    ("search={objectives: [metric, cost], pruner: hyperband}", "pruners know one objective", "pruner=none"),
    ("search.forgets.cross_entropy=0", "needs more than 0", "cross_entropy=0.5"),
    ("gates.seeds=4", "is artifact, the one adapter that was chosen; seeds are those of a recipe", "scope: recipe"),
    ("gates={scope: recipe, seeds: 2}", "is 2; needs at least 3", "seeds=3"),
]


@pytest.mark.parametrize(("override", "words", "fix"), REFUSED)
def test_what_does_not_go_together_is_told_with_a_fix(root: Path, override: str, words: str, fix: str) -> None:
    assert_one_line(failure(override), f"--set {override}", words, fix)
