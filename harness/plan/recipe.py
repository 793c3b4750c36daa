"""Turn the champion's configuration into adapters of further seeds, which selected nothing: the recipe's sample.

The champion's own seed is no part of it: it was chosen on validation, so it is better than the recipe by the luck that
it was chosen for.
"""

from dataclasses import replace

from harness.halving import fitted_size
from harness.plan import build
from harness.plan.desk import Desk
from harness.plan.setup import Setup
from harness.prompts import PromptConfig
from harness.records import Trial
from harness.store import Artifact

RETRAINED = "retrained"
"""In the `local` of a step: it chooses nothing, so it is no effort of choosing."""


def retrained(setup: Setup, desk: Desk, *, trial: Trial, prompt: PromptConfig, data: str) -> list[Artifact] | None:
    """An adapter a seed, up to the champion's best epoch; one that failed as far as it came; None while one is missing.

    Empty where the verdict is about the champion's own adapter.
    """
    gates = setup.resolved.experiment.gates
    if gates.scope != "recipe":
        return []
    found = [_adapter(setup, desk, trial=trial, prompt=prompt, data=data, further=n + 1) for n in range(gates.seeds)]
    done = [adapter for adapter in found if adapter is not None]
    return done if len(done) == len(found) else None


def _adapter(
    setup: Setup, desk: Desk, *, trial: Trial, prompt: PromptConfig, data: str, further: int
) -> Artifact | None:
    adapter = None
    for epoch in range(1, (trial.best_epoch or 0) + 1):
        step = build.epoch_step(
            setup,
            number=trial.number,
            params=trial.params,
            epoch=epoch,
            prompt=prompt,
            data=data,
            previous=adapter.key if adapter else None,
            further=further,
        )
        before = (desk.finished(other.key) for other in desk.wanted if other.stage == "train")
        adapter = desk.want(replace(step, local={**step.local, **fitted_size(before), RETRAINED: True}))
        if adapter is None or adapter.status == "failed":
            return adapter
    return adapter
