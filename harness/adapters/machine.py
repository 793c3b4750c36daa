"""Find out what this machine has: memory, a GPU's memory, room on the disk; loads no library that computes."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from harness.adapters.fitting import machine_memory

ANSWER_SECONDS = 20
"""What the GPU's driver may take to answer."""
MIB = 2**20
PART = "MIG"
"""How the driver calls a part of a GPU, which has a memory of its own that it does not tell by this name."""


@dataclass(frozen=True)
class Machine:
    """In bytes."""

    memory: int
    """Of the machine, as far as its control group may use it."""
    disk: int
    """Free where the results go."""
    has_gpu: bool = False
    """Whether models are held by a GPU."""
    gpu: int | None = None
    """Its memory; None where there is no GPU or its driver does not tell."""


def this_machine(folder: Path) -> Machine:
    """What there is for a run that keeps its results below `folder`."""
    found = visible_gpu() if _computes_on_gpus() else None
    held = gpu_memory(found) if found else None
    has_gpu = found is not None and (held is not None or found.startswith(PART))
    return Machine(machine_memory(), free_disk(folder), has_gpu, held)


def free_disk(folder: Path) -> int:
    """Of the file system that holds `folder`, or will."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    return shutil.disk_usage(there).free


def visible_gpu() -> str | None:
    """The one that trials are trained on: the first that is visible, as the driver calls it."""
    if not shutil.which("nvidia-smi"):
        return None
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()
    return first if first and first != "-1" else None


def gpu_memory(gpu: str) -> int | None:
    """As the driver tells it; None where it knows no GPU by this name."""
    asked = ["nvidia-smi", f"--id={gpu}", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    first = told.strip().partition("\n")[0].strip()
    return int(first) * MIB if first.isdigit() else None


def _computes_on_gpus() -> bool:
    """Whether torch is a build for GPUs."""
    torch = find_spec("torch")
    folders = (torch.submodule_search_locations if torch else None) or []
    return any(file for folder in folders for file in Path(folder, "lib").glob("libtorch_cuda*"))
