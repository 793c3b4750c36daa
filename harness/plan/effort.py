"""Turn finished artifacts into what a choice cost.

The tokens of an answer from the cache, or of an artifact that was there before, count as if it had been computed now:
effort is what the choice costs whoever repeats it, not this run's luck. Seconds are those of the computing that made an
artifact; a cached answer took none of them. Certification costs both sides the same and is left out. So is what probes
read: no prompt makes a model forget, and an equal budget would give prompts tokens for nothing.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from harness.plan.recipe import RETRAINED
from harness.plan.state import ScoredArm
from harness.steps import Step
from harness.store import Artifact

Finished = Callable[[str], Artifact | None]


class Cost(NamedTuple):
    """What artifacts cost together, each counted once."""

    tokens_in: int
    """Prompt tokens read."""
    tokens_out: int
    """Tokens generated."""
    tokens_trained: int
    """Tokens trained on, epochs counted."""
    seconds: float
    """Of computation, when each was made; answers that the cache held then took none."""

    @property
    def tokens(self) -> int:
        """Model tokens of every sort."""
        return self.tokens_in + self.tokens_out + self.tokens_trained


def cost(artifacts: Iterable[Artifact]) -> Cost:
    """What these cost; a trial that failed cost its seconds."""
    found = {artifact.key: artifact for artifact in artifacts}.values()
    read, written, trained = (
        sum(int(artifact.summary.get(name, 0)) for artifact in found) for name in ("tokens_in", "tokens_out", "tokens")
    )
    return Cost(read, written, trained, sum(artifact.seconds for artifact in found))


def of_prompts(scored: Iterable[ScoredArm], *, finished: Finished) -> list[Artifact]:
    """What choosing among arms took: their answers on validation, and writing the prompts where an optimiser did."""
    arms = list(scored)
    writers = [finished(one.arm.written_by) for one in arms if one.arm.written_by is not None]
    return [*(one.answers for one in arms), *(writer for writer in writers if writer is not None)]


def of_tuning(wanted: Iterable[Step], *, finished: Finished) -> list[Artifact]:
    """What choosing among adapters took: every epoch of training, and its answers on validation."""
    steps = [
        step
        for step in wanted
        if (step.stage == "train" and RETRAINED not in step.local)
        or (step.stage == "predict" and "adapter" in step.needs and step.inputs["split"] == "validation")
    ]
    return [found for step in steps if (found := finished(step.key)) is not None]
