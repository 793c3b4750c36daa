"""Measure how much memory a step took at its peak: of this process, and of the GPU that it computes on."""

import resource
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

RESET = "5"
"""What Linux takes, written into `clear_refs`, to count a process's peak anew."""


def reset_peaks() -> None:
    """From now on peaks are this step's; where the system does not allow it, they are those of the whole process."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text(RESET)
    if (torch := _torch_with_gpu()) is not None:
        torch.cuda.reset_peak_memory_stats()


def peaks() -> dict[str, int]:
    """`peak_bytes` of resident memory, children included; of a GPU `gpu_peak_bytes`, and `gpu_bytes` that it has."""
    found = {"peak_bytes": max(_own_peak(), _peak(resource.RUSAGE_CHILDREN))}
    if (torch := _torch_with_gpu()) is not None:
        found["gpu_peak_bytes"] = int(torch.cuda.max_memory_reserved())
        found["gpu_bytes"] = int(torch.cuda.get_device_properties(0).total_memory)
    return found


def _own_peak() -> int:
    """As Linux counts it since `reset_peaks`; what `getrusage` tells begins with the peak of the process before."""
    with suppress(OSError, StopIteration):
        line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return _peak(resource.RUSAGE_SELF)


def _peak(who: int) -> int:
    return resource.getrusage(who).ru_maxrss * 1024


def _torch_with_gpu() -> Any:
    """torch, where it was loaded and has used a GPU; it is not loaded for this, and no GPU is taken up by it."""
    torch: Any = sys.modules.get("torch")
    return torch if torch is not None and torch.cuda.is_initialized() else None
