"""Turn AdamW's state into safetensors and back: no pickle, and bit-equal on reload."""

from pathlib import Path
from typing import Any

KINDS = ("step", "exp_avg", "exp_avg_sq")


def save_state(optimizer: Any, path: Path) -> None:
    """Write step, exp_avg and exp_avg_sq of every parameter, in the optimiser's order."""
    from safetensors.torch import save_file

    state = optimizer.state_dict()["state"]
    save_file(
        {f"{index}.{kind}": entry[kind].contiguous() for index, entry in state.items() for kind in KINDS}, str(path)
    )


def load_state(optimizer: Any, path: Path) -> None:
    """Set the state of an optimiser over the same parameters in the same order."""
    from safetensors.torch import load_file

    tensors = load_file(str(path))
    whole = optimizer.state_dict()
    indices = sorted({int(name.split(".")[0]) for name in tensors})
    whole["state"] = {index: {kind: tensors[f"{index}.{kind}"] for kind in KINDS} for index in indices}
    optimizer.load_state_dict(whole)
