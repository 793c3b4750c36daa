"""Turn the champion's configuration into adapters of further seeds, which selected nothing: the recipe's sample.

The champion's own seed is no part of it: it was chosen on validation, so it is better than the recipe by the luck that
it was chosen for.
"""

from dataclasses import replace
from typing import Any

from harness.halving import fitted_size
from harness.plan.desk import Desk
from harness.plan.further import Further, task_epochs, trial_steps, up_to
from harness.plan.setup import Setup
from harness.prompts import PromptConfig
from harness.records import Trial
from harness.steps import Step
from harness.store import Artifact

RETRAINED = "retrained"
"""In the `local` of a step: it chooses nothing, so it is no effort of choosing."""


def retrained(
    setup: Setup, desk: Desk, *, trial: Trial, prompt: PromptConfig, data: str, further: Further
) -> list[Artifact] | None:
    """An adapter a seed, up to the champion's best epoch; one that failed as far as it came; None while one is missing.

    Empty where the verdict is about the champion's own adapter.
    """
    gates = setup.resolved.experiment.gates
    if gates.scope != "recipe":
        return []
    shared: dict[str, Any] = {
        "number": trial.number,
        "params": trial.params,
        "prompt": prompt,
        "data": data,
        "further": further,
        "stalled": task_epochs(trial),
    }
    chains = [
        [step for _, step in up_to(trial_steps(setup, **shared, seed=n + 1), trial=trial)] for n in range(gates.seeds)
    ]
    done: list[Artifact] = []
    for chain in chains:
        # One after the other, as the trials: what fitted the memory before one chain is known when it is planned.
        adapter = _adapter(desk, chain)
        if adapter is None:
            return None
        done.append(adapter)
    return done


def _adapter(desk: Desk, chain: list[Step]) -> Artifact | None:
    """The last one of a chain of epochs; one that failed as far as it came."""
    adapter = None
    for step in chain:
        before = (desk.finished(other.key) for other in desk.wanted if other.stage == "train")
        adapter = desk.want(replace(step, local={**step.local, **fitted_size(before), RETRAINED: True}))
        if adapter is None or adapter.status == "failed":
            return adapter
    return adapter
