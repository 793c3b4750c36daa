"""Turn finished epochs into trials, and trials into the next missing step."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from harness.halving import fitted_size
from harness.jsonl import read_rows
from harness.objectives import excess
from harness.plan import build
from harness.plan.answering import tuned_answer_step
from harness.plan.desk import Desk
from harness.plan.further import Further, Lap, trial_steps
from harness.plan.probing import Probe, probed
from harness.plan.setup import Setup
from harness.plan.tracking import tracked
from harness.prompts import PromptConfig
from harness.records import Epoch, Trial
from harness.steps import Step
from harness.store import Artifact

MEASURES = ("validation_loss", "learning_rate", "gradient_norm", "gradient_norm_max", "margin", "preferred")
"""What a training step tells of its epoch besides the loss."""


@dataclass(frozen=True)
class _Search:
    """What every trial of one search shares."""

    setup: Setup
    desk: Desk
    prompt: PromptConfig
    data: Artifact
    labels: list[str]
    further: Further

    def advanced(self, trial: Trial, *, history: list[Trial]) -> tuple[Trial, float]:
        """The trial as far as it has been trained, and its training seconds."""
        seconds, early, ahead = 0.0, False, self._steps(trial)
        first = ahead[0][1].key
        while ahead:
            (lap, step), *ahead = ahead
            track = partial(tracked, setup=self.setup, number=trial.number, lap=lap, first=first)
            trained = self.desk.want(track(self._fitting(step)))
            if trained is None:
                return trial, seconds
            seconds += trained.seconds
            if trained.status == "failed":
                return trial.model_copy(update={"status": "failed", "error": trained.error}), seconds
            if not lap.scored:
                trial = trial.model_copy(update={"text_tokens": trial.text_tokens + trained.summary["tokens"]})
                continue
            title = f"trial {trial.number}, epoch {len(trial.epochs) + 1}"
            scores = self._validated(trained, title=title, track=track)
            probe = probed(self.setup, self.desk, adapter=trained, title=title)
            if scores is None or probe is None:
                return trial, seconds
            if probe.error:
                return trial.model_copy(update={"status": "failed", "error": probe.error}), seconds
            trial = with_epoch(trial, trained=trained, scores=scores, probe=probe, setup=self.setup)
            if trial.stopped:
                return trial.model_copy(update={"status": "pruned"}), seconds
            if ahead and self._lags(trial, history=history):
                return trial.model_copy(update={"status": "pruned"}), seconds
            if ahead and self._stalls(trial):
                early, ahead = early or lap.epoch < lap.epochs, self._beyond(trial, lap=lap)
        return trial.model_copy(update={"status": "complete", "stopped_early": early}), seconds

    def _beyond(self, trial: Trial, *, lap: Lap) -> list[tuple[Lap, Step]]:
        """What comes after a stall: on the task the preferences, which start from where it stands; else nothing."""
        steps = self._steps(trial, stalled=lap.epoch) if lap.phase == "sft" else []
        return [(other, step) for other, step in steps if other.phase == "preferences"]

    def _steps(self, trial: Trial, *, stalled: int | None = None) -> list[tuple[Lap, Step]]:
        return trial_steps(
            self.setup,
            number=trial.number,
            params=trial.params,
            prompt=self.prompt,
            data=self.data.key,
            further=self.further,
            stalled=stalled,
        )

    def _fitting(self, step: Step) -> Step:
        """The step, told what earlier epochs found of the memory."""
        before = (self.desk.finished(other.key) for other in self.desk.wanted if other.stage == "train")
        return replace(step, local={**step.local, **fitted_size(before)})

    def _validated(self, adapter: Artifact, *, title: str, track: Callable[..., Step]) -> Artifact | None:
        """Scores of generated validation output of one epoch's adapter."""
        needs = {"data": self.data.key, "adapter": adapter.key}
        step = tuned_answer_step(self.setup, self.prompt, split="validation", needs=needs, title=f"validate {title}")
        answers = self.desk.want(step)
        if answers is None:
            return None
        needs = {"data": self.data.key, "predictions": answers.key}
        step = build.score_step(self.setup, split="validation", labels=self.labels, needs=needs, title=title)
        return self.desk.want(track(step, trained=adapter))

    def _lags(self, trial: Trial, *, history: list[Trial]) -> bool:
        """Never of several objectives, of which Optuna's pruners know one."""
        spec, metric = self.setup.resolved.experiment.search, self.setup.metric
        alone = len(spec.objectives) == 1
        return alone and self.setup.sampler.should_stop(spec, history=history, running=trial, metric=metric)

    def _stalls(self, trial: Trial) -> bool:
        """Whether its last epochs brought nothing better; an equal score is not better."""
        patience = self.setup.resolved.experiment.search.early_stopping
        return patience is not None and len(trial.epochs) - (trial.best_epoch or 0) >= patience


def planned_trials(
    setup: Setup, desk: Desk, *, prompt: PromptConfig, data: Artifact, labels: list[str], further: Further
) -> list[Trial] | None:
    """Every trial of the search; None while one is still to be trained (its next step is then on the desk)."""
    spec, search = setup.resolved.experiment.search, _Search(setup, desk, prompt, data, labels, further)
    history: list[Trial] = []
    spent = 0.0
    for number in range(spec.most_trials):
        if spec.budget_minutes is not None and spent >= 60 * spec.budget_minutes:
            break
        params = setup.sampler.suggested(spec, history=history, number=number, metric=setup.metric)
        new = Trial(number=number, params=params, status="running", epochs=[])
        trial, seconds = search.advanced(new, history=history)
        desk.trials = [*history, trial]
        if trial.status == "running":
            return None
        history.append(trial)
        spent += seconds
    return history


def with_epoch(trial: Trial, *, trained: Artifact, scores: Artifact, probe: Probe, setup: Setup) -> Trial:
    """The trial with one more epoch; the earliest of the best is kept, one that forgot too much only if it is alone."""
    search, number, metric = setup.resolved.experiment.search, len(trial.epochs) + 1, setup.metric
    epoch = Epoch(
        epoch=number,
        train_loss=trained.summary["train_loss"],
        tokens=trained.summary["tokens"],
        phase=trained.inputs.get("phase", "sft"),
        validation=scores.summary["mean"],
        **{name: trained.summary.get(name) for name in MEASURES},
        artifacts={"train": trained.key, "predict": scores.needs["predictions"], "score": scores.key},
        probe=probe.rise,
        probe_benchmarks=probe.benchmarks,
        scores=_item_scores(scores, metric=metric) if search.pruner == "wilcoxon" else [],
    )
    value, forgot = epoch.validation[metric], excess(epoch, limits=search.forgets)
    better = trial.value is None or (value > trial.value and not forgot)
    update: dict[str, Any] = {"epochs": [*trial.epochs, epoch]}
    update |= {"stopped": f"forgot too much in epoch {number}: {forgot}"} if forgot else {}
    return trial.model_copy(update=update | ({"value": value, "best_epoch": number} if better else {}))


def _item_scores(scores: Artifact, *, metric: str) -> list[float]:
    """Macro-F1 is no mean over items; there an item counts by whether it is right."""
    rows = read_rows(scores.path / "scores.jsonl")
    return [float(row[metric] if metric in row else row["valid"] and row["label"] == row["reference"]) for row in rows]
