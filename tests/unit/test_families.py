"""Each prompt family sends the variant that is best on validation, and only that, to the exam."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_world import FakeWorld, fake_setup
from workspace import failure, make_workspace, write

from harness.extras import install_command
from harness.loading import Resolved, load_experiment
from harness.loading.baselines import LIKELIEST
from harness.loading.optimisers import EXTRA
from harness.plan import family_champions
from harness.plan.arms import described, prompt_arms, prompt_of
from harness.prompts import PromptConfig
from harness.report.effort import efforts
from harness.specs import VariantSpec
from harness.steps import Step

FAMILIES = {
    "zero_shot": [
        "{name: plain}",
        "{name: terse, pattern: 'Terse: {input}'}",
        "{name: twin, pattern: 'Twin: {input}'}",
    ],
    "few_shot": ["{name: two, shots: 2}", "{name: four, shots: 4}", "{name: six, shots: 6, seed: 1}"],
    "engineered": [
        "{name: long, prompt: engineered}",
        "{name: role, system: You know it.}",
        "{name: bare, pattern: 'Bare: {input}'}",
    ],
}
LEARNT = PromptConfig(template="Learnt: {input}", shots=2, shot_ids=("t1", "t0"))
Marks = Callable[[dict[str, Any]], bool]
"""Whether an arm's inputs are those of a certain variant."""


def family(name: str, variants: list[str], *, more: str = "") -> str:
    listed = "".join(f"  - {variant}\n" for variant in variants)
    return f"family: {name}\ndescription: Planted.\n{more}" + (f"variants:\n{listed}" if variants else "")


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = make_workspace(tmp_path)
    for name, variants in FAMILIES.items():
        write(tmp_path, f"baselines/{name}.yaml", family(name, variants))
    write(tmp_path, "baselines/optimised.yaml", family("optimised", [], more="dspy: {optimizer: gepa, calls: 50}\n"))
    return path


def loaded(spec: Path, *names: str) -> Resolved:
    return load_experiment(spec, overrides=[f"baselines=[{', '.join(names)}]", "gates.allow_underpowered=true"])


class World(FakeWorld):
    """A fake world whose optimiser writes `LEARNT`."""

    def _summary(self, step: Step) -> dict[str, Any]:
        if step.stage == "optimise":
            cost = {"calls": 50, "candidates": 7, "tokens_in": 1000, "tokens_out": 200}
            return {"prompt": LEARNT.model_dump(mode="json"), **cost}
        return super()._summary(step)


def planted(best: Marks, *, elsewhere: float = 0.2) -> World:
    def score(step: Step, world: FakeWorld) -> float:
        inputs = world.answers_of(step).inputs
        return 0.9 if "prompt" in inputs and best(inputs["prompt"]) else elsewhere

    return World(score)


BEST = {
    "zero_shot/terse": lambda prompt: prompt["template"].startswith("Terse"),
    "zero_shot/twin": lambda prompt: prompt["template"].startswith("Twin"),
    "few_shot/four": lambda prompt: prompt["shots"] == 4,
    "few_shot/six": lambda prompt: prompt["seed"] == 1,
    "engineered/role": lambda prompt: prompt["system"] is not None,
    "engineered/bare": lambda prompt: prompt["template"].startswith("Bare"),
}


@pytest.mark.parametrize("name", list(BEST))
def test_the_champion_of_a_family_is_its_best_variant(spec: Path, name: str) -> None:
    setup = fake_setup(loaded(spec, *FAMILIES))
    finished = planted(BEST[name]).reach(setup, goal="baselines")
    winners = family_champions(setup, finished.baselines)
    assert winners[name.split("/")[0]].arm.name == name


