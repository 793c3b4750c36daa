"""The commands that compute: run, baselines, search."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from rich.table import Table

from harness.adapters.models import model_bytes
from harness.cli.admitting import Admission
from harness.cli.consoles import out, print_json, say, warn
from harness.cli.display import RunDisplay
from harness.cli.main import STATUS
from harness.cli.mirroring import StudyMirror
from harness.cli.placing import placed
from harness.cli.prompts import prompts_as_json, show_prompts
from harness.cli.reporting import shown_report
from harness.cli.retrying import forget_failed
from harness.disk import room_in
from harness.errors import UserError
from harness.estimate import Work, planned_work
from harness.loading import load_experiment
from harness.metrics import metric_info
from harness.objectives import rule
from harness.plan import Goal, Plan, plan
from harness.plan.power import expected
from harness.plan.setup import Setup
from harness.prepare import (
    STATE,
    checked_engines,
    checked_keys,
    checked_logins,
    checked_watchers,
    keys_in_the_clear,
    prepared,
    uses_hub,
)
from harness.report.losing import named
from harness.report.text import one_line
from harness.report.trial_rows import TriedTrial
from harness.runner import run_to_goal
from harness.runner.local_worker import LocalWorker
from harness.store import Store
from harness.wording import configuration


def run_command(spec: Path, *, overrides: list[str], retry_failed: bool, force: bool, json: bool) -> int:
    """Everything, up to the verdict and its report."""
    setup, store, finished = _reached(spec, overrides=overrides, goal="verdict", force=force, retry_failed=retry_failed)
    report = shown_report(setup, finished=finished, store=store, json=json)
    return STATUS[report.verdict]


def baselines_command(spec: Path, *, overrides: list[str], every: bool, force: bool, json: bool) -> int:
    """Prompts on validation."""
    setup, store, finished = _reached(spec, overrides=overrides, goal="baselines", force=force)
    if json:
        print_json(prompts_as_json(setup, finished, find=store.find))
    else:
        show_prompts(setup, finished, find=store.find, every=every)
    return 0


def search_command(spec: Path, *, overrides: list[str], force: bool, json: bool) -> int:
    """Prompts and trials on validation."""
    from harness.report.tried import tried

    setup, store, finished = _reached(spec, overrides=overrides, goal="search", force=force)
    lost = tried(setup, finished, store=store)
    if json:
        rows = {
            "trials": [trial.model_dump(mode="json") for trial in finished.trials],
            "tried": [row.model_dump(mode="json") for row in lost],
        }
        told = {"objectives": setup.resolved.experiment.search.objectives, "rule": _rule(setup, finished)}
        print_json({"experiment": setup.resolved.name, "metric": setup.metric, **told, **rows})
        return 0
    best_prompt = max(float(scored.scores.summary["mean"][setup.metric]) for scored in finished.baselines)
    table = Table(
        "trial",
        "tried",
        "epochs",
        "status",
        setup.metric,
        title=f"Trials on validation; the best prompt has {best_prompt:.3f}",
    )
    for trial in finished.trials:
        value = "" if trial.value is None else f"{trial.value:.3f} (epoch {trial.best_epoch})"
        params = trial.params
        table.add_row(
            str(trial.number),
            configuration(params),
            str(params["epochs"]),
            f"{trial.status}: {trial.stopped}" if trial.stopped else trial.status,
            value,
        )
    out.print(table)
    out.print(one_line(_rule(setup, finished)), markup=False)
    _show_tried(lost)
    return 0


def _show_tried(lost: list[TriedTrial]) -> None:
    """Why each trial lost, and under it what ails it."""
    for row in lost:
        out.print(one_line(f"trial {row.trial} ({row.ended}): {row.reason}"), markup=False)
        for found in row.findings:
            out.print(f"  {named(found)}: {one_line(found.evidence)} {found.remedy}", style="dim", markup=False)


def _rule(setup: Setup, finished: Plan) -> str:
    search, title = setup.resolved.experiment.search, metric_info(setup.metric).title
    return rule(search, metric=title, trials=finished.trials)


def _reached(
    spec: Path, *, overrides: list[str], goal: Goal, force: bool, retry_failed: bool = False
) -> tuple[Setup, Store, Plan]:
    """The plan of `goal` with nothing missing; computes what is. Raises `UserError` where no search should begin."""
    resolved = load_experiment(spec, overrides=overrides)
    with placed(resolved):
        checked_engines(resolved)
        checked_watchers(resolved)
        setup = prepared(resolved, say=say)
    folder = resolved.root / STATE
    with room_in(folder), _alone(folder), placed(resolved):
        store = Store(folder / "store")
        store.sweep()
        if retry_failed:
            forget_failed(setup, store, goal=goal)
        if not plan(setup, finished=store.find, goal=goal).done:  # What is finished asks nobody.
            checked_keys(resolved)
            checked_logins(resolved)
            for remark in keys_in_the_clear(resolved).values():
                warn(f"warning: {remark}")
        with (
            _display(setup, store) as display,
            LocalWorker(store, folder=folder, offline=not uses_hub(setup)) as worker,
        ):
            admit = Admission(setup, store, goal=goal, force=force)
            mirror = StudyMirror(setup, state=folder, warn=warn)
            finished = run_to_goal(
                setup, store=store, executor=worker, display=display, goal=goal, admit=admit, watch=mirror
            )
    if finished.refusal is not None:
        raise finished.refusal
    return setup, store, finished


def _display(setup: Setup, store: Store) -> RunDisplay:
    weights = model_bytes(setup.model.path)

    def work(current: Plan) -> list[Work]:
        return planned_work(setup, current, weight_bytes=weights)

    return RunDisplay(store.find, work=work, power=lambda current: expected(setup, current))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One run at a time in a workspace: a second one would compute the same steps."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "run.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(
            "another run is going on in this workspace", where=str(folder / "run.lock"), fix="wait for it, or stop it"
        ) from None
    try:
        yield
    finally:
        lock.release()
