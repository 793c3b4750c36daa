"""Right specs load with everything they name; `--set` changes them and is blamed for its own mistakes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from workspace import assert_one_line, failure, swap, write

from harness.errors import UserError
from harness.loading import load_experiment, model_folder, source_path

FIRST = "experiments/first.yaml"
CODE = "tasks/qa/metrics.py"


def test_loads_everything_an_experiment_names(root: Path) -> None:
    found = load_experiment(Path(FIRST))
    assert (found.name, found.root, found.task_dir) == ("first", root, root / "tasks/qa")
    assert found.experiment.model.name == "sample"
    assert found.experiment.search.space.learning_rate == (1e-4, 1e-3)
    assert found.task.data.splits.model_dump() | {"train": 6, "seed": 3} == found.task.data.splits.model_dump()
    assert [family.family for family in found.families] == ["trivial", "zero_shot", "few_shot", "engineered"]
    assert found.engineered_prompt.startswith("You know every capital.")
    assert found.benchmarks == {"arithmetic": root / "tasks/forgetting/arithmetic.yaml"}
    assert found.metric_code == {"metrics.py:same_length": (root / CODE).read_text()}


def test_loads_from_elsewhere_with_absolute_places(
    root: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert load_experiment(root / FIRST).where("search") == f"{root / FIRST}:4:1"
    assert_one_line(failure("task=zzz", path=str(root / FIRST)), "--set task=zzz", "known tasks: mood, qa")


def test_an_unlisted_benchmark_is_left_to_lm_eval(root: Path) -> None:
    swap(root, FIRST, "benchmark: arithmetic", "benchmark: arc_easy")
    assert load_experiment(Path(FIRST)).benchmarks == {"arc_easy": None}


def test_where_finds_the_nearest_ancestor_and_the_override(root: Path) -> None:
    found = load_experiment(Path(FIRST), overrides=["search.trials=4", "report.examples=1"])
    assert found.where("model", "name") == f"{FIRST}:2:8"
    assert found.where("search", "space", "rank", 1) == f"{FIRST}:7:15"
    assert found.where("search", "pruner") == f"{FIRST}:4:1"
    assert found.where("search", "trials") == "--set search.trials=4"
    assert found.where("report") == "--set report.examples=1"
    assert found.where() == f"{FIRST}:1:1"


def test_empty_sections_mean_defaults_and_keys_are_text(root: Path) -> None:
    write(root, FIRST, "task: qa\nmodel:\nsearch:\ngates: \ndata:\n  rename: {True: yes, 0: no}\n  splits:\n")
    found = load_experiment(Path(FIRST))
    assert (found.experiment.search.trials, found.experiment.model.name) == (10, "sample")
    assert found.task.data.rename == {"True": "yes", "0": "no"}
    assert found.task.data.splits.train == 8


def test_anchors_are_fine(root: Path) -> None:
    swap(root, FIRST, "rank: [4, 8]", "rank: &list [4, 8]\n    epochs: *list")
    assert load_experiment(Path(FIRST)).experiment.search.space.epochs == [4, 8]


def test_overrides_win_and_make_what_is_missing(root: Path) -> None:
    overrides = [
        "search.trials=8",
        "search.space.rank.1=64",
        "model.dtype=float32",
        "report.examples=3",
        'gates.metrics."metrics.py:same_length".floor=.1',
        "gates.metrics.exact_match={floor: 0.5}",
        "gates.rouge=",
        "data.splits.test=4",
        "search.trials=9",
    ]
    found = load_experiment(Path(FIRST), overrides=overrides)
    experiment = found.experiment
    assert (experiment.search.trials, experiment.search.space.rank) == (9, [4, 64])
    assert (experiment.model.name, experiment.model.dtype) == ("sample", "float32")
    assert {name: gate.floor for name, gate in experiment.gates.metrics.items()} == {
        "exact_match": 0.5,
        "metrics.py:same_length": 0.1,
    }
    assert experiment.gates.rouge is None
    assert (found.task.data.splits.train, found.task.data.splits.test) == (6, 4)


def test_an_override_mends_the_file(root: Path) -> None:
    swap(root, FIRST, "trials: 2", "trials: 0")
    assert load_experiment(Path(FIRST), overrides=["search.trials=3"]).experiment.search.trials == 3


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("search.trils=3", ["search.trils is not a known key", "did you mean trials?"]),
        ("search.trials=0", ["search.trials is 0; needs at least 1", "Fix: --set search.trials=10"]),
        ("search.trials", ["not key.path=value"]),
        ("=3", ["not key.path=value"]),
        ("search..trials=3", ["not key.path=value"]),
        ("search.trials=[1", ["the value is not YAML: a bracket that never closes"]),
        ("search.trials={a: 1, a: 2}", ["the value: key 'a' is already set"]),
        ("search.trials.deep=3", ["search.trials is 2; it has nothing inside"]),
        ("baselines.9=x", ["baselines is a list of 4; it has no item 9", "count from 0 to 3"]),
        ("baselines.0=x", ["unknown baseline family 'x'"]),
        ("model=gpt2", ["unknown model 'gpt2'"]),
        ("model=5", ["needs text", '"5"']),
        ("model.revision=12", ["model.revision is 12; needs text", "--set 'model.revision=\"12\"'"]),
        ("search.micro_batch_size=3", ["needs a divisor of batch_size, 8"]),
        ("gates.forgetting=[{margin: 0.1}]", ["gates.forgetting.0.benchmark is missing"]),
        ("gates.metrics.rogueL.floor=0.1", ["unknown metric 'rogueL'", "did you mean rougeL?"]),
        ("gates.format={regex: '('}", ["gates.format.regex is no regular expression", "position 1"]),
        ("gates.format={}", ["gates.format needs exactly one of regex, json_schema and labels"]),
        ("gates.format={labels: true}", ["needs a task of kind label; qa is of kind generation"]),
        ("gates.format={json_schema: {type: 3}}", ["gates.format.json_schema is no JSON Schema"]),
        ("gates.format={json_schema: {$ref: 'http://x.y/z'}}", ["refers to http://x.y/z; nothing is fetched"]),
        ("gates.latency={seconds: 0}", ["gates.latency.seconds is 0; needs more than 0"]),
        ("gates.forgetting=[{benchmark: piqa, margin: 1e-200}]", ["margin is 1e-200; needs at least 0.000001"]),
        (
            "gates.ships={forms: [merged], margin: 0}",
            ["gates.ships.margin is 0; needs more than 0 (at least 0.000001)"],
        ),
        ("gates.format={json_schema: {$ref: '#/a'}}", ["gates.format.json_schema refers to #/a, which is not in it"]),
        ("gates.planned_looks=101", ["gates.planned_looks is 101; needs at most 100"]),
        ("gates.alpha=1e-307", ["gates.alpha is 1e-307; needs at least 0.000001"]),
        ("gates.ships={forms: [mergd]}", ["needs one of merged, merged_nf4", "gates.ships.forms.0=merged"]),
        ("gates.slices=[{column: a},{column: a}]", ["gates.slices names 'a' twice"]),
        ("gates.planned_looks=0", ["gates.planned_looks is 0; needs at least 1"]),
        ("data.source=gone.csv", ["data.source is 'gone.csv'", "no such file"]),
        ("data.splits.train=0", ["data.splits.train is 0"]),
    ],
)
def test_a_wrong_override_is_placed_at_the_override(root: Path, override: str, words: list[str]) -> None:
    assert_one_line(failure(override), f"--set {override}", *words)


def test_sources(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(root))
    data = root / "tasks/qa/data.jsonl"
    for text in ("tasks/qa/data.jsonl", "./tasks/../tasks/qa/data.jsonl", str(data), "~/tasks/qa/data.jsonl"):
        assert source_path(text, root=root) == data
    assert source_path("hub:owner/name", root=root) is None
    packaged = source_path("package:pydantic/main.py", root=root)
    assert packaged is not None
    assert packaged.name == "main.py"
    for wrong in (
        "",
        "a\0b",
        "hub:",
        "hub:a/b/c",
        "package:pydantic",
        "package:pydantic/../os.py",
        "~nobody-here/x",
    ):
        with pytest.raises(UserError):
            source_path(wrong, root=root)


def test_models(root: Path) -> None:
    write(root, "models/tiny/config.json", "{}")
    assert model_folder("sample", root=root) is None
    assert model_folder("owner/name-1.5", root=root) is None
    for text in ("models/tiny", "./models/tiny", str(root / "models/tiny")):
        assert model_folder(text, root=root) == root / "models/tiny"
    for wrong in ("", "gpt2", "a/b/c", "./models/none", "/nowhere", "models", "../x"):
        with pytest.raises(UserError):
            model_folder(wrong, root=root)


def test_label_tasks_may_score_labels(root: Path) -> None:
    write(root, FIRST, "task: mood\ngates: {metrics: {accuracy: {floor: 0.5}}}\n")
    assert load_experiment(Path(FIRST)).task.labels == ["good", "bad"]


def test_specs_survive_json(root: Path) -> None:
    found = load_experiment(Path(FIRST))
    for spec in (found.experiment, found.task, *found.families):
        assert type(spec).model_validate(json.loads(spec.model_dump_json())) == spec


def test_loading_imports_nothing_heavy() -> None:
    heavy = "torch transformers datasets numpy pandas"
    code = f"import sys, harness.loading; assert not set('{heavy}'.split()) & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
