"""What planning must hold to, whatever the results are."""

from pathlib import Path

import pytest
from fake_world import FakeSampler, FakeWorld, fake_setup
from workspace import make_workspace, swap

from harness.loading import Resolved, load_experiment
from harness.plan import family_champions
from harness.plan.build import data_step
from harness.plan.setup import Benchmark
from harness.steps import Step
from harness.why import reason_missing


@pytest.fixture
def resolved(tmp_path: Path) -> Resolved:
    return load_experiment(make_workspace(tmp_path))


def by_rank(step: Step, world: FakeWorld) -> float:
    rank = world.trial_rank(step)
    return 0.3 if rank is None else rank / 10


def test_nothing_that_selects_can_reach_a_test_item(resolved: Resolved) -> None:
    world = FakeWorld(by_rank)
    world.reach(fake_setup(resolved))
    names = [step.stage for step in world.log]
    sealed = names.index("testset")
    selecting = world.log[:sealed]
    # The base model's benchmark comes early so that it fails early; nothing that selects needs it.
    assert {step.stage for step in selecting} == {"data", "predict", "score", "train", "probe", "forgetting"}
    assert {step.inputs["half"] for step in selecting if step.stage == "probe"} == {"search"}
    assert not any(world.done[key].stage == "forgetting" for step in selecting for key in step.needs.values())
    assert all("testset" not in step.needs and step.inputs.get("split") != "test" for step in selecting)
    assert not any(step.stage == "train" for step in world.log[sealed:])


def test_test_answers_come_after_the_lock_and_the_last_choice(resolved: Resolved) -> None:
    world = FakeWorld(by_rank)
    finished = world.reach(fake_setup(resolved))
    order = [step.stage + ":" + str(step.inputs.get("split", "")) for step in world.log]
    assert order.index("lock:") < order.index("predict:test")
    lock = next(step for step in world.log if step.stage == "lock")
    assert finished.testset is not None
    assert lock.inputs["test_sha256"] == finished.testset.summary["hashes"]["test"]


def test_the_lock_names_all_that_the_verdict_rests_on(resolved: Resolved) -> None:
    world = FakeWorld(by_rank)
    finished = world.reach(fake_setup(resolved))
    locked = next(place for place, step in enumerate(world.log) if step.stage == "lock")
    lock = world.log[locked]
    assert finished.judgement is not None
    assert finished.judgement.needs == {**lock.inputs["rests_on"], "lock": lock.key}
    made = {step.key for step in world.log[:locked]}
    assert {role for role, key in lock.inputs["rests_on"].items() if key in made} == {"base:arithmetic"}


def lock_key(spec: Path, *overrides: str, weights: str = "2" * 64, bench: str = "arithmetic") -> str:
    setup, world = fake_setup(load_experiment(spec, overrides=overrides)), FakeWorld(by_rank, weights=weights)
    setup.benchmarks["arithmetic"] = Benchmark({"lm_eval": bench}, None, None)
    world.reach(setup)
    return next(step.key for step in world.log if step.stage == "lock")


def test_a_lock_is_of_champions_not_of_their_names(tmp_path: Path) -> None:
    spec = make_workspace(tmp_path)
    key = lock_key(spec)
    assert lock_key(spec) == key
    assert lock_key(spec, "report.examples=3") == key
    swap(tmp_path, "baselines/few_shot.yaml", "name: two", "name: deux")
    assert lock_key(spec) == key
    others = {
        lock_key(spec, "gates.alpha=0.1"),
        lock_key(spec, "gates.planned_looks=2"),
        lock_key(spec, "model.answer_batch_size=3"),
        lock_key(spec, weights="3" * 64),
        lock_key(spec, bench="other"),
    }
    swap(tmp_path, "tasks/qa/task.yaml", "with one name", "with one word")
    others.add(lock_key(spec))
    swap(tmp_path, "tasks/qa/metrics.py", "len(p) == len(r)", "len(p) <= len(r)")
    others.add(lock_key(spec))
    assert len(others - {key}) == 7


def test_the_best_epoch_of_the_best_trial_is_judged(resolved: Resolved) -> None:
    world = FakeWorld(by_rank)
    finished = world.reach(fake_setup(resolved))
    best = max(finished.trials, key=lambda trial: trial.value or 0)
    assert finished.champions["tuned"] == f"tuned/trial-{best.number}"
    assert finished.tuned is not None
    adapter = world.done[finished.tuned.answers.needs["adapter"]]
    assert (adapter.inputs["params"]["rank"], adapter.inputs["epoch"]) == (best.params["rank"], 1)


def test_every_family_sends_its_best_variant(resolved: Resolved) -> None:
    world = FakeWorld(lambda step, world: 0.9 if world.answers_of(step).inputs.get("rule") == "copy" else 0.2)
    setup = fake_setup(resolved)
    finished = world.reach(setup, goal="baselines")
    winners = family_champions(setup, finished.baselines)
    assert winners["trivial"].arm.name == "trivial/copy"
    assert set(winners) == {family.family for family in resolved.families}


def test_a_killed_run_does_exactly_the_missing_steps(resolved: Resolved) -> None:
    calm, rough = FakeWorld(by_rank), FakeWorld(by_rank)
    whole = calm.reach(fake_setup(resolved))
    while not rough.reach(fake_setup(resolved), at_most=3).done:
        pass
    assert [step.key for step in rough.log] == [step.key for step in calm.log]
    assert rough.reach(fake_setup(resolved)).trials == whole.trials


