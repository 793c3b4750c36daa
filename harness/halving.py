"""Turn a training step that does not fit the memory into one that may: half the examples per pass, twice the passes.

An optimiser step sees the same examples, and the same arithmetic but for rounding and the draws of dropout. So
`search.micro_batch_size` is part of a step's key, as asked; what the memory of a machine makes of it is not: like the
number of prompts answered together it is written into the artifact, and where nothing runs out it is as asked.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from harness.steps import Step
from harness.store import Artifact

SIZE = "micro_batch_size"
"""In a step's settings what was asked, in its `local` what to begin with, in a summary what was taken."""
HOPELESS = (
    "with a single example per pass too: choose a smaller search.max_length or model, "
    "or free memory and run with --retry-failed"
)
"""What a trial that fits in no way says, after how it ended."""


def first_size(settings: Mapping[str, Any], *, local: Mapping[str, Any]) -> int:
    """Examples per pass to begin with: as asked, or fewer where no more fitted before."""
    asked = asked_size(settings)
    return min(asked, int(local.get(SIZE, asked)))


def asked_size(settings: Mapping[str, Any]) -> int:
    """Examples per pass as the spec has them."""
    return min(int(settings[SIZE]), int(settings["batch_size"]))


def next_size(size: int, *, batch: int) -> int | None:
    """Half as many examples per pass, or the next fewer that divide a batch; None after single ones."""
    return next((fewer for fewer in range(size // 2, 0, -1) if batch % fewer == 0), None)


def halved(step: Step) -> Step | None:
    """The same step with half as many examples per pass; None where it trains nothing, or on single ones already."""
    if step.stage != "train":
        return None
    settings = step.inputs["settings"]
    fewer = next_size(first_size(settings, local=step.local), batch=settings["batch_size"])
    return None if fewer is None else replace(step, local={**step.local, SIZE: fewer})


def fitted_size(trained: Iterable[Artifact | None]) -> dict[str, int]:
    """For a step's `local`: the fewest examples per pass that earlier epochs came down to; empty where none did.

    Planning reads it from the artifacts, in the order of the trials, so a run that was killed begins where an
    undisturbed one begins.
    """
    sizes = [size for one in trained if one is not None and (size := taken_size(one)) is not None]
    return {SIZE: min(sizes)} if sizes else {}


def taken_size(trained: Artifact) -> int | None:
    """Examples per pass that an epoch came down to; None where it was done as asked."""
    taken = trained.summary.get(SIZE)
    return None if taken is None or taken >= asked_size(trained.inputs["settings"]) else int(taken)
