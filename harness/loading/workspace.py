"""Turn the path of an experiment into everything it names, checked, with every mistake at its place."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import SpecErrors, UserError
from harness.loading.baselines import Around, loaded_families
from harness.loading.experiments import benchmark_files, experiment_problems
from harness.loading.further import mixed_names, unknown_task
from harness.loading.overrides import with_overrides
from harness.loading.places import Places, Problem
from harness.loading.positions import read_document
from harness.loading.tasks import TaskFiles
from harness.loading.textfile import typed_path
from harness.loading.validate import validated
from harness.loading.words import KeyPath, did_you_mean, listed, nearest, shown
from harness.specs import BaselineSpec, ExperimentSpec, TaskSpec

# `model: sample` is short for `model: {name: sample}`.
_SHORTHAND: dict[KeyPath, str] = {("model",): "name"}
_TASK_RANK = 1


@dataclass(frozen=True)
class Resolved:
    """An experiment and all that it names, checked."""

    name: str
    """The spec file's stem."""
    path: Path
    root: Path
    """The workspace: the nearest folder above the spec that holds `tasks`."""
    experiment: ExperimentSpec
    task: TaskSpec
    """With the experiment's `data` laid over the task's."""
    task_dir: Path
    families: tuple[BaselineSpec, ...]
    engineered_prompt: str
    """Text of the hand-written prompt."""
    benchmarks: dict[str, Path | None]
    """File of each forgetting benchmark; None where it has to be an lm-eval task."""
    metric_code: dict[str, str]
    """Source text of each `metrics.py:FUNCTION` metric."""
    places: Places = field(repr=False, compare=False)
    task_places: Places = field(repr=False, compare=False)
    mixed: Mapping[str, TaskSpec] = field(default_factory=dict)
    """Tasks whose examples the search mixes in, by name."""

    def where(self, *path: str | int) -> str:
        """`file:line:column` of a key path or its nearest ancestor, or the `--set` that gave it."""
        return str(self.places.at(path))

    def task_where(self, *path: str | int) -> str:
        """The same for a key path of the task, which the experiment's `data` may have replaced."""
        return str(self.task_places.at(path))


def load_experiment(path: Path, *, overrides: Sequence[str] = ()) -> Resolved:
    """Read and check an experiment; raises `SpecErrors` with every mistake, in the order of the files."""
    file = _spec_file(path)
    root = _workspace(file)
    document = read_document(file)
    data, applied, malformed = with_overrides(document.data, overrides, shorthand=_SHORTHAND)
    places = Places(document, overrides=applied)
    exact, mistakes = validated(ExperimentSpec, data, places=places)
    # What is sound is checked all the same, so that one run shows every mistake.
    wrong = {problem.path[0] for problem in mistakes if problem.path} | ({"task"} - data.keys())
    experiment = exact or _sound_part(data, wrong)
    task, task_problems = _task(experiment.task, experiment.data, root=root, places=places)
    spec, task_file = task.spec if task else None, root / "tasks" / experiment.task / "task.yaml"
    around = Around(root, file.stem, spec, task_file)
    families, family_problems = loaded_families(experiment.baselines, root=root, places=places, around=around)
    further = experiment_problems(experiment, spec, root=root, places=places)
    mixed, mix_problems = _mixed(experiment, root=root, places=places)
    follow_ups = [*task_problems, *family_problems, *further, *mix_problems]
    problems = [*malformed, *mistakes, *(item for item in follow_ups if not _blamed(item, wrong))]
    if problems or task is None:
        raise _all_of(problems)
    return Resolved(
        name=file.stem,
        path=file,
        root=root,
        experiment=experiment,
        task=task.spec,
        task_dir=task.folder,
        families=tuple(families),
        engineered_prompt=task.prompt(),
        benchmarks=benchmark_files(experiment, root=root),
        metric_code=task.code(),
        places=places,
        task_places=task.places,
        mixed=mixed,
    )