def test_of_equals_the_first_is_champion(spec: Path) -> None:
    setup = fake_setup(loaded(spec, *FAMILIES, "optimised"))
    finished = planted(lambda prompt: False).reach(setup, goal="baselines")
    winners = {name: scored.arm.name for name, scored in family_champions(setup, finished.baselines).items()}
    assert winners == {
        "zero_shot": "zero_shot/plain",
        "few_shot": "few_shot/two",
        "engineered": "engineered/long",
        "optimised": "optimised/dspy_gepa",
    }


def test_each_family_sends_one_champion_to_the_exam(spec: Path) -> None:
    setup = fake_setup(loaded(spec, *FAMILIES, "optimised"))
    world = planted(lambda prompt: prompt["shots"] == 4 or prompt["template"].startswith(("Twin", "Bare")))
    finished = world.reach(setup)
    assert {name: scored.arm.name for name, scored in finished.tested.items()} == {
        "zero_shot": "zero_shot/twin",
        "few_shot": "few_shot/four",
        "engineered": "engineered/bare",
        "optimised": "optimised/dspy_gepa",
    }
    exam = [step for step in world.log if step.stage == "predict" and step.inputs["split"] == "test"]
    assert len([step for step in exam if "adapter" not in step.needs]) == 4


def test_an_optimised_prompt_that_is_best_beats_the_variants_that_were_listed(tmp_path: Path, spec: Path) -> None:
    more = "dspy: {optimizer: miprov2}\n"
    write(tmp_path, "baselines/optimised.yaml", family("optimised", ["{name: plain}"], more=more))
    setup = fake_setup(loaded(spec, "optimised"))
    finished = planted(lambda prompt: prompt == LEARNT.model_dump(mode="json")).reach(setup)
    assert finished.champions["optimised"] == "optimised/dspy_miprov2"
    assert finished.tested["optimised"].arm.prompt == LEARNT


def test_an_optimiser_is_given_no_test_item_and_comes_before_they_are_sealed(spec: Path) -> None:
    world = planted(lambda prompt: False)
    world.reach(fake_setup(loaded(spec, "optimised")))
    names = [step.stage for step in world.log]
    (step,) = [step for step in world.log if step.stage == "optimise"]
    assert set(step.needs) == {"data"}
    assert world.done[step.needs["data"]].stage == "data"
    assert "test" not in str(step.inputs.get("split", ""))
    assert names.index("optimise") < names.index("testset")


def test_what_an_optimiser_spent_counts_as_effort_of_prompting(spec: Path) -> None:
    world = planted(lambda prompt: False)
    setup = fake_setup(loaded(spec, "zero_shot", "optimised"))
    prompting = efforts(setup, world.reach(setup, goal="baselines"), find=world.find).sides[0]
    arms = len(FAMILIES["zero_shot"]) + 1
    assert (prompting.tokens_in, prompting.tokens_out) == (1000 + 10 * arms, 200 + 5 * arms)
    assert prompting.configurations == len(FAMILIES["zero_shot"]) + 7


@pytest.mark.parametrize(
    ("old", "new", "repeated"),
    [
        ("calls: 50", "calls: 60", True),
        ("Planted.", "Planted prompts.", False),
    ],
)
def test_an_optimisation_is_repeated_only_for_what_it_depends_on(
    tmp_path: Path, spec: Path, old: str, new: str, repeated: bool
) -> None:
    world = planted(lambda prompt: False)
    world.reach(fake_setup(loaded(spec, "optimised")))
    path = tmp_path / "baselines/optimised.yaml"
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
    world.reach(fake_setup(loaded(spec, "optimised")))
    assert len([step for step in world.log if step.stage == "optimise"]) == 1 + repeated


