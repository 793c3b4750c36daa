"""What an error or a death tells of the machine, and what a person is told of it."""

from pathlib import Path

import pytest

from harness.errors import WorkerDied
from harness.runner.deaths import given_up, not_started
from harness.runner.faults import machine_broke, machine_fault
from harness.steps import Step

KILLED, CRASHED = WorkerDied(-9), WorkerDied(3)


class AcceleratorError(RuntimeError):
    """As torch calls what a GPU says."""


class OutOfMemoryError(RuntimeError):
    """As torch calls a GPU without room."""


def wrapped() -> Exception:
    """As transformers hands on what a package of it cannot import."""
    try:
        raise RuntimeError("Failed to import transformers.models") from ImportError("cannot import name")
    except RuntimeError as error:
        return error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ModuleNotFoundError("No module named 'x'"), "the installation is broken: ModuleNotFoundError: No module"),
        (wrapped(), "the installation is broken: ImportError: cannot import name. Fix: install"),
        (
            RuntimeError("CUDA error: device-side assert triggered\nmore"),
            "the GPU failed: RuntimeError: CUDA error: dev",
        ),
        (AcceleratorError("an illegal memory access was encountered"), "the GPU failed: AcceleratorError: an illegal"),
    ],
)
def test_a_machine_that_broke_says_nothing_of_the_step(error: Exception, told: str) -> None:
    assert machine_broke(error)
    assert str(machine_fault(error, stage="train", where="train-1")).startswith(f"train-1: {told}")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        AcceleratorError("CUDA error: out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
@pytest.mark.parametrize(
    ("stage", "fix"), [("predict", "set model.answer_batch_size: 1, use"), ("merge", "use a sm"), ("data", "end what")]
)
def test_memory_that_ran_out_is_told_with_what_helps_the_stage(error: Exception, stage: str, fix: str) -> None:
    assert not machine_broke(error)
    found = machine_fault(error, stage=stage, where="x")
    assert found is not None
    assert found.what.startswith("memory ran out: ")
    assert found.fix.startswith(fix)


def test_any_other_error_is_nobodys_fault_yet() -> None:
    for error in (KeyError("x"), RuntimeError("mat1 and mat2 shapes cannot be multiplied"), ValueError()):
        assert not machine_broke(error)
        assert machine_fault(error, stage="train", where="x") is None


def test_only_a_kill_is_taken_for_too_little_memory(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_bytes(b"of a run before\n" + b"\xff\n\nthe end\n")
    step = Step("predict", {}, title="ask")
    killed, crashed = (given_up(step, death, log=log, again="the command") for death in (KILLED, CRASHED))
    assert str(killed).startswith(f"{log}: the worker died twice in “ask” (signal 9). Fix: it probably ran out of mem")
    assert crashed.fix == "read the end of that file, and repeat the step with `the command`"
    killed, crashed = (not_started(death, log=log, since=16) for death in (KILLED, CRASHED))
    assert killed.what == "the worker did not start (signal 9): \ufffd / the end"
    assert killed.fix.startswith("it probably ran out of memory: end what else")
    assert crashed.fix == "mend what it says; finished steps are kept, the same command goes on"
    assert not_started(CRASHED, log=log, since=27).what == "the worker did not start (status 3), and said nothing"
