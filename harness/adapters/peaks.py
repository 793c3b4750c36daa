"""Measure how much memory a step took at its peak: of this process, and of the GPU that it computes on."""

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
    import resource

    kilobytes = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    found = {"peak_bytes": kilobytes * 1024}
    if (torch := _torch_with_gpu()) is not None:
        found["gpu_peak_bytes"] = int(torch.cuda.max_memory_reserved())
        found["gpu_bytes"] = int(torch.cuda.get_device_properties(0).total_memory)
    return found


def _torch_with_gpu() -> Any:
    """torch, where it was loaded and has used a GPU; it is not loaded for this, and no GPU is taken up by it."""
    torch: Any = sys.modules.get("torch")
    return torch if torch is not None and torch.cuda.is_initialized() else None