def test_a_failed_trial_is_recorded_and_survived(resolved: Resolved) -> None:
    def fails(step: Step) -> str:
        return "loss became nan" if step.stage == "train" and step.inputs["params"]["rank"] == 8 else ""

    finished = FakeWorld(by_rank, fails=fails).reach(fake_setup(resolved))
    assert [(trial.status, trial.error) for trial in finished.trials] == [
        ("complete", ""),
        ("failed", "loss became nan"),
    ]
    assert finished.champions["tuned"] == "tuned/trial-0"


def test_when_every_trial_fails_nothing_tuned_is_judged(resolved: Resolved) -> None:
    world = FakeWorld(by_rank, fails=lambda step: "out of memory" if step.stage == "train" else "")
    finished = world.reach(fake_setup(resolved))
    assert finished.done
    assert finished.judgement is None
    assert set(finished.champions) == {family.family for family in resolved.families}


def test_without_a_tuned_champion_no_test_item_is_spent(resolved: Resolved) -> None:
    setup = fake_setup(resolved)
    world = FakeWorld(by_rank, fails=lambda step: "out of memory" if step.stage == "train" else "")
    world.reach(setup)
    assert not any(step.inputs.get("split") == "test" for step in world.log)
    assert setup.ledger.lines() == ()


def test_a_pruned_trial_trains_no_further_epoch(resolved: Resolved) -> None:
    world = FakeWorld(by_rank)
    finished = world.reach(fake_setup(resolved, sampler=FakeSampler(stop_below=0.5)), goal="search")
    assert [(trial.status, len(trial.epochs)) for trial in finished.trials] == [("pruned", 1), ("complete", 2)]


@pytest.mark.parametrize(
    ("override", "redone"),
    [
        ("gates.alpha=0.1", {"lock", "judge"}),
        ("report.examples=3", set()),
        ("gates.metrics.exact_match.floor=0.3", {"lock", "judge"}),
        ("search.weight_decay=0.02", {"train", "predict", "score", "probe", "lock", "judge", "forgetting"}),
    ],
)
def test_an_edit_repeats_only_what_depends_on_it(tmp_path: Path, override: str, redone: set[str]) -> None:
    spec = make_workspace(tmp_path)
    world = FakeWorld(by_rank)
    world.reach(fake_setup(load_experiment(spec)))
    before = len(world.log)
    world.reach(fake_setup(load_experiment(spec, overrides=[override])))
    assert {step.stage for step in world.log[before:]} == redone


def test_paths_titles_and_machines_are_no_identity(resolved: Resolved) -> None:
    step = data_step(fake_setup(resolved))
    moved = Step(step.stage, step.inputs, step.needs, {"path": "/elsewhere"}, "other words")
    assert moved.key == step.key
    assert Step(step.stage, {**step.inputs, "seed": 7}, step.needs).key != step.key


def test_why_names_the_field_that_changed(resolved: Resolved) -> None:
    class Stored:
        def __init__(self, world: FakeWorld) -> None:
            self.every = world.done.values

    world = FakeWorld(by_rank)
    world.reach(fake_setup(resolved))
    trained = next(step for step in world.log if step.stage == "train")
    changed = Step("train", {**trained.inputs, "seed": 9}, trained.needs)
    assert reason_missing(changed, Stored(world)) == "seed: 0 → 9"  # type: ignore[arg-type]


def test_a_second_verdict_on_the_same_test_items_is_counted(tmp_path: Path) -> None:
    spec = make_workspace(tmp_path)
    world = FakeWorld(by_rank)

    def uses() -> list[int]:
        return [step.inputs["prior_uses_of_test_set"] for step in world.log if step.stage == "judge"]

    world.reach(fake_setup(load_experiment(spec)))
    world.reach(fake_setup(load_experiment(spec)))
    assert uses() == [0]
    world.reach(fake_setup(load_experiment(spec, overrides=["gates.alpha=0.2"])))
    world.reach(fake_setup(load_experiment(spec, overrides=["search.seed=5"])))
    assert uses() == [0, 1, 2]
    again = FakeWorld(by_rank)
    again.reach(fake_setup(load_experiment(spec, overrides=["gates.alpha=0.2"])))
    assert [step.inputs["prior_uses_of_test_set"] for step in again.log if step.stage == "judge"] == [1]


def test_a_base_model_answers_a_benchmark_once_for_all_experiments(tmp_path: Path) -> None:
    spec, world = make_workspace(tmp_path), FakeWorld(by_rank)
    world.reach(fake_setup(load_experiment(spec)))
    swap(tmp_path, "experiments/first.yaml", "task: qa", "task: mood")
    swap(
        tmp_path,
        "experiments/first.yaml",
        "    exact_match: {floor: 0.2}\n  rouge: {floor: 0.1}",
        "    accuracy: {floor: 0.2}",
    )
    before = len(world.log)
    world.metrics = ("accuracy", "macro_f1")
    world.reach(fake_setup(load_experiment(spec)))
    again = [step for step in world.log[before:] if step.stage == "forgetting"]
    assert len(again) == 1
    assert "adapter" in again[0].needs, "only the new adapter is measured"
