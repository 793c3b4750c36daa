"""The shipped families of rules and of similar shots send their planted best, and plan what they depend on."""

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fake_world import FakeWorld, fake_setup
from workspace import make_workspace, swap, write

from harness import prepare, steps
from harness.errors import UserError
from harness.loading import Resolved, load_experiment
from harness.plan import build, family_champions
from harness.plan.arms import family_arms, prompt_arms, short_of_examples
from harness.plan.setup import FamilyFiles, Setup, Source
from harness.report.caveats import warnings
from harness.steps import Step

SHIPPED = Path(__file__).parents[2] / "baselines"
NAMES = ("trivial", "few_shot", "few_shot_retrieved")
EMBEDDED = """\
family: few_shot
description: Similar by meaning.
embedding_model: models/small
variants:
  - {name: near, shots: 2, choose: embedding}
  - {name: words, shots: 2, choose: bm25}
"""


def load(root: Path, *overrides: str) -> Resolved:
    spec = make_workspace(root)
    for name in NAMES:
        shutil.copy(SHIPPED / f"{name}.yaml", root / "baselines")
    return load_experiment(spec, overrides=[f"baselines=[{', '.join(NAMES)}]", *overrides])


def champions(setup: Setup, **planted: Any) -> dict[str, str]:
    """Family to champion where the answers that hold all of `planted` score best."""

    def score(step: Step, world: FakeWorld) -> float:
        inputs = world.answers_of(step).inputs
        found = {**inputs.get("prompt", {}), "rule": inputs.get("rule")}
        return 0.9 if all(found.get(name) == value for name, value in planted.items()) else 0.2

    finished = FakeWorld(score).reach(setup, goal="baselines")
    return {name: scored.arm.name for name, scored in family_champions(setup, finished.baselines).items()}


@pytest.mark.parametrize("rule", ["majority", "copy", "constant", "nearest"])
def test_the_best_rule_is_the_trivial_champion(tmp_path: Path, rule: str) -> None:
    assert champions(fake_setup(load(tmp_path)), rule=rule)["trivial"] == f"trivial/{rule}"


@pytest.mark.parametrize(("shots", "name"), [(3, "three_similar"), (8, "eight_similar")])
def test_the_best_number_of_similar_shots_is_the_champion(tmp_path: Path, shots: int, name: str) -> None:
    found = champions(fake_setup(load(tmp_path)), shots=shots, choose="bm25")
    assert found["few_shot_retrieved"] == f"few_shot_retrieved/{name}"
    assert found["few_shot"] == "few_shot/three_shots", "of equals the first"


@pytest.mark.parametrize(
    ("name", "planted"),
    [("eight_other_shots", {"shots": 8, "seed": 1}), ("eight_shots_shuffled", {"shots": 8, "order": 1})],
)
def test_the_best_choice_and_order_of_static_shots_is_the_champion(
    tmp_path: Path, name: str, planted: dict[str, int]
) -> None:
    assert champions(fake_setup(load(tmp_path)), **planted)["few_shot"] == f"few_shot/{name}"


def test_a_whole_run_with_similar_shots_touches_no_test_item_before_the_lock(tmp_path: Path) -> None:
    world = FakeWorld(lambda step, world: 0.3)
    assert world.reach(fake_setup(load(tmp_path))).done
    locked = next(place for place, step in enumerate(world.log) if step.stage == "lock")
    before = world.log[:locked]
    assert not any(step.inputs.get("split") == "test" for step in before)
    asked = [step for step in before if step.stage == "predict"]
    assert sum("retrieval" in step.inputs for step in asked) == 3, "two numbers of similar shots, and the nearest"
    assert all(set(step.needs) <= {"data", "adapter"} for step in asked)


def test_what_is_similar_depends_on_the_library_and_a_constant_on_its_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = fake_setup(load(tmp_path))
    arms = {arm.name: arm for arm in prompt_arms(setup.resolved, labels=[])}

    def keys(*names: str) -> list[str]:
        return [build.answer_step(setup, arms[name], split="validation", needs={}).key for name in names]

    similar, others = ("few_shot_retrieved/three_similar", "trivial/nearest"), ("few_shot/three_shots", "trivial/copy")
    before = keys(*similar), keys(*others)
    monkeypatch.setitem(steps.RETRIEVAL_LIBRARIES, "bm25", ("no-such-library",))
    after = keys(*similar), keys(*others)
    assert set(before[0]).isdisjoint(after[0])
    assert before[1] == after[1]
    constant = keys("trivial/constant")
    arms["trivial/constant"] = replace(arms["trivial/constant"], answer="x")
    assert keys("trivial/constant") != constant


