"""Turn prompts whose scores are known into the next prompt to try, through Optuna.

As in the search for an adapter, the study is rebuilt from finished artifacts and the sampler seeded by trial number,
so a search that was killed asks for exactly the prompts that an undisturbed one asks for.
"""

import random
from collections.abc import Sequence
from typing import Any

from harness.adapters.storages import StudyPlace, write_through
from harness.adapters.studies import study_of
from harness.canonical import digest
from harness.prompt_space import FIELDS, Params, Space, identity, matters, nearest_untried, settled, space_size
from harness.records import PromptTrial
from harness.specs import PromptSearchSpec

STARTUP = 5
"""Prompts at random before TPE learns from them; fixed, so that a longer search begins as the shorter one did."""
ATTEMPTS = 8
"""How often Optuna is asked again when it proposes what was tried."""

_proposed: dict[str, Params | None] = {}
"""Proposals by the question: planning asks the same ones after every step, and an answer never changes."""


def suggested_prompt(
    spec: PromptSearchSpec, *, space: Space, history: Sequence[PromptTrial], number: int
) -> Params | None:
    """Params of trial `number`, given every prompt whose score is known; None once each of the space was tried."""
    known = [[trial.params, trial.value] for trial in history]
    question = digest([spec.sampler, spec.seed, dict(space), known, number])
    if question not in _proposed:
        _proposed[question] = _new_prompt(spec, space=space, history=history, number=number)
    return _proposed[question]


def mirror_prompts(*, space: Space, history: Sequence[PromptTrial], place: StudyPlace, name: str) -> None:
    """Write the study where Optuna and optuna-dashboard open it."""
    trials = [_finished(trial, space=space) for trial in history]
    write_through(trials, place=place, name=name, directions=["maximize"])


def _new_prompt(spec: PromptSearchSpec, *, space: Space, history: Sequence[PromptTrial], number: int) -> Params | None:
    """What Optuna proposes; where it keeps to what was tried, the nearest prompt that was not."""
    tried = {identity(trial.params) for trial in history}
    if len(tried) >= space_size(space):
        return None
    chance = random.Random(f"{spec.seed}/{number}")
    sampler = _sampler(spec, seed=chance.getrandbits(31))
    study = study_of([_finished(trial, space=space) for trial in history], sampler=sampler)
    proposals = [settled(_asked(study.ask(), space=space), space=space)]
    while identity(proposals[-1]) in tried and len(proposals) < ATTEMPTS:
        # The proposals before are open trials of this study, from which TPE keeps away.
        proposals.append(settled(_asked(study.ask(), space=space), space=space))
    if identity(proposals[-1]) not in tried:
        return proposals[-1]
    return nearest_untried(proposals[0], space=space, tried=tried, chance=chance)


def _asked(trial: Any, *, space: Space) -> Params:
    """The trial's choice in every field that matters: TPE then learns of a field only from prompts that have it."""
    found: Params = {}
    for name in FIELDS:
        if matters(name, found):
            found[name] = trial.suggest_categorical(name, list(space[name]))
    return found


def _sampler(spec: PromptSearchSpec, *, seed: int) -> Any:
    import optuna

    if spec.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    # Field by field: sampled jointly, fields that some prompts lack would be left to chance.
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP, multivariate=False)


def _finished(trial: PromptTrial, *, space: Space) -> Any:
    import optuna
    from optuna.distributions import CategoricalDistribution

    return optuna.trial.create_trial(
        params=trial.params,
        distributions={name: CategoricalDistribution(list(space[name])) for name in trial.params},
        value=trial.value,
        user_attrs={"arm": trial.arm},
    )