def _spec_file(path: Path) -> Path:
    """The absolute path of an existing file with a usable name."""
    file = Path(os.path.abspath(path))
    where = typed_path(file)
    if not os.path.exists(file):
        raise UserError("there is no such file", where=where, fix=_similar(file))
    if not re.fullmatch(r"[A-Za-z0-9_-]+", file.stem):
        what = f"the name {shown(file.stem)} cannot name an experiment; needs letters, digits, _ and - only"
        raise UserError(what, where=where, fix="rename the file")
    return file


def _similar(file: Path) -> str:
    if not file.parent.is_dir():
        return f"there is no folder {typed_path(file.parent)} either; check the path"
    beside = {name.stem: name for name in sorted(file.parent.iterdir()) if name.suffix in (".yaml", ".yml")}
    if guess := nearest(file.stem, beside):
        return f"did you mean {typed_path(beside[guess])}?"
    names = listed([other.name for other in beside.values()])
    return f"specs in that folder: {names}" if names else "that folder holds no specs yet; write one"


def _workspace(file: Path) -> Path:
    for folder in file.parents:
        if (folder / "tasks").is_dir():
            return folder
    what = "no folder above this file holds a tasks folder, so there is no workspace"
    raise UserError(what, where=typed_path(file), fix="move the file into a workspace's experiments folder")


def _sound_part(data: dict[str, Any], wrong: set[str | int]) -> ExperimentSpec:
    """The experiment with defaults in place of every section that holds a mistake."""
    sound = {key: item for key, item in data.items() if key not in wrong}
    return ExperimentSpec.model_validate({"task": "", **sound})


def _blamed(problem: Problem, wrong: set[str | int]) -> bool:
    """Whether a later check stumbled over a section that is already known to be wrong."""
    in_experiment = problem.order[0] == 0
    return in_experiment and bool(problem.path) and problem.path[0] in wrong


def _task(name: str, data: dict[str, Any], *, root: Path, places: Places) -> tuple[TaskFiles | None, list[Problem]]:
    known = _tasks(root)
    if name not in known:
        fix = did_you_mean(name, known, kind="tasks")
        return None, [places.problem(("task",), f"unknown task {shown(name)}", fix=fix)]
    return _task_files(name, data, root=root, overlay=places)


def _tasks(root: Path) -> list[str]:
    return sorted(file.parent.name for file in (root / "tasks").glob("*/task.yaml"))


def _task_files(
    name: str, data: dict[str, Any], *, root: Path, overlay: Places | None
) -> tuple[TaskFiles | None, list[Problem]]:
    """A task that is there, with the experiment's `data` laid over its own."""
    folder = root / "tasks" / name
    try:
        document = read_document(folder / "task.yaml")
    except UserError as error:
        return None, [Problem((_TASK_RANK, 0, 0), error)]
    own = Places(document, rank=_TASK_RANK, overlay=overlay)
    merged = {**document.data, "data": overlaid(document.data.get("data"), data)} if data else document.data
    spec, problems = validated(TaskSpec, merged, places=own)
    if spec is None:
        return None, problems
    task = TaskFiles(spec, folder, root, own)
    return task, list(task.problems())


def _mixed(experiment: ExperimentSpec, *, root: Path, places: Places) -> tuple[dict[str, TaskSpec], list[Problem]]:
    """The tasks that the search mixes in, as their own files have them."""
    known, found, problems = _tasks(root), dict[str, TaskSpec](), list[Problem]()
    for name in mixed_names(experiment):
        if name not in known:
            index = experiment.search.mix.tasks.index(name) if experiment.search.mix else 0
            problems.append(unknown_task(name, index=index, known=known, places=places))
            continue
        task, mistakes = _task_files(name, {}, root=root, overlay=None)
        problems += mistakes
        if task is not None:
            found[name] = task.spec
    return found, problems


def overlaid(below: Any, above: Any) -> Any:
    """Mappings merged, `above` winning; an empty section changes nothing."""
    if isinstance(below, dict) and isinstance(above, dict):
        return below | {key: overlaid(below.get(key), item) for key, item in above.items()}
    return below if above is None and isinstance(below, dict) else above


def _all_of(problems: Iterable[Problem]) -> SpecErrors:
    """One error per message, in the order of the files."""
    ordered = sorted(problems, key=lambda problem: problem.order)
    return SpecErrors(list({str(problem.error): problem.error for problem in ordered}.values()))