def test_an_embedding_model_is_part_of_the_steps_that_choose_by_it(tmp_path: Path) -> None:
    spec = make_workspace(tmp_path)
    write(tmp_path, "models/small/modules.json", "[]")
    write(tmp_path, "models/small/model.safetensors", "x")
    write(tmp_path, "baselines/few_shot.yaml", EMBEDDED)
    resolved = load_experiment(spec)

    def planned(fingerprint: str) -> dict[str, Step]:
        files = FamilyFiles(embeddings=Source({"fingerprint": fingerprint}, "/somewhere"))
        setup = replace(fake_setup(resolved), families={"few_shot": files})
        arms = family_arms(resolved.families[2], resolved=resolved, labels=[])
        return {arm.name: build.answer_step(setup, arm, split="validation", needs={}) for arm in arms}

    one, other = planned("1"), planned("2")
    assert one["few_shot/near"].local["embeddings"] == "/somewhere"
    assert one["few_shot/near"].key != other["few_shot/near"].key
    assert one["few_shot/words"].key == other["few_shot/words"].key
    assert "embeddings" not in one["few_shot/words"].local


def test_an_embedding_model_is_its_bytes(tmp_path: Path) -> None:
    spec = make_workspace(tmp_path)
    write(tmp_path, "models/small/modules.json", '[{"path": "0_Static"}]')
    weights = write(tmp_path, "models/small/0_Static/model.safetensors", b"1")
    write(tmp_path, "baselines/few_shot.yaml", EMBEDDED)
    files = prepare.family_files(load_experiment(spec))
    assert set(files) == {"few_shot"}
    source = files["few_shot"].embeddings
    assert source is not None
    assert source.path == str(tmp_path / "models" / "small")
    write(tmp_path, "models/small/README.md", "words")
    assert prepare.family_files(load_experiment(spec)) == files
    weights.write_bytes(b"2")
    assert prepare.family_files(load_experiment(spec)) != files


def test_an_embedding_model_of_the_hub_is_looked_at_once_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = make_workspace(tmp_path)
    write(tmp_path, "baselines/few_shot.yaml", EMBEDDED.replace("models/small", "owner/name"))
    write(tmp_path, "cache/modules.json", "[]")
    write(tmp_path, "cache/pytorch_model.bin", "x")
    monkeypatch.setattr("harness.adapters.embeddings.downloaded", lambda *name, where: tmp_path / "cache")
    with pytest.raises(UserError) as caught:
        prepare.family_files(load_experiment(spec))
    assert str(caught.value).startswith("baselines/few_shot.yaml: embedding_model: owner/name: the embedding model has")
    assert "pickled weights are not read" in str(caught.value)


def test_a_hub_model_stays_at_the_commit_it_was_first_used_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def downloaded(name: str, revision: str | None, *, where: str) -> Path:
        asked.append((name, revision))
        folder = tmp_path / "hub" / "snapshots" / (revision or "abc")
        write(folder, "model.safetensors", "x")
        return folder

    spec = make_workspace(tmp_path)
    write(tmp_path, "baselines/few_shot.yaml", EMBEDDED.replace("models/small", "owner/name"))
    monkeypatch.setattr("harness.adapters.embeddings.downloaded", downloaded)
    prepare.family_files(load_experiment(spec))
    prepare.family_files(load_experiment(spec))
    assert asked == [("owner/name", None), ("owner/name", "abc")]


def test_more_shots_than_training_examples_are_told_once(tmp_path: Path) -> None:
    resolved = load(tmp_path)
    arms, families = prompt_arms(resolved, labels=[]), resolved.families
    assert short_of_examples(arms, train=8, families=families) == []
    [sentence] = short_of_examples(arms, train=6, families=families)
    assert "the 6 training examples" in sentence
    assert sentence.endswith("few_shot/eight_shots_shuffled, few_shot_retrieved/eight_similar.")
    [sentence] = short_of_examples(arms, train=2, families=families)
    assert sentence.endswith("few_shot/eight_shots_shuffled, and 2 more.")


def test_the_report_warns_of_prompts_that_ask_for_too_many_shots(tmp_path: Path) -> None:
    resolved = load(tmp_path)
    swap(tmp_path, "baselines/few_shot_retrieved.yaml", "shots: 8", "shots: 9")
    empty: Any = SimpleNamespace(find=lambda key: None, every=list)

    def told(resolved: Resolved) -> list[str]:
        setup = fake_setup(resolved)
        finished = FakeWorld(lambda step, world: 0.3).reach(setup)
        found = warnings(setup, finished, judged=None, store=empty)
        return [text for text in found if "more shots" in text]

    assert told(resolved) == []
    [warning] = told(load_experiment(resolved.path, overrides=["baselines=[few_shot_retrieved]"]))
    assert "the 8 training examples" in warning
    assert warning.endswith("few_shot_retrieved/eight_similar.")
