"""A reader is told which champions are one prompt, and of every arm which items did not fit its context."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_world import FakeWorld, fake_setup
from workspace import make_workspace, write

from harness.cli import running
from harness.loading import load_experiment
from harness.plan import Goal, Plan, family_champions
from harness.plan.setup import Setup
from harness.report.caveats import warnings
from harness.report.leaderboard import leaderboard
from harness.report.prompt_caveats import same_prompts, sentence, unfitting
from harness.report.tables import score_frame
from harness.steps import Step

PLAIN = "Q: {input}"
IDS = [f"item-{number}" for number in range(12)]


def family(name: str, *variants: str, more: str = "") -> str:
    return f"family: {name}\ndescription: Planted.\n{more}variants:\n" + "".join(f"  - {one}\n" for one in variants)


def loaded(tmp_path: Path, **families: str) -> Setup:
    spec = make_workspace(tmp_path)
    for name, text in families.items():
        write(tmp_path, f"baselines/{name}.yaml", text)
    return fake_setup(load_experiment(spec, overrides=[f"baselines=[trivial, {', '.join(families)}]"]))


class World(FakeWorld):
    """Prompts of two shots leave out all of `IDS` on validation; tuned models one item on either split."""

    def _summary(self, step: Step) -> dict[str, Any]:
        found = super()._summary(step)
        if step.stage == "predict" and step.inputs.get("prompt", {}).get("shots") == 2:
            found["truncated"] = IDS if step.inputs["split"] == "validation" else ["test-7"]
        if step.stage == "predict" and "adapter" in step.needs:
            found["truncated"] = [f"{step.inputs['split']}-9"]
        return found


def reached(tmp_path: Path, *, goal: Goal = "verdict") -> tuple[Setup, World, Plan]:
    two = family("few_shot", "{name: two, shots: 2}", "{name: three, shots: 2, seed: 1}")
    setup = loaded(tmp_path, zero_shot=family("zero_shot", "{name: plain}"), few_shot=two)
    world = World(lambda step, world: 0.5)
    return setup, world, world.reach(setup, goal=goal)


@pytest.mark.parametrize(
    ("variant", "more", "same"),
    [
        (f'{{name: again, pattern: "{PLAIN}"}}', "", True),
        (f'{{name: again, pattern: "{PLAIN} "}}', "", False),
        (f'{{name: again, pattern: "{PLAIN}", shots: 1}}', "", False),
        (f'{{name: again, pattern: "{PLAIN}", system: Be brief.}}', "", False),
        (
            f'{{name: again, pattern: "{PLAIN}"}}',
            'api: {url: "http://127.0.0.1:9/v1", model: m, key_env: null}\n',
            False,
        ),
    ],
)
def test_champions_that_are_one_prompt_are_named(tmp_path: Path, variant: str, more: str, same: bool) -> None:
    setup = loaded(
        tmp_path,
        zero_shot=family("zero_shot", f'{{name: plain, pattern: "{PLAIN}"}}'),
        engineered=family("engineered", variant, more=more),
    )
    plan = FakeWorld(lambda step, world: 0.5).reach(setup, goal="baselines")
    said = same_prompts(family_champions(setup, plan.baselines).values())
    words = "zero_shot/plain and engineered/again send the very same prompt to the same model"
    assert [words in one for one in said] == ([True] if same else [])


def test_one_label_prompt_in_two_ways_of_answering_is_two_contenders(tmp_path: Path) -> None:
    spec = make_workspace(tmp_path)
    for name, way in (("zero_shot", "generate"), ("engineered", "likelihood")):
        write(tmp_path, f"baselines/{name}.yaml", family(name, "{name: plain}", more=f"decoding: [{way}]\n"))
    families = "baselines=[trivial, zero_shot, engineered]"
    overrides = ["task=mood", families, "gates.metrics={}", "gates.rouge=null", "data.splits.train=null"]
    setup = fake_setup(load_experiment(spec, overrides=overrides))
    world = FakeWorld(lambda step, world: 0.5, metrics=("accuracy",))
    champions = family_champions(setup, world.reach(setup, goal="baselines").baselines)
    assert [one.arm.name for one in champions.values()][1:] == ["zero_shot/plain", "engineered/plain_by_likelihood"]
    assert same_prompts(champions.values()) == []


def test_the_report_tells_of_one_prompt_under_two_names(tmp_path: Path) -> None:
    plain = f'{{name: plain, pattern: "{PLAIN}"}}'
    setup = loaded(tmp_path, zero_shot=family("zero_shot", plain), engineered=family("engineered", plain))
    world = FakeWorld(lambda step, world: 0.5)
    found = warnings(setup, world.reach(setup), judged=None, store=world)  # type: ignore[arg-type]
    assert sum("one contender under 2 names" in text for text in found) == 1


def test_ten_items_are_named_and_the_others_counted() -> None:
    assert sentence("a/b", IDS, split="validation").endswith("item-8, item-9 and 2 more.")
    assert sentence("a/b", IDS[:10], split="test").endswith("item-8, item-9.")
    assert sentence("a/b", IDS[:1], split="test").startswith("a/b: 1 test item counted as wrong")


def test_the_report_names_what_did_not_fit_of_every_arm_on_either_split(tmp_path: Path) -> None:
    setup, world, plan = reached(tmp_path)
    found = [text for text in warnings(setup, plan, judged=None, store=world) if "context" in text]  # type: ignore[arg-type]
    assert [text.partition(" counted")[0] for text in found] == [
        "few_shot/two: 1 test item",
        "tuned/trial-0: 1 test item",
        "few_shot/two: 12 validation items",
        "few_shot/three: 12 validation items",
        "tuned (every trial): 1 validation item",
    ]


def test_a_sealed_report_names_no_test_item_that_did_not_fit(tmp_path: Path) -> None:
    setup, world, plan = reached(tmp_path)
    sealed = replace(plan, tested={}, tuned=None)
    found = warnings(setup, sealed, judged=None, store=world)  # type: ignore[arg-type]
    assert not any("test-7" in text or "test-9" in text for text in found)


def test_the_leaderboard_holds_every_item_that_did_not_fit(tmp_path: Path) -> None:
    _, world, plan = reached(tmp_path)
    rows = leaderboard(plan, frame=score_frame({}), metric="exact_match", store=world)  # type: ignore[arg-type]
    held = {row.arm: (row.truncated, row.truncated_test) for row in rows}
    assert held["few_shot/two"] == (IDS, ["test-7"])
    assert held["few_shot/three"] == (IDS, [])
    assert held["zero_shot/plain"] == ([], [])
    assert held["tuned/trial-0"] == (["validation-9"], ["test-9"])
    assert held["tuned/trial-1"] == (["validation-9"], [])


def test_baselines_names_what_did_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    setup, world, plan = reached(tmp_path, goal="baselines")
    monkeypatch.setattr(running, "_reached", lambda *args, **more: (setup, world, plan))
    monkeypatch.chdir(tmp_path)
    assert running.baselines_command(Path("x.yaml"), overrides=[], every=False, force=False, json=False) == 0
    told = capsys.readouterr().out
    assert unfitting(plan.baselines)
    assert all(line in told.splitlines() for line in unfitting(plan.baselines))
    assert "item-9 and 2 more" in told
    assert running.baselines_command(Path("x.yaml"), overrides=[], every=False, force=False, json=True) == 0
    assert capsys.readouterr().out.count('"item-11"') == 2
