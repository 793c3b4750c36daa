"""Turn the artifacts of every trial into what was tried, why it lost, and what ails it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from harness.diagnosis import Asked, Base, Facts, Reply, findings
from harness.jsonl import read_lines, read_rows
from harness.objectives import champion
from harness.plan import Plan, ScoredArm
from harness.plan.arms import plain_prompt
from harness.plan.setup import Setup
from harness.records import Epoch, Example, Prediction, Trial
from harness.report.losing import ended, lead_of, reason, why_pruned
from harness.report.trial_rows import TriedTrial
from harness.stages.train import CLOCK, LOSSES
from harness.store import Artifact, Store


def tried(setup: Setup, finished: Plan, *, store: Store) -> list[TriedTrial]:
    """A row a trial, in their order."""
    desk = _Archive(setup, finished, store)
    return [desk.row(trial) for trial in finished.trials]


def clocked_epochs(finished: Plan, *, store: Store) -> dict[str, Any]:
    """Trial to epoch to trained tokens a second and most bytes held: all that depends on clock and machine."""
    found: dict[str, Any] = {}
    for trial in finished.trials:
        for epoch in trial.epochs:
            trained = store.get(epoch.artifacts["train"])
            (clock,) = read_rows(trained.path / CLOCK)
            speed = round(epoch.tokens / clock["seconds"], 1) if clock["seconds"] else None
            memory = trained.provenance.get("gpu_peak_bytes", trained.provenance["peak_bytes"])
            row = {"tokens_per_second": speed, "peak_bytes": memory}
            found.setdefault(str(trial.number), {})[str(epoch.epoch)] = row
    return found


@dataclass(frozen=True)
class _Archive:
    """The artifacts of one finished plan; nothing of the test set, and of no gate's items, is among those it opens."""

    setup: Setup
    finished: Plan
    store: Store

    def row(self, trial: Trial) -> TriedTrial:
        """One trial against the champion."""
        best = champion(self.finished.trials, search=self.setup.resolved.experiment.search)
        chosen = best is not None and best.number == trial.number
        found = findings(self._facts(trial))
        lead = None
        if best is not None and best.value is not None and trial.value is not None:
            lead = lead_of(best, trial, ours=self._item_scores(best), theirs=self._item_scores(trial))
        pruner = self.setup.resolved.experiment.search.pruner
        before = self.finished.trials[: self.finished.trials.index(trial)]
        pruned = why_pruned(trial, before=before, pruner=pruner, metric=self.setup.metric)
        return TriedTrial(
            trial=trial.number,
            chosen=chosen,
            ended=ended(trial),
            reason=reason(trial, champion=best, lead=lead, found=found, pruned=pruned),
            findings=found,
        )

    def _facts(self, trial: Trial) -> Facts:
        best = trial.epochs[trial.best_epoch - 1] if trial.best_epoch else None
        # Of pairs of answers the loss is of another kind; what it did is seen in the replies.
        epochs = [epoch for epoch in trial.epochs if epoch.phase == "sft"]
        trained = [self._of(epoch, "train") for epoch in epochs]
        return Facts(
            metric=self.setup.metric,
            params=trial.params,
            epochs=epochs,
            best_epoch=trial.best_epoch if best is not None and best.phase == "sft" else None,
            ended=_ended(trial),
            error=trial.error,
            steps=[[row["loss"] for row in read_rows(one.path / "log.jsonl")] for one in trained],
            examples=len(self._texts) - (trained[0].summary["dropped"] if trained else 0),
            asked=self._asked,
            replies=self._replies(self._of(best, "predict"), self._of(best, "score")) if best else (),
            base=self._base,
            losses=[self._losses(one) for one in trained],
            texts=self._texts,
            probe=best.probe if best else None,
            probe_benchmarks=best.probe_benchmarks if best else {},
        )

    def _losses(self, trained: Artifact) -> list[tuple[str, float]]:
        """Of the task's own examples; those that were mixed in or replayed are no part of its data."""
        rows = read_rows(trained.path / LOSSES)
        return [(row["id"], row["loss"]) for row in rows if row["id"] in self._texts]

    def _of(self, epoch: Epoch, stage: str) -> Artifact:
        return self.store.get(epoch.artifacts[stage])

    def _item_scores(self, trial: Trial) -> list[float]:
        """Of its best epoch; none of metrics that are no mean over items."""
        rows = read_rows(self._of(trial.epochs[(trial.best_epoch or 1) - 1], "score").path / "scores.jsonl")
        return [float(row[self.setup.metric]) for row in rows if self.setup.metric in row]

    def _replies(self, answers: Artifact, scores: Artifact) -> list[Reply]:
        said = read_lines(answers.path / "predictions.jsonl", model=Prediction)
        labels = [row["label"] for row in read_rows(scores.path / "scores.jsonl")]
        return [
            Reply(one.text, finished=one.status != "unfinished", fits=one.status != "truncated", label=label)
            for one, label in zip(said, labels, strict=True)
        ]

    @cached_property
    def _asked(self) -> Asked:
        task = self.setup.resolved.task
        return Asked(
            references=[item.reference for item in self._items("validation")],
            labels=self.finished.labels,
            template=plain_prompt(task, labels=self.finished.labels).template,
            max_new_tokens=task.max_new_tokens,
        )

    @cached_property
    def _texts(self) -> dict[str, tuple[str, str]]:
        return {item.id: (item.input, item.reference) for item in self._items("train")}

    def _items(self, split: Literal["train", "validation"]) -> list[Example]:
        assert self.finished.data is not None
        return read_lines(self.finished.data.path / f"{split}.jsonl", model=Example)

    @cached_property
    def _base(self) -> Base | None:
        """The base model with the prompt that the tuned one is asked with, where a family tries it."""
        plain = plain_prompt(self.setup.resolved.task, labels=self.finished.labels)
        same = (scored for scored in self.finished.baselines if self._is_plain(scored) and scored.arm.prompt == plain)
        if (found := next(same, None)) is None:
            return None
        score = float(found.scores.summary["mean"][self.setup.metric])
        return Base(score, self._replies(found.answers, found.scores))

    def _is_plain(self, scored: ScoredArm) -> bool:
        """Written by the experiment's own model as it is."""
        inputs = scored.answers.inputs
        return not scored.arm.labels and "adapter" not in inputs and inputs.get("engine") != "openai"


def _ended(trial: Trial) -> Literal["complete", "stopped", "pruned", "failed", "running"]:
    return "stopped" if trial.stopped_early else trial.status
