"""An earlier version is found by its folder or by its experiment, and whatever is wrong with it is one message."""

import json
from pathlib import Path
from typing import Any

import pytest
from fake_world import FakeModel, FakeWorld, fake_setup
from workspace import EXPERIMENT, assert_one_line, failure, make_workspace, swap, write

from harness.canonical import file_digest
from harness.cli.main import status
from harness.errors import UserError
from harness.loading import load_experiment
from harness.plan import build
from harness.plan.setup import FamilyFiles, Setup
from harness.previous import base_remarks, previous_versions
from harness.report.caveats import _previous_warnings
from harness.steps import Step
from harness.store import Store

LAST = "baselines/last.yaml"
FAMILY = "family: last\ndescription: What runs today.\nprevious: models/old\nvariants: [{name: plain}]\n"
CONFIG = {"peft_type": "LORA", "bias": "none", "base_model_name_or_path": "someone/base", "init_lora_weights": True}
RUN_AGAIN = "Fix: harness run experiments/earlier.yaml"


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with a family whose earlier version is a folder."""
    found = make_workspace(tmp_path)
    monkeypatch.chdir(tmp_path)
    write(tmp_path, LAST, FAMILY)
    write(tmp_path, "models/old/adapter_config.json", json.dumps(CONFIG))
    write(tmp_path, "models/old/adapter_model.safetensors", b"weights")
    write(tmp_path, "experiments/earlier.yaml", EXPERIMENT)
    swap(tmp_path, "experiments/first.yaml", "few_shot, ", "few_shot, last, ")
    return found


def of_run(root: Path, name: str = "earlier") -> None:
    swap(root, LAST, "models/old", f"experiment:{name}")


def trained(root: Path, *, quantization: str | None = None, fingerprint: str = "f" * 64, data: bool = True) -> str:
    """The key of a training step in the store, with the data it needs."""
    store = Store(root / ".harness" / "store")
    rows = Step("data", {"rows": fingerprint})
    model = {"fingerprint": fingerprint, "dtype": "float32", "quantization": quantization}
    step = Step("train", {"model": model, "method": "lora"}, needs={"data": rows.key})
    for wanted in [rows, step] if data else [step]:
        with store.workspace(wanted.key) as folder:
            for name in ("adapter_config.json", "adapter_model.safetensors", "train.jsonl"):
                (folder / name).write_text(name)
            store.commit(wanted, path=folder, summary={}, seconds=1, provenance={})
    return step.key


def reported(root: Path, key: str, **more: Any) -> None:
    """The report of the earlier experiment, as far as it matters here."""
    file = root / ".harness" / "store" / key / "adapter_model.safetensors"
    winner = {"key": key, "weights": file_digest(file) if file.exists() else "0"}
    report = {"champion": "tuned/trial-1", "model": "someone/base", "provenance": {"winner": winner}, **more}
    write(root, "reports/earlier/report.json", json.dumps(report))


def found(root: Path, *, model: Any = None) -> FamilyFiles:
    resolved = load_experiment(root / "experiments/first.yaml")
    return previous_versions(resolved, store=Store(root / ".harness" / "store"), model=model or FakeModel())["last"]


def message(root: Path, *, model: Any = None) -> str:
    with pytest.raises(UserError) as caught:
        found(root, model=model)
    assert str(caught.value).startswith(f"{LAST}:3:11: previous is 'experiment:earlier': ")
    return str(caught.value)


@pytest.mark.parametrize("absolute", [False, True])
def test_a_folder_is_known_by_its_bytes(spec: Path, tmp_path: Path, absolute: bool) -> None:
    if absolute:
        swap(tmp_path, LAST, "models/old", str(tmp_path / "models" / "old"))
    one = found(tmp_path)
    assert one.adapter is not None
    assert one.adapter.path == str(tmp_path / "models" / "old")
    assert set(one.adapter.identity) == {"adapter_config.json", "adapter_model.safetensors"}
    assert (one.quantization, one.seen) == (None, None)
    write(tmp_path, "models/old/adapter_model.safetensors", b"others")
    assert found(tmp_path).adapter != one.adapter


@pytest.mark.parametrize("quantization", [None, "nf4"])
def test_a_run_stands_by_its_winner(spec: Path, tmp_path: Path, quantization: str | None) -> None:
    key = trained(tmp_path, quantization=quantization)
    reported(tmp_path, key)
    of_run(tmp_path)
    one = found(tmp_path)
    assert one.adapter is not None
    assert one.adapter.path == str(tmp_path / ".harness" / "store" / key)
    assert one.quantization == quantization
    assert one.seen is not None
    assert one.seen.startswith("data-")


def test_an_earlier_version_answers_with_its_adapter(spec: Path, tmp_path: Path) -> None:
    reported(tmp_path, trained(tmp_path, quantization="nf4"))
    of_run(tmp_path)
    setup, one = fake_setup(load_experiment(spec)), found(tmp_path)
    world = FakeWorld(lambda step, world: 0.9 if "adapter" in world.answers_of(step).inputs else 0.2)
    done = world.reach(Setup(**{**vars(setup), "families": {"last": one}}))
    assert done.champions["last"] == "last/plain"
    assert one.adapter is not None
    mine = [step for step in world.log if step.inputs.get("adapter") == one.adapter.identity]
    assert [step.inputs["split"] for step in mine] == ["validation", "test"]
    assert all(step.local["adapter"] == one.adapter.path for step in mine)
    assert all(step.inputs["model"]["quantization"] == "nf4" for step in mine)
    sealed = next(step for step in world.log if step.stage == "testset")
    assert sealed.needs["seen:last"] == one.seen


@pytest.mark.parametrize("known", [False, True])
def test_a_version_of_unknown_training_is_a_warning(spec: Path, tmp_path: Path, known: bool) -> None:
    reported(tmp_path, trained(tmp_path, data=known))
    of_run(tmp_path)
    setup = fake_setup(load_experiment(spec))
    said = _previous_warnings(Setup(**{**vars(setup), "families": {"last": found(tmp_path)}}))
    expected = "last: what this earlier version was trained on is not known; test items among it would flatter it."
    assert said == ([] if known else [expected])


@pytest.mark.parametrize(
    ("previous", "words"),
    [
        ("models/new", ["previous is 'models/new': no such folder", "experiment:NAME"]),
        ("models", ["the folder holds no adapter_config.json"]),
        ("../old", ["leads out of the workspace"]),
        ("experiment:earlierr", ["there is no experiments/earlierr.yaml", "did you mean earlier?"]),
        ("experiment:zzz", ["there is no experiments/zzz.yaml", "known experiments: earlier"]),
        ("experiment:first", ["this is the experiment itself"]),
        ("experiment:", ["'experiment:': no experiment is named", "known experiments: earlier"]),
    ],
)
def test_a_wrong_name_is_placed_where_it_stands(spec: Path, tmp_path: Path, previous: str, words: list[str]) -> None:
    swap(tmp_path, LAST, "previous: models/old", f'previous: "{previous}"')
    assert_one_line(failure(), f"{LAST}:3:11", *words)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"adapter_model.safetensors": None}, ["the folder holds no adapter_model.safetensors"]),
        (
            {"adapter_model.safetensors": None, "adapter_model.bin": "x"},
            ["pickled, which is not read", "save it again"],
        ),
        ({"adapter_config.json": "{"}, ["its adapter_config.json cannot be read"]),
        ({"adapter_config.json": "[]"}, ["its adapter_config.json is no JSON object"]),
        ({"adapter_config.json": "{}"}, ["its peft_type is empty; needs a LoRA adapter"]),
        (
            {"adapter_config.json": '{"peft_type": "IA3"}'},
            ["its peft_type is 'IA3'", "Fix: train it again as a LoRA adapter"],
        ),
        (
            {"adapter_config.json": '{"peft_type": "LORA", "modules_to_save": ["lm_head"]}'},
            ["its modules_to_save is a list", "leaves the base model's own weights alone", "without modules_to_save"],
        ),
        (
            {"adapter_config.json": '{"peft_type": "LORA", "init_lora_weights": "pissa"}'},
            ["its init_lora_weights is 'pissa'", "with init_lora_weights=True"],
        ),
        ({"adapter_config.json": '{"peft_type": "LORA", "bias": "all"}'}, ["its bias is 'all'", "with bias='none'"]),
    ],
)
def test_a_folder_that_cannot_serve_is_one_line(
    spec: Path, tmp_path: Path, files: dict[str, str | None], words: list[str]
) -> None:
    for name, text in files.items():
        file = tmp_path / "models" / "old" / name
        file.unlink() if text is None else file.write_text(text)
    assert_one_line(failure(), f"{LAST}:3:11", "previous is 'models/old': ", *words)


def test_a_run_that_did_not_end_is_named(spec: Path, tmp_path: Path) -> None:
    of_run(tmp_path)
    assert message(tmp_path).endswith(f"that experiment was not run to its end yet. {RUN_AGAIN}")
    write(tmp_path, "reports/earlier/report.json", "{")
    assert "earlier/report.json cannot be read" in message(tmp_path)
    write(tmp_path, "reports/earlier/report.json", "[]")
    assert "earlier/report.json is no report" in message(tmp_path)


def test_a_run_without_a_winner_is_named(spec: Path, tmp_path: Path) -> None:
    of_run(tmp_path)
    reported(tmp_path, "train-0", champion=None)
    assert "that run has no winner: every trial of its search failed. Fix: name another" in message(tmp_path)
    reported(tmp_path, "train-0", provenance={"artifacts": {}})
    assert "its report does not say which adapter won; it is of an earlier version" in message(tmp_path)


def test_an_adapter_that_is_gone_or_is_another_is_named(spec: Path, tmp_path: Path) -> None:
    of_run(tmp_path)
    reported(tmp_path, "train-0")
    what = "its winning adapter, train-0, is no longer in the store"
    assert f"{what}. {RUN_AGAIN}; what is missing is trained again" in message(tmp_path)
    reported(tmp_path, trained(tmp_path))
    file = tmp_path / "reports" / "earlier" / "report.json"
    report = json.loads(file.read_text())
    report["provenance"]["winner"]["weights"] = "1"
    file.write_text(json.dumps(report))
    assert "the adapter in the store is not the one that its report is about" in message(tmp_path)


def test_an_adapter_of_another_base_model_is_refused(spec: Path, tmp_path: Path) -> None:
    of_run(tmp_path)
    reported(tmp_path, trained(tmp_path, fingerprint="a" * 64))
    what = "it was trained on another base model, someone/base; this experiment's is fake"
    assert f"{what}. Fix: name an adapter of the same base model" in message(tmp_path)


@pytest.mark.parametrize(
    ("name", "folder", "fits"),
    [
        ("someone/base", "models--x/snapshots/1", True),
        ("Someone/Base", "models--x/snapshots/1", True),
        ("someone/other", "models--x/snapshots/1", False),
        ("someone/other", "somewhere/here", True),
        ("sample", "models--x/snapshots/1", True),
    ],
)
def test_a_folders_base_is_known_by_name_only_between_hub_ids(
    spec: Path, tmp_path: Path, name: str, folder: str, fits: bool
) -> None:
    model = FakeModel(name=name, path=Path(folder))
    if fits:
        assert found(tmp_path, model=model).adapter is not None
        return
    with pytest.raises(UserError, match="another base model, someone/base; this experiment's is someone/other"):
        found(tmp_path, model=model)


@pytest.mark.parametrize(
    ("base", "model", "told"),
    [
        ("someone/base", "someone/base", False),
        ("/models/base", "someone/Base", False),
        ("/hub/models--someone--base/snapshots/0a1b", "someone/base", False),
        ("HuggingFaceTB/SmolLM2-135M-Instruct", "sample", False),
        ("HuggingFaceTB/SmolLM2-135M", "sample", True),
        ("someone/base", "someone/other", True),
        ("", "someone/other", False),
    ],
)
def test_another_name_of_the_base_model_is_remarked_on(base: str, model: str, told: bool) -> None:
    found = base_remarks({"last": FamilyFiles(base=base), "few_shot": FamilyFiles()}, model=model)
    said = f"last: its adapter_config.json says it was trained on {base}, and this experiment's model is {model}; "
    assert [remark.startswith(said) for remark in found] == [True] * told


def test_check_and_report_tell_of_another_base_model(
    spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "last: its adapter_config.json says it was trained on someone/base, and this experiment's model is sample"
    setup = fake_setup(load_experiment(spec))
    warned = _previous_warnings(Setup(**{**vars(setup), "families": {"last": found(tmp_path)}}))
    assert warned[-1].startswith(said)
    write(tmp_path, "tasks/forgetting/arithmetic.yaml", "task: arithmetic\n")
    assert status(["check", str(spec), "--json"]) == 0
    assert any(remark.startswith(said) for remark in json.loads(capsys.readouterr().out)["data"]["remarks"])


def test_check_says_that_the_earlier_run_is_missing(
    spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of_run(tmp_path)
    assert status(["check", str(spec)]) == 2
    assert "that experiment was not run to its end yet" in " ".join(capsys.readouterr().err.split())


def test_further_data_of_an_earlier_version_is_searched_for_test_items_too(spec: Path, tmp_path: Path) -> None:
    of_run(tmp_path)
    store, key = Store(tmp_path / ".harness" / "store"), trained(tmp_path)
    rows, text = Step("further", {"rows": "replay"}), Step("further", {"rows": "text"})
    first = Step("train", {"phase": "text"}, needs={"text": text.key})
    last = Step(
        "train",
        dict(store.get(key).inputs),
        needs={"data": store.get(key).needs["data"], "replay": rows.key, "previous": first.key},
    )
    for wanted in (rows, text, first, last):
        with store.workspace(wanted.key) as folder:
            for name in ("adapter_config.json", "adapter_model.safetensors"):
                (folder / name).write_text(name)
            store.commit(wanted, path=folder, summary={}, seconds=1, provenance={})
    reported(tmp_path, last.key)
    found = previous_versions(load_experiment(spec), store=store)["last"]
    assert found.learnt == (rows.key, text.key)
    setup = fake_setup(load_experiment(spec))
    sealed = build.testset_step(
        Setup(**{**vars(setup), "families": {"last": found}}), data="data-1", prompts=[], further={}
    )
    assert {sealed.needs["learnt:last:0"], sealed.needs["learnt:last:1"]} == {rows.key, text.key}