def test_a_label_task_takes_the_optimised_prompt_in_both_ways(tmp_path: Path, spec: Path) -> None:
    text = spec.read_text("utf-8").replace("task: qa", "task: mood").split("gates:")[0]
    write(tmp_path, "experiments/first.yaml", text)
    setup = fake_setup(loaded(spec, "optimised"))
    world = planted(lambda prompt: False)
    world.metrics = ("accuracy", "macro_f1")
    finished = world.reach(setup, goal="baselines")
    names = [scored.arm.name for scored in finished.baselines]
    assert names == ["optimised/dspy_gepa", f"optimised/dspy_gepa{LIKELIEST}"]
    (step,) = [step for step in world.log if step.stage == "optimise"]
    assert "labels" not in step.inputs, "it is optimised as it is first asked: written"
    assert step.inputs["score"]["labels"] == ["good", "bad"]
    assert step.inputs["instruction"] == "Is the mood one of good, bad?"


def test_a_missing_extra_is_told_where_it_is_asked_for(
    tmp_path: Path, spec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.loading.optimisers.EXTRA", f"no-{EXTRA}")
    (line,) = failure("baselines=[optimised]", path=str(spec))
    assert line.startswith(f"{tmp_path}/baselines/optimised.yaml:3:1: ")
    assert line.endswith(f"Fix: {install_command('dspy')}")


def test_a_variant_cannot_take_the_optimisers_name(tmp_path: Path, spec: Path) -> None:
    more = "dspy: {optimizer: gepa}\n"
    write(tmp_path, "baselines/optimised.yaml", family("optimised", ["{name: dspy_gepa}"], more=more))
    (line,) = failure("baselines=[optimised]", path=str(spec))
    assert "optimised.yaml:5:12: variants.0.name is 'dspy_gepa'" in line


@pytest.mark.parametrize(
    ("labels", "definitions", "said"),
    [
        ([], {}, ["Do it.", "{input}"]),
        (["a", "b"], {}, ["Do it.", "One of: a, b", "{input}"]),
        (["a", "b"], {"b": "second"}, ["Do it.", "One of: a, b", "b: second", "{input}"]),
    ],
)
def test_lines_about_labels_are_left_out_where_a_task_says_nothing_of_them(
    spec: Path, labels: list[str], definitions: dict[str, str], said: list[str]
) -> None:
    resolved = load_experiment(spec)
    task = resolved.task.model_copy(update={"definitions": definitions, "instruction": "Do it."})
    pattern = "{instruction}\nOne of: {labels}\n{definitions}\n{input}"
    variant = VariantSpec(name="listed", pattern=pattern)
    prompt = prompt_of(variant, resolved=replace(resolved, task=task), labels=labels)
    assert prompt.template.split("\n") == said


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({}, "“Is it {input}?”"),
        ({"seed": 2, "order": 3, "layout": "text"}, "“Is it {input}?”"),
        ({"shots": 1}, "1 shot, “Is it {input}?”"),
        ({"shots": 2, "seed": 1}, "2 shots, seed 1, “Is it {input}?”"),
        ({"shots": 2, "order": 3, "layout": "text"}, "2 shots, in one message, order 3, “Is it {input}?”"),
        ({"shots": 2, "choose": "bm25", "seed": 1}, "2 shots similar by bm25, “Is it {input}?”"),
        ({"shots": 2, "shot_ids": ("b", "a")}, "2 shots chosen by an optimiser (b, a), “Is it {input}?”"),
        ({"passages": 1, "system": "Be\nbrief."}, "1 passage, system message “Be brief.”, “Is it {input}?”"),
        ({"system": "x" * 91}, f"system message “{'x' * 90}…”, “Is it {{input}}?”"),
    ],
)
def test_a_prompt_is_described_in_a_line(fields: dict[str, Any], line: str) -> None:
    assert described(PromptConfig(template="Is it\n{input}?", **fields), by_likelihood=False) == line


def test_the_shipped_families_have_no_two_arms_of_one_description() -> None:
    resolved = load_experiment(Path(__file__).parents[2] / "experiments" / "quickstart.yaml", overrides=[])
    lines = [arm.description for arm in prompt_arms(resolved, labels=[])]
    assert len(lines) > 10
    assert len(set(lines)) == len(lines)
