"""A budget in tokens is refused, before any adapter is trained, where a server does not count them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fake_world import FakeWorld, fake_setup
from workspace import swap

from harness.loading import load_experiment
from harness.plan import Goal, Plan
from harness.steps import Step

SPACE = "{instruction: [plain, engineered], shots: [0, 2], choose: [bm25], order: [0], layout: [text]}"
REFUSAL = (
    "baselines/optimised.yaml:4:29: http://h/v1 does not report how many tokens an answer took, "
    "so budget: equal never ends. Fix: budget: trials"
)


@dataclass
class Silent(FakeWorld):
    """A world whose API does not count."""

    def _summary(self, step: Step) -> dict[str, Any]:
        uncounted = {"tokens_in": 0, "tokens_out": 0} if step.inputs.get("engine") == "openai" else {}
        return {**super()._summary(step), **uncounted}


@pytest.fixture
def family(root: Path) -> Path:
    """A family by API that searches."""
    swap(root, "experiments/first.yaml", "few_shot, engineered]", "optimised]")
    file = root / "baselines" / "optimised.yaml"
    api, search = "api: {url: http://h/v1, model: m}", f"{{trials: 1, budget: equal, space: {SPACE}}}"
    file.write_text(f"family: optimised\ndescription: Searched.\n{api}\nsearch: {search}\n", "utf-8")
    return root


def reached(world: FakeWorld, *, goal: Goal = "verdict") -> Plan:
    setup = fake_setup(load_experiment(Path("experiments/first.yaml")))
    return world.reach(setup, goal=goal)


def trained(world: FakeWorld) -> bool:
    return any(step.stage == "train" for step in world.log)


def test_an_equal_budget_needs_a_server_that_counts(family: Path) -> None:
    world = Silent(lambda step, world: 0.5)
    assert reached(world, goal="baselines").refusal is None
    plan = reached(world)
    assert str(plan.refusal) == REFUSAL
    assert plan.done
    assert not trained(world)
    swap(family, "baselines/optimised.yaml", "budget: equal", "budget: trials")
    assert reached(world).judgement is not None


@pytest.mark.parametrize("world", [FakeWorld, Silent])
def test_nothing_is_refused_where_tokens_are_counted_or_the_space_is_at_its_end(
    family: Path, world: type[FakeWorld]
) -> None:
    if world is Silent:
        swap(family, "baselines/optimised.yaml", "trials: 1", "trials: 9")
    assert reached(world(lambda step, world: 0.5)).judgement is not None
