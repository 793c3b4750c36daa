"""What a machine has is found out without a library that computes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from workspace import write

from harness.adapters import machine


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A GPU driver that knows one GPU of 80 GiB; torch is a build for GPUs."""
    path = write(tmp_path, "nvidia-smi", '#!/bin/sh\n[ "$1" = --id=3 ] && echo 81920 || exit 6\n')
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(machine, "_computes_on_gpus", lambda: True)
    return tmp_path


@pytest.mark.parametrize(
    ("visible", "has", "size"),
    [("3", True, 80 * 2**30), ("3,4", True, 80 * 2**30), ("4", False, None), ("-1", False, None), ("", False, None)],
)
def test_the_first_visible_gpu_counts(
    driver: Path, monkeypatch: pytest.MonkeyPatch, visible: str, has: bool, size: int | None
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    found = machine.this_machine(driver / "not" / "there")
    assert (found.has_gpu, found.gpu) == (has, size)
    assert found.memory > 0
    assert found.disk > 0


def test_a_part_of_a_gpu_does_not_tell_its_memory(driver: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-1")
    found = machine.this_machine(driver)
    assert (found.has_gpu, found.gpu) == (True, None)


def test_a_build_of_torch_for_cpus_uses_no_gpu(driver: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    monkeypatch.setattr(machine, "_computes_on_gpus", lambda: False)
    assert not machine.this_machine(driver).has_gpu


MEASURED = """
from harness.adapters.peaks import peaks, reset_peaks
held = bytearray(300_000_000)
held[::4096] = b"1" * len(held[::4096])
high = peaks()["peak_bytes"]
del held
reset_peaks()
print(high - peaks()["peak_bytes"])
"""


def test_a_step_s_peak_forgets_the_steps_before_it() -> None:
    if not os.access("/proc/self/clear_refs", os.W_OK):
        pytest.skip("this system does not let a process count its peak anew")
    # In a process of its own: peaks count children, and this one may have had large ones.
    told = subprocess.run([sys.executable, "-c", MEASURED], capture_output=True, text=True, check=True).stdout
    assert int(told) > 200_000_000
