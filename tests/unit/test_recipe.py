"""A verdict on a recipe rests on further seeds, which chose nothing and are trained before the test set is met."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_world import FakeWorld, fake_setup
from test_judge_stage import ITEMS, Bench, inputs, row
from workspace import make_workspace

from harness.loading import Resolved, load_experiment
from harness.plan import Plan
from harness.report.caveats import headline
from harness.report.effort import efforts
from harness.report.seal import without_test_scores
from harness.steps import Step

SHAPE = {"recipe": {"seeds": 3}}


@pytest.fixture
def resolved(tmp_path: Path) -> Resolved:
    return load_experiment(make_workspace(tmp_path), overrides=["gates.scope=recipe"])


def by_rank(step: Step, world: FakeWorld) -> float:
    rank = world.trial_rank(step)
    return 0.3 if rank is None else rank / 10


def reached(resolved: Resolved, **world: object) -> tuple[Plan, FakeWorld]:
    made = FakeWorld(by_rank, **world)  # type: ignore[arg-type]
    return made.reach(fake_setup(resolved)), made


def test_the_champion_is_trained_with_further_seeds_before_the_lock(resolved: Resolved) -> None:
    finished, world = reached(resolved)
    trained = [step for step in world.log if step.stage == "train"]
    # Two trials of two epochs; the champion's first epoch, the earliest of equals, three times more.
    assert [step.inputs["seed"] for step in trained] == [0, 0, 0, 0, 1, 2, 3]
    assert {step.inputs["params"]["rank"] for step in trained[4:]} == {8}
    stages = [step.stage for step in world.log]
    assert max(i for i, stage in enumerate(stages) if stage == "train") < stages.index("lock")
    tested = [step.inputs.get("split") for step in world.log]
    assert stages.index("lock") < tested.index("test")
    assert [scored.arm.name for scored in finished.seeds] == [f"tuned/trial-1/seed:{i}" for i in (1, 2, 3)]
    assert len({scored.answers.needs["adapter"] for scored in finished.seeds}) == 3


def test_the_lock_fixes_every_seed_and_the_verdict_rests_on_all(resolved: Resolved) -> None:
    finished, world = reached(resolved)
    lock = next(step for step in world.log if step.stage == "lock")
    assert lock.inputs["recipe"] == {"seeds": 3}
    assert finished.judgement is not None
    assert finished.judgement.inputs["recipe"] == {"seeds": 3}
    roles = {role for role in finished.judgement.needs if role.startswith("seed:")}
    assert roles == {"seed:1", "seed:2", "seed:3"}
    assert finished.judgement.needs == {**lock.inputs["rests_on"], "lock": lock.key}
    assert without_test_scores(finished).seeds == []


def test_a_lock_on_an_artifact_is_what_it_was_before_there_were_recipes(tmp_path: Path) -> None:
    _, world = reached(load_experiment(make_workspace(tmp_path)))
    lock = next(step for step in world.log if step.stage == "lock")
    assert "recipe" not in lock.inputs
    assert lock.inputs["weights_sha256"] == world.weights


def test_further_seeds_are_no_effort_of_choosing(tmp_path: Path) -> None:
    def trained(*overrides: str) -> int:
        resolved = load_experiment(make_workspace(tmp_path), overrides=overrides)
        finished, world = reached(resolved)
        return efforts(fake_setup(resolved), finished, find=world.find).sides[1].tokens_trained

    assert trained("gates.scope=recipe") == trained() == 400


def test_a_seed_that_fails_leaves_the_others(resolved: Resolved) -> None:
    def fails(step: Step) -> str:
        return "loss became nan" if "further seed 2" in step.title else ""

    finished, _ = reached(resolved, fails=fails)
    assert finished.judgement is not None
    assert {role for role in finished.judgement.needs if role.startswith("seed:")} == {"seed:1", "seed:3"}


def bench_of(folder: Path, *right: float, prompt: float = 0.5) -> Bench:
    """A champion that is right on every item, and seeds that are right on so many of them."""
    made = Bench(folder)
    made.arm("tuned", [row(i, 1.0) for i in range(ITEMS)])
    made.arm("beats:zero_shot", [row(i, float(i < prompt * ITEMS)) for i in range(ITEMS)])
    made.answers(*["Rome."] * ITEMS)
    for place, share in enumerate(right):
        made.arm(f"seed:{place + 1}", [row(i, float(i < share * ITEMS)) for i in range(ITEMS)])
    return made


def test_seeds_that_agree_prove_the_recipe(tmp_path: Path) -> None:
    found = bench_of(tmp_path, 0.9, 0.91, 0.9).judged(**SHAPE)
    condition = found["conditions"][0]
    assert found["verdict"] == "FINE_TUNE"
    assert condition["test"] == "recipe_satterthwaite"
    assert condition["effect"] == pytest.approx((0.9 + 0.91 + 0.9) / 3 - 0.5)
    assert condition["se_seeds"] > 0


def test_a_champion_whose_seeds_scatter_proves_no_recipe(tmp_path: Path) -> None:
    found = bench_of(tmp_path, 0.99, 0.5, 0.6).judged(**SHAPE)
    assert found["verdict"] == "INCONCLUSIVE"


def test_a_seed_that_failed_is_wrong_everywhere(tmp_path: Path) -> None:
    found = bench_of(tmp_path, 0.9, 0.9).judged(**SHAPE)
    assert found["conditions"][0]["effect"] == pytest.approx(0.6 - 0.5)
    assert found["verdict"] == "INCONCLUSIVE"
    assert found["conditions"][0]["warnings"] == [f"{ITEMS} outputs missing, counted as wrong"]


def headline_of(
    tmp_path: Path, *, seeds: list[float], fails: Callable[[Step], str] = lambda step: ""
) -> tuple[str, dict[str, Any]]:
    """Headline and judgement of a recipe whose best prompt is right on 70 % of the items."""
    resolved = load_experiment(make_workspace(tmp_path / "workspace"), overrides=["gates.scope=recipe"])
    finished, _ = reached(resolved, fails=fails)
    (tmp_path / "bench").mkdir()
    judged = bench_of(tmp_path / "bench", *seeds, prompt=0.7).judged(**SHAPE)
    best = finished.tested["zero_shot"]
    return headline(fake_setup(resolved), finished, judged=judged, metric="exact match", best=best), judged


def test_the_headline_counts_a_seed_that_failed_as_the_verdict_does(tmp_path: Path) -> None:
    said, judged = headline_of(tmp_path, seeds=[0.8, 0.8], fails=lambda step: "nan" * ("further seed 2" in step.title))
    gap = "-16.7 points of exact match (1 of 3 seeds failed, counted as wrong) against the best prompt"
    assert gap in said
    assert f"{100 * judged['conditions'][0]['effect']:+.1f}" == "-16.7"


def test_the_headline_of_a_recipe_whose_seeds_all_failed_is_not_the_champions_own(tmp_path: Path) -> None:
    said, _ = headline_of(tmp_path, seeds=[], fails=lambda step: "nan" * ("further seed" in step.title))
    assert said.startswith("Keep prompting: -70.0 points of exact match (3 of 3 seeds failed, counted as wrong)")


def test_the_headline_of_seeds_that_were_all_trained_is_their_mean(tmp_path: Path) -> None:
    said, _ = headline_of(tmp_path, seeds=[0.9, 0.91, 0.9])
    assert said == "Fine-tune: +20.3 points of exact match against the best prompt, and every gate is proven."


def test_a_verdict_on_the_artifact_does_not_see_seeds(tmp_path: Path) -> None:
    assert bench_of(tmp_path, 0.1, 0.1, 0.1).judged()["verdict"] == "FINE_TUNE"
    assert "recipe" not in inputs()
