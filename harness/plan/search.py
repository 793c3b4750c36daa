"""Turn finished epochs into trials, and trials into the next missing step."""

from typing import Any

from harness.plan import build
from harness.plan.desk import Desk
from harness.plan.setup import Setup
from harness.prompts import PromptConfig
from harness.records import Epoch, Trial
from harness.store import Artifact


def planned_trials(
    setup: Setup, desk: Desk, *, prompt: PromptConfig, data: Artifact, labels: list[str]
) -> list[Trial] | None:
    """Every trial of the search; None while one is still to be trained (its next step is then on the desk)."""
    spec = setup.resolved.experiment.search
    history: list[Trial] = []
    spent = 0.0
    for number in range(spec.trials):
        if spec.budget_minutes is not None and spent >= 60 * spec.budget_minutes:
            break
        params = setup.sampler.suggested(spec, history=history, number=number, metric=setup.metric)
        trial, seconds = _advanced(
            setup, desk, number=number, params=params, prompt=prompt, data=data, labels=labels, history=history
        )
        desk.trials = [*history, trial]
        if trial.status == "running":
            return None
        history.append(trial)
        spent += seconds
    return history


def _advanced(
    setup: Setup,
    desk: Desk,
    *,
    number: int,
    params: dict[str, Any],
    prompt: PromptConfig,
    data: Artifact,
    labels: list[str],
    history: list[Trial],
) -> tuple[Trial, float]:
    """The trial as far as it has been trained, and its training seconds."""
    trial = Trial(number=number, params=params, status="running", epochs=[])
    spec, previous, seconds = setup.resolved.experiment.search, None, 0.0
    for epoch in range(1, params["epochs"] + 1):
        step = build.epoch_step(
            setup, number=number, params=params, epoch=epoch, prompt=prompt, data=data.key, previous=previous
        )
        trained = desk.want(step)
        if trained is None:
            return trial, seconds
        seconds += trained.seconds
        if trained.status == "failed":
            return trial.model_copy(update={"status": "failed", "error": trained.error}), seconds
        scores = _validated(
            setup,
            desk,
            prompt=prompt,
            data=data,
            labels=labels,
            adapter=trained,
            title=f"trial {number}, epoch {epoch}",
        )
        if scores is None:
            return trial, seconds
        trial = with_epoch(trial, trained=trained, scores=scores, metric=setup.metric)
        if epoch < params["epochs"] and setup.sampler.should_stop(
            spec, history=history, running=trial, metric=setup.metric
        ):
            return trial.model_copy(update={"status": "pruned"}), seconds
        previous = trained.key
    return trial.model_copy(update={"status": "complete"}), seconds


def _validated(
    setup: Setup, desk: Desk, *, prompt: PromptConfig, data: Artifact, labels: list[str], adapter: Artifact, title: str
) -> Artifact | None:
    """Scores of generated validation output of one epoch's adapter."""
    needs = {"data": data.key, "adapter": adapter.key}
    answers = desk.want(
        build.tuned_answer_step(setup, prompt, split="validation", needs=needs, title=f"validate {title}")
    )
    if answers is None:
        return None
    needs = {"data": data.key, "predictions": answers.key}
    return desk.want(build.score_step(setup, split="validation", labels=labels, needs=needs, title=title))


def with_epoch(trial: Trial, *, trained: Artifact, scores: Artifact, metric: str) -> Trial:
    """The trial with one more epoch; the earliest of the best epochs is kept."""
    number = len(trial.epochs) + 1
    epoch = Epoch(
        epoch=number,
        train_loss=trained.summary["train_loss"],
        tokens=trained.summary["tokens"],
        validation=scores.summary["mean"],
    )
    value = epoch.validation[metric]
    better = trial.value is None or value > trial.value
    update: dict[str, Any] = {"epochs": [*trial.epochs, epoch]}
    return trial.model_copy(update=update | ({"value": value, "best_epoch": number} if better else {}))


def champion(trials: list[Trial]) -> Trial | None:
    """The trial with the best epoch on validation; the earliest of equals; pruned ones count."""
    scored = [trial for trial in trials if trial.value is not None and trial.status != "failed"]
    return max(scored, key=lambda trial: (trial.value, -trial.number), default=None)
