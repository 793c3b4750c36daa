"""Turn numbers that are none into the failure of a trial that names the step and the likely cause."""

import math
from collections.abc import Mapping
from typing import Any

from harness.errors import TrainingFailed

WATCHED = ("loss", "grad_norm")
"""Of what the trainer logs."""


def checked_log(logs: Mapping[str, Any], *, step: int, steps: int, inputs: Mapping[str, Any]) -> None:
    """Raises `TrainingFailed` where the loss or the gradient of a step is no number."""
    for name in WATCHED:
        if not math.isfinite(float(logs.get(name, 0.0))):
            raise TrainingFailed(f"{name} became {logs[name]} at {_place(step, steps, inputs)}: {_cause(step, inputs)}")


def checked_weights(tuned: Any, *, steps: int, inputs: Mapping[str, Any]) -> None:
    """Raises `TrainingFailed` where the last step left a weight that is no number: no later loss would show it."""
    import torch

    for name, weight in tuned.named_parameters():
        if weight.requires_grad and not bool(torch.isfinite(weight).all()):
            raise TrainingFailed(
                f"weights of {name} are no numbers after {_place(steps, steps, inputs)}: {_cause(steps, inputs)}"
            )


def _place(step: int, steps: int, inputs: Mapping[str, Any]) -> str:
    return f"step {step} of {steps} in epoch {inputs['epoch']}"


def _cause(step: int, inputs: Mapping[str, Any]) -> str:
    """The first step's loss is that of the model as it came."""
    if step == 1 and inputs["epoch"] == 1:
        dtype = inputs["model"]["dtype"]
        return f"nothing was learnt yet, so the model or the data go beyond {dtype}; try model.dtype: float32"
    rate = inputs["params"]["learning_rate"]
    return f"most likely the learning rate is too high ({rate:.3g})"
