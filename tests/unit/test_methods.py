"""The table of methods: each has its space and its configuration, and what does not fit it is refused at once."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from fake_world import FakeWorld, fake_setup
from workspace import assert_one_line, failure, make_workspace, swap, write

from harness import prepare
from harness.adapters import study, tunable
from harness.adapters.methods import CONFIGS
from harness.adapters.tunable import Tuning, why_not
from harness.cli.checking import check_command
from harness.errors import UserError
from harness.loading import load_experiment
from harness.methods import METHODS, MethodName, trained_params
from harness.previous import previous_versions
from harness.specs import SearchSpec, SpaceSpec
from harness.steps import Step
from harness.store import Store
from harness.trained import trained_files, weights_hash
from harness.wording import configuration

NAMES: tuple[MethodName, ...] = get_args(MethodName)
README = Path(__file__).parents[2] / "README.md"
FIRST = "experiments/first.yaml"


def test_every_method_has_a_row_a_configuration_and_a_line_in_the_readme() -> None:
    assert set(METHODS) == set(NAMES) == set(CONFIGS) | {"full"}
    told = README.read_text("utf-8")
    assert [name for name in NAMES if f"| `{name}` |" not in told] == []


@pytest.mark.parametrize("method", NAMES)
def test_a_trial_gets_what_its_method_trains_with(method: MethodName) -> None:
    for sampler in ("tpe", "random", "grid"):
        spec = SearchSpec(method=method, sampler=sampler)
        params = study.suggested(spec, history=[], number=0, metric="m")
        assert set(trained_params(method)) <= params.keys() <= {*trained_params(method), "alpha_over_rank"}
        low, high = METHODS[method].learning_rate
        assert low <= params["learning_rate"] <= high
    assert set(METHODS[method].varies) <= SpaceSpec.model_fields.keys()


def test_lora_keeps_its_space() -> None:
    space = {"rank": [8, 16, 32, 64], "learning_rate": (1e-5, 2e-3), "epochs": [1, 2, 3, 4, 5]}
    assert SearchSpec().varied == {
        **space,
        "alpha_over_rank": [2.0],
        "dropout": (0, 0.1),
        "target_modules": ["all-linear"],
    }
    assert list(SearchSpec().varied)[:3] == list(space), "samplers draw in this order"


@pytest.mark.parametrize("method", NAMES)
def test_the_field_says_the_learning_rates_of_every_method(method: MethodName) -> None:
    told = " ".join((SpaceSpec.model_fields["learning_rate"].description or "").split())
    low, high = (f"{end:.0e}".replace("e-0", "e-") for end in METHODS[method].learning_rate)
    whose = told.split(f"{low} to {high} for ")[1].split(" to ")[0]
    assert f"`{method}`" in whose


def test_a_grid_is_that_of_the_method() -> None:
    space = SpaceSpec(rank=[4, 8], epochs=[1, 2], virtual_tokens=[8, 16, 32], dropout=(0.0, 0.0))
    sizes = {method: SearchSpec(method=method, space=space).grid_size for method in ("lora", "ia3", "prefix")}
    assert sizes == {"lora": 2 * 2 * 4, "ia3": 2 * 4, "prefix": 3 * 2 * 4}
    fixed = space.model_copy(update={"learning_rate": (1e-3, 1e-3)})
    assert SearchSpec(method="ia3", space=fixed).grid_size == 2


def test_what_sets_trials_apart_is_said_in_a_few_words() -> None:
    assert configuration({"rank": 32, "alpha": 64, "learning_rate": 1.8e-3}) == "rank 32, lr 0.0018"
    assert configuration({"virtual_tokens": 16, "learning_rate": 1e-2}) == "16 virtual tokens, lr 0.01"
    assert configuration({"learning_rate": 3e-5}) == "lr 3e-05"


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("ia3", ["search.space.rank is [4, 8]; ia3 has nothing of the kind", "leave rank out, or search.method: lora"]),
        ("prompt", ["search.space.rank is [4, 8]; prompt has nothing of the kind"]),
    ],
)
def test_a_setting_that_the_method_does_not_have_is_one_message(root: Path, method: str, words: list[str]) -> None:
    swap(root, FIRST, "  trials: 2", f"  method: {method}\n  trials: 2")
    assert_one_line(failure(), f"{FIRST}:8:5", *words)
    swap(root, FIRST, "    rank: [4, 8]\n", "")
    assert load_experiment(root / FIRST).experiment.search.method == method


def test_learnt_tokens_are_not_of_lora(root: Path) -> None:
    lines = failure("search.space.virtual_tokens=[8]")
    assert_one_line(lines, "--set search.space.virtual_tokens=[8]", "lora has nothing", "search.method: prefix")


def without_rank(root: Path) -> None:
    swap(root, FIRST, "    rank: [4, 8]\n", "")


@pytest.mark.parametrize("method", ["prefix", "prompt"])
def test_what_stands_before_a_prompt_cannot_be_merged(root: Path, method: str) -> None:
    without_rank(root)
    swap(root, FIRST, "  trials: 2", f"  method: {method}\n  trials: 2")
    swap(root, FIRST, "  alpha: 0.05", "  ships: {forms: [merged]}")
    assert_one_line(failure(), f"{FIRST}:10:3", "gates.ships is about merged weights", "search.method: lora")


def test_a_whole_model_is_not_saved_with_code_of_its_own(root: Path) -> None:
    without_rank(root)
    swap(root, FIRST, "model: sample", "model: {name: sample, trust_remote_code: true}")
    assert_one_line(failure("search.method=full"), f"{FIRST}:2:42", "saved without that code", "search.method: lora")


@pytest.mark.parametrize("method", ["qlora", "dora", "full", "prefix", "prompt", "ia3"])
def test_vllm_serves_lora_and_nothing_else(root: Path, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    monkeypatch.setattr(prepare, "checked_engine", lambda engine, where: None)
    overrides = ["model={engine: vllm}", f"search.method={method}", "search.space={learning_rate: [1e-3, 1e-2]}"]
    with pytest.raises(UserError, match=f"does not serve what search.method {method} trains") as caught:
        prepare.checked_engines(load_experiment(root / FIRST, overrides=overrides))
    assert "search.method: lora" in caught.value.fix
    prepare.checked_engines(load_experiment(root / FIRST, overrides=["model={engine: vllm}", "search.method=rslora"]))


def asked(folder: Path, method: MethodName, **settings: Any) -> Tuning:
    (folder / "config.json").write_text(json.dumps(settings))
    return Tuning(method, folder, [{"target_modules": "all-linear"}])


@pytest.mark.parametrize(
    ("method", "settings", "words"),
    [
        ("qlora", {"quantization_config": {"quant_method": "gptq"}}, "quantised already (gptq), and qlora quantises"),
        ("full", {"quantization_config": {"quant_method": "gptq"}}, "quantised already (gptq), and full trains"),
        ("prefix", {"layer_types": ["full_attention", "linear_attention"]}, "the model has layers of linear_attention"),
        ("prompt", {"layer_types": ["mamba"]}, "the model has layers of mamba"),
    ],
)
def test_what_a_model_s_configuration_forbids_is_refused(
    tmp_path: Path, method: MethodName, settings: dict[str, Any], words: str
) -> None:
    found = why_not(asked(tmp_path, method, **settings))
    assert found is not None
    assert words in found.what
    assert found.fix
    assert why_not(asked(tmp_path, "lora", **settings)) is None


def test_qlora_needs_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert why_not(asked(tmp_path, "qlora")) is None
    monkeypatch.setattr(tunable, "find_spec", lambda name: None)
    found = why_not(asked(tmp_path, "qlora"))
    assert found is not None
    assert "needs the package bitsandbytes" in found.what


def test_a_refusal_names_its_place(workspace: Path) -> None:
    without_rank(workspace)
    write(workspace, "model/config.json", '{"quantization_config": {"quant_method": "awq"}}')
    resolved = load_experiment(workspace / FIRST, overrides=["search.method=full"])
    with pytest.raises(UserError, match="quantised already") as caught:
        prepare.checked_method(resolved, folder=workspace / "model")
    assert caught.value.where == "--set search.method=full"


def test_the_trained_files_are_known_from_those_beside_them() -> None:
    adapter = {"adapter_config.json": "1", "adapter_model.safetensors": "2", "optimizer.safetensors": "3"}
    assert trained_files(adapter) == {"adapter_config.json": "1", "adapter_model.safetensors": "2"}
    assert weights_hash(adapter) == "2"
    whole = {"config.json": "1", "model.safetensors": "4", "optimizer.safetensors": "3", "tokenizer.json": "5"}
    assert trained_files(whole) == {"config.json": "1", "model.safetensors": "4"}
    assert weights_hash(whole) == "4"
    parts = {"model-00001-of-00002.safetensors": "6", "model-00002-of-00002.safetensors": "7"}
    changed = {**parts, "model-00002-of-00002.safetensors": "8"}
    assert weights_hash(parts) != weights_hash(changed)


class WholeModels(FakeWorld):
    """Every training leaves a model of its own."""

    def _files(self) -> dict[str, dict[str, str]]:
        return super()._files() | {"train": {"config.json": "0" * 64, "model.safetensors": self.weights}}


class PlainSampler:
    """Trials that have a learning rate and nothing else."""

    def suggested(self, spec: Any, *, history: Any, number: int, metric: str) -> dict[str, Any]:
        return {"learning_rate": 1e-4 / (number + 1), "epochs": 2}

    def should_stop(self, spec: Any, *, history: Any, running: Any, metric: str) -> bool:
        return False


def test_a_whole_model_is_locked_by_its_weights(tmp_path: Path) -> None:
    spec = make_workspace(tmp_path)
    swap(tmp_path, FIRST, "    rank: [4, 8]\n", "")
    resolved = load_experiment(spec, overrides=["search.method=full", "gates.allow_underpowered=true"])
    world = WholeModels(lambda step, world: 0.3, weights="7" * 64)
    done = world.reach(fake_setup(resolved, sampler=PlainSampler()))
    assert done.judgement is not None
    lock = next(step for step in world.log if step.stage == "lock")
    assert lock.inputs["weights_sha256"] == "7" * 64
    trained = next(step for step in world.log if step.stage == "train")
    assert trained.inputs["params"] == {"learning_rate": 1e-4, "epochs": 2}


def test_an_earlier_run_may_have_trained_a_whole_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = make_workspace(tmp_path)
    monkeypatch.chdir(tmp_path)
    write(
        tmp_path,
        "baselines/last.yaml",
        "family: last\ndescription: d\nprevious: experiment:earlier\nvariants: [{name: plain}]\n",
    )
    write(tmp_path, "experiments/earlier.yaml", "task: qa\n")
    swap(tmp_path, FIRST, "few_shot, ", "few_shot, last, ")
    store = Store(tmp_path / ".harness" / "store")
    step = Step(
        "train", {"model": {"fingerprint": "f", "quantization": None}, "method": "full"}, needs={"data": "data-0"}
    )
    with store.workspace(step.key) as folder:
        for name in ("config.json", "model.safetensors", "optimizer.safetensors"):
            (folder / name).write_text(name)
        store.commit(step, path=folder, summary={}, seconds=1, provenance={})
    weights = store.get(step.key).files["model.safetensors"]
    report = {"champion": "tuned/trial-0", "provenance": {"winner": {"key": step.key, "weights": weights}}}
    write(tmp_path, "reports/earlier/report.json", json.dumps(report))
    found = previous_versions(load_experiment(spec), store=store)["last"]
    assert found.adapter is not None
    assert set(found.adapter.identity) == {"config.json", "model.safetensors"}


def test_check_tells_what_whole_models_take_on_disk(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    without_rank(workspace)
    check_command(Path(FIRST), overrides=["search.method=full", "search.space.epochs=[2]"], json=True)
    needs = json.loads(capsys.readouterr().out)["needs"]
    parameters, epochs = 10 * 4 + 4 * 4, 2 * 2
    assert [row["bytes"] for row in needs if row["place"] == "disk"] == [12 * parameters * epochs]
