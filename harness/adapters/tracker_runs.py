"""Turn the steps of a trial into a run of TensorBoard, W&B, MLflow or Trackio, through the trainer's integrations.

A trial is one run whatever the number of epochs, and its steps are counted on from epoch to epoch. Nothing that goes
wrong here may touch the training: it is told once, and that tracker is left out until the process ends.
"""

import copy
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from transformers import TrainerCallback, integrations

from harness.adapters.generator import WARNING, Tell
from harness.adapters.trackers import Track

FOLDER = "trackers"
"""Beside the store: what trackers keep on this machine."""
_left_out: set[str] = set()
"""Trackers that failed in this process."""


class TrackerRun(Protocol):
    """A trial's run in one tracker."""

    def begun(self, *, step: int) -> Any:
        """The integration's callback for the epoch that begins after `step`; it goes on with the trial's run."""
        ...

    def scored(self, scores: Mapping[str, float], *, step: int) -> None:
        """Enter scores on validation."""
        ...

    def ended(self) -> None:
        """Close what this process holds open; the run can be gone on with."""
        ...


class TensorBoardRun:
    """Event files in the trial's folder: `tensorboard --logdir .harness/trackers/tensorboard`."""

    def __init__(self, track: Track, *, folder: Path) -> None:
        self._folder = folder / "tensorboard" / track.experiment / track.run
        self._writer: Any = None

    def begun(self, *, step: int) -> Any:
        # An epoch that was interrupted begins anew: what it had written before is hidden.
        return integrations.TensorBoardCallback(tb_writer=self._opened(purge_step=step + 1))

    def scored(self, scores: Mapping[str, float], *, step: int) -> None:
        writer = self._opened(purge_step=None)
        for name, value in scores.items():
            writer.add_scalar(f"eval/{name}", value, step)

    def ended(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def _opened(self, *, purge_step: int | None) -> Any:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(self._folder), purge_step=purge_step)
        return self._writer


class WandbRun:
    """A W&B run, resumed by its id; it stays open between the steps of a trial, for each resumption takes seconds."""

    def __init__(self, track: Track, *, folder: Path) -> None:
        self._track, self._folder = track, folder

    def begun(self, *, step: int) -> Any:
        self._opened()
        return integrations.WandbCallback()

    def scored(self, scores: Mapping[str, float], *, step: int) -> None:
        named = {f"eval/{name}": value for name, value in scores.items()}
        self._opened().log({**named, "train/global_step": step})

    def ended(self) -> None:
        """It stays open until another trial's begins, or the process ends, see `finish_last`."""

    def _opened(self) -> Any:
        import wandb

        identity = f"{self._track.experiment}-{self._track.run}"
        if wandb.run is not None and wandb.run.id != identity:
            wandb.finish()
        if wandb.run is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            wandb.init(
                project=os.environ.get("WANDB_PROJECT", self._track.experiment),
                name=self._track.run,
                id=identity,
                resume="allow",
                dir=str(self._folder),
                settings=wandb.Settings(console="off"),  # The worker's output is a log of all steps, not of this run.
            )
        return wandb.run


def finish_last() -> None:
    """Before the process ends, finish the W&B run that is still open: it would count as crashed."""
    wandb = sys.modules.get("wandb")
    if wandb is not None and wandb.run is not None:
        wandb.finish()


class MlflowRun:
    """An MLflow run, found again by its name; in a file of the workspace unless MLFLOW_TRACKING_URI says otherwise."""

    _limit = os.environ.get("MLFLOW_MAX_LOG_PARAMS", "1000")

    def __init__(self, track: Track, *, folder: Path) -> None:
        self._track, self._folder = track, folder

    def begun(self, *, step: int) -> Any:
        # A parameter of a run is written once: those of a later epoch, such as its seed, would be an error.
        limit = "0" if self._opened() else self._limit
        os.environ["MLFLOW_MAX_LOG_PARAMS"] = limit
        return integrations.MLflowCallback()

    def scored(self, scores: Mapping[str, float], *, step: int) -> None:
        import mlflow

        self._opened()
        mlflow.log_metrics({f"eval_{name}": value for name, value in scores.items()}, step=step)
        self.ended()

    def ended(self) -> None:
        import mlflow

        mlflow.flush_async_logging()
        mlflow.end_run()

    def _opened(self) -> bool:
        """Begin or go on; whether it was there before."""
        import mlflow

        # A server that is away holds up the training for seconds, not for minutes.
        for name, value in {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}.items():
            os.environ.setdefault(name, value)
        if "MLFLOW_TRACKING_URI" not in os.environ:
            self._folder.mkdir(parents=True, exist_ok=True)
            mlflow.set_tracking_uri(f"sqlite:///{self._folder / 'mlflow.db'}")
        mlflow.end_run()
        mlflow.set_experiment(os.environ.get("MLFLOW_EXPERIMENT_NAME", self._track.experiment))
        query = f"attributes.run_name = '{self._track.run}'"
        found = mlflow.search_runs(filter_string=query, max_results=1, output_format="list")
        mlflow.start_run(run_id=found[0].info.run_id if found else None, run_name=self._track.run)
        return bool(found)


