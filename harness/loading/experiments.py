"""Turn an experiment into its mistakes that only the workspace shows: model, gates, benchmarks."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.errors import UserError
from harness.loading.further import further_problems
from harness.loading.methods import method_problems
from harness.loading.metric_names import is_metric, unknown_metric
from harness.loading.places import Places, Problem
from harness.loading.sources import model_folder
from harness.loading.words import KeyPath, dotted, shown
from harness.metrics import METRICS
from harness.specs import ExperimentSpec, TaskSpec

_ROUGE = "rougeL"


def experiment_problems(
    experiment: ExperimentSpec, task: TaskSpec | None, *, root: Path, places: Places
) -> Iterator[Problem]:
    """Every mistake; those of the gates only where the task could be read."""
    try:
        model_folder(experiment.model.name, root=root)
    except UserError as error:
        yield places.problem(("model", "name"), error.what, fix=error.fix)
    if task is not None:
        yield from _gate_problems(experiment, task, places)
    yield from method_problems(experiment, places=places)
    gates = experiment.gates
    benchmarks, columns = [gate.benchmark for gate in gates.forgetting], [gate.column for gate in gates.slices]
    yield from _twice(benchmarks, path=("gates", "forgetting"), field=("benchmark",), places=places)
    yield from _twice(columns, path=("gates", "slices"), field=("column",), places=places)
    yield from further_problems(experiment, root=root, places=places)
    forms = gates.ships.forms if gates.ships else []
    yield from _twice(forms, path=("gates", "ships", "forms"), field=(), places=places)


def _twice(names: Sequence[str], *, path: KeyPath, field: KeyPath, places: Places) -> Iterator[Problem]:
    for i, name in enumerate(names):
        if name in names[:i]:
            what = f"{dotted(path)} names {shown(name)} twice"
            yield places.problem((*path, i, *field), what, fix="keep one of them")


def _gate_problems(experiment: ExperimentSpec, task: TaskSpec, places: Places) -> Iterator[Problem]:
    for name in experiment.gates.metrics:
        path = ("gates", "metrics", name)
        if not is_metric(name):
            yield unknown_metric(path, name, known=[*task.metrics, *METRICS], places=places)
        elif name not in task.metrics:
            yield _unscored(path, name, experiment.task, places)
    if experiment.gates.rouge is not None:
        yield from _rouge_problems(experiment, task, places)
    parse = experiment.gates.format
    if parse is not None and parse.labels and task.kind != "label":
        what = f"gates.format.labels needs a task of kind label; {experiment.task} is of kind {task.kind}"
        yield places.problem(("gates", "format", "labels"), what, fix="give a regex or a json_schema")


def _rouge_problems(experiment: ExperimentSpec, task: TaskSpec, places: Places) -> Iterator[Problem]:
    if _ROUGE not in task.metrics:
        yield _unscored(("gates", "rouge"), _ROUGE, experiment.task, places)
    if _ROUGE in experiment.gates.metrics:
        what = f"{_ROUGE} has a gate twice, under rouge and metrics"
        yield places.problem(("gates", "metrics", _ROUGE), what, fix="keep one of them", key=True)


def _unscored(path: tuple[str, ...], metric: str, task: str, places: Places) -> Problem:
    what = f"{dotted(path)} needs the metric {metric}, which task {task} does not score"
    return places.problem(path, what, fix=f"add {metric} to metrics in tasks/{task}/task.yaml", key=True)


def benchmark_files(experiment: ExperimentSpec, *, root: Path) -> dict[str, Path | None]:
    """The file of each forgetting benchmark; None where it has to be an lm-eval task of that name."""
    ours = own_benchmarks(root)
    return {gate.benchmark: ours.get(gate.benchmark) for gate in experiment.gates.forgetting}


def own_benchmarks(root: Path) -> dict[str, Path]:
    """The benchmarks that the workspace has files of, by name."""
    return {file.stem: file for file in sorted((root / "tasks" / "forgetting").glob("*.yaml"))}
