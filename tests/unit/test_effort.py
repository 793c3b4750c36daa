"""What choosing cost: per family, per side, and told where one side got far less than the other."""

from dataclasses import replace
from pathlib import Path
from string import ascii_letters

import pytest
from fake_world import FakeWorld, fake_setup
from test_plan import by_rank
from workspace import make_workspace, swap, write

from harness.loading import load_experiment
from harness.report.document import Effort
from harness.report.effort import Efforts, efforts
from harness.specs import ApiSpec
from harness.store import Artifact

API = "api: {url: 'http://localhost:1/v1', model: m, usd_per_million_in: 2.0, usd_per_million_out: 10.0}\nvariants:"
FEW = "{instruction: [engineered], shots: [0, 2], choose: [bm25], order: [0]}"
SEARCH = f"search: {{trials: 1, budget: equal, space: {FEW}}}\nvariants:"


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    return make_workspace(tmp_path)


def counted(spec: Path, *overrides: str) -> Efforts:
    setup, world = fake_setup(load_experiment(spec, overrides=overrides)), FakeWorld(by_rank)
    return efforts(setup, world.reach(setup), find=world.find)


def numbers(effort: Effort) -> tuple[int, int, int, int]:
    return effort.configurations, effort.tokens_in, effort.tokens_out, effort.tokens_trained


def test_every_family_and_both_sides_are_counted(spec: Path) -> None:
    found = counted(spec)
    # Two trials of two epochs, each answered once; a prompt's answers read 10 tokens and write 5.
    assert {row.family: numbers(row) for row in found.families} == {
        "trivial": (2, 20, 10, 0),
        "zero_shot": (2, 20, 10, 0),
        "few_shot": (1, 10, 5, 0),
        "engineered": (1, 10, 5, 0),
    }
    assert [(row.side, row.family, *numbers(row)) for row in found.sides] == [
        ("prompting", None, 6, 60, 30, 0),
        ("tuning", None, 2, 40, 20, 400),
    ]
    assert found.seconds["tuning"] == 8.0
    assert found.seconds["families"]["zero_shot"] == 2.0
    assert all(row.dollars is None for row in [*found.sides, *found.families])


def test_finished_artifacts_count_like_new_ones(spec: Path) -> None:
    setup, world = fake_setup(load_experiment(spec)), FakeWorld(by_rank)
    first = efforts(setup, world.reach(setup), find=world.find)
    before = len(world.log)
    again = efforts(setup, world.reach(setup), find=world.find)
    assert len(world.log) == before
    assert again == first


def test_the_side_that_got_less_than_half_is_named(spec: Path) -> None:
    assert counted(spec).notes == [
        "Prompting got 20% of the tokens of tuning; “budget: equal” in a family's search evens it."
    ]
    assert counted(spec, "search.trials=1").notes == [
        "Prompting got 39% of the tokens of tuning; “budget: equal” in a family's search evens it."
    ]
    swap(spec.parents[1], "experiments/first.yaml", "engineered]", "engineered, optimised]")
    texts = ", ".join(["plain", *(f'"{letter}: {{input}}"' for letter in ascii_letters[:30])])
    one = "shots: [0], seed: [0], order: [0], layout: [turns]"
    many = f"search: {{trials: 31, space: {{instruction: [{texts}], {one}}}}}"
    write(spec.parents[1], "baselines/optimised.yaml", f"family: optimised\ndescription: Searched.\n{many}\n")
    shared, uneven = counted(spec, "search.trials=1").notes
    assert shared == "Answers that two families share count in both rows, and once in the sum."
    assert uneven == "Tuning got 43% of the tokens of prompting; more search.trials even it."
    assert counted(spec, "search.trials=3").notes == [shared]


def test_a_family_that_tried_all_it_could_is_told(spec: Path) -> None:
    swap(spec.parents[1], "baselines/few_shot.yaml", "variants:", SEARCH)
    note = counted(spec).notes[-1]
    assert note.endswith("of the tokens of tuning; few_shot tried every prompt of the space.")


def test_only_models_behind_an_api_cost_dollars(spec: Path) -> None:
    swap(spec.parents[1], "baselines/zero_shot.yaml", "variants:", API)
    found = counted(spec)
    assert {row.family: row.dollars for row in found.families if row.dollars is not None} == {"zero_shot": 0.00014}
    assert [row.dollars for row in found.sides] == [0.00014, None]
    spec_of_api = ApiSpec(url="http://localhost:1/v1", model="m", usd_per_million_in=2.0, usd_per_million_out=10.0)
    assert spec_of_api.dollars(tokens_in=1_000_000, tokens_out=100_000) == 3.0


def test_what_an_optimiser_tried_and_read_counts_for_the_arm_it_wrote(spec: Path) -> None:
    setup, world = fake_setup(load_experiment(spec)), FakeWorld(by_rank)
    plan = world.reach(setup)
    summary = {"candidates": 5, "tokens_in": 3_000, "tokens_out": 200}
    artifact = Artifact("optimise-1", "optimise", Path("nowhere"), {}, {}, {}, summary, seconds=30.0)
    world.done[artifact.key] = artifact
    arms = [
        replace(one, arm=replace(one.arm, written_by=artifact.key)) if one.arm.family == "few_shot" else one
        for one in plan.baselines
    ]
    found = efforts(setup, replace(plan, baselines=arms), find=world.find)
    row = next(row for row in found.families if row.family == "few_shot")
    assert numbers(row) == (1 + 4, 3_010, 205, 0)
    assert numbers(found.sides[0]) == (6 + 4, 3_060, 230, 0)
    assert found.seconds["families"]["few_shot"] == 31.0