class TrackioRun:
    """A Trackio run, gone on with by its name; in the workspace unless TRACKIO_DIR says otherwise."""

    def __init__(self, track: Track, *, folder: Path) -> None:
        self._track = track
        os.environ.setdefault("TRACKIO_DIR", str(folder / "trackio"))

    def begun(self, *, step: int) -> Any:
        return integrations.TrackioCallback()

    def scored(self, scores: Mapping[str, float], *, step: int) -> None:
        import trackio

        trackio.init(project=self._track.experiment, name=self._track.run, resume="allow")
        trackio.log({**{f"eval/{name}": value for name, value in scores.items()}, "train/global_step": step})
        trackio.finish()

    def ended(self) -> None:
        """The integration has closed it."""


KINDS: dict[str, Callable[..., TrackerRun]] = {
    "tensorboard": TensorBoardRun,
    "wandb": WandbRun,
    "mlflow": MlflowRun,
    "trackio": TrackioRun,
}


class Tracking(TrainerCallback):  # type: ignore[misc, unused-ignore]
    """Passes an epoch on to the trackers of its trial, with steps and epochs counted over the whole trial."""

    def __init__(self, track: Track, *, folder: Path, tell: Tell) -> None:
        self._track, self._folder, self._tell = track, folder, tell
        self._open: dict[str, tuple[TrackerRun, Any]] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Open the trial's run in each tracker; once more where the epoch begins again with smaller passes."""
        self.close()

        def opened(name: str) -> None:
            run = KINDS[name](self._track, folder=self._folder)
            self._open[name] = run, run.begun(step=self._before(state))

        for name in self._track.trackers:
            _harmless(name, partial(opened, name), tell=self._tell)
        self._pass_on("on_train_begin", args, state, control, kwargs)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """Pass on what was measured in a step."""
        shown = {**(logs or {})}
        if "epoch" in shown:
            shown["epoch"] += self._track.epoch - 1
        self._pass_on("on_log", args, state, control, {**kwargs, "logs": shown})

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Let each tracker finish: an integration that is told of anything later opens a run of its own making."""
        self._pass_on("on_train_end", args, state, control, kwargs)
        self.close()

    def close(self) -> None:
        """Also after an epoch that failed."""
        for name, (run, _) in self._open.items():
            _harmless(name, run.ended, tell=self._tell)
        self._open.clear()

    def _pass_on(self, event: str, args: Any, state: Any, control: Any, kwargs: dict[str, Any]) -> None:
        named, counted = copy.copy(args), copy.copy(state)
        named.run_name, named.project = self._track.run, self._track.experiment
        counted.global_step += self._before(state)
        for name, (_, callback) in self._open.items():
            told = partial(getattr(callback, event), named, counted, control, **kwargs)
            _harmless(name, told, tell=self._tell)

    def _before(self, state: Any) -> int:
        """Steps of the trial before this epoch: each has as many as this one."""
        return int((self._track.epoch - 1) * state.max_steps)


@contextmanager
def tracking(track: Track | None, *, state: Path | None, tell: Tell) -> Iterator[list[Any]]:
    """Callbacks for the trainer of an epoch; none where nothing is tracked, or where there is no folder to keep it."""
    if track is None or state is None:
        yield []
        return
    watching = Tracking(track, folder=state / FOLDER, tell=tell)
    try:
        yield [watching]
    finally:
        watching.close()


def track_scores(track: Track, *, state: Path, tell: Tell, scores: Mapping[str, float]) -> None:
    """Enter an epoch's scores, and its loss, on validation into its trial's runs."""
    known = {**scores, **({"loss": track.loss} if track.loss is not None else {})}

    def entered(name: str) -> None:
        run = KINDS[name](track, folder=state / FOLDER)
        try:
            run.scored(known, step=track.step)
        finally:
            run.ended()

    for name in track.trackers:
        _harmless(name, partial(entered, name), tell=tell)


def _harmless(name: str, act: Callable[[], None], *, tell: Tell) -> None:
    """Do it; what fails is told once, and that tracker is asked no more."""
    if name in _left_out:
        return
    try:
        act()
    except Exception as error:  # A tracker may raise anything, and none of it is worth a trial.
        _left_out.add(name)
        why = next(iter(str(error).splitlines()), "")
        tell(f"{WARNING}{name} failed and is left out of this run ({type(error).__name__}: {why}); training goes on")
