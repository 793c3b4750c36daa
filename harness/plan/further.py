"""Turn what the tuning arm learns from besides the task into the steps that read it, and a trial into its epochs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from harness.plan import build
from harness.plan.arms import plain_prompt
from harness.plan.desk import Desk
from harness.plan.setup import Setup, Source
from harness.prompts import PromptConfig
from harness.records import Trial
from harness.specs import FurtherSpec, SearchSpec, TaskSpec
from harness.stages.columns import SOURCE
from harness.stages.further import MIXED
from harness.steps import Step
from harness.store import Artifact

Further = Mapping[str, Artifact]
"""`text`, `replay`, `preferences` or `mix:TASK` to its rows."""
Phase = Literal["text", "sft", "preferences"]
NAMES: dict[Phase, str] = {"text": "text epoch", "sft": "epoch", "preferences": "DPO epoch"}


class Lap(NamedTuple):
    """One epoch of one phase of a trial."""

    phase: Phase
    epoch: int
    """From 1, within the phase."""
    epochs: int
    """Of the phase."""

    @property
    def scored(self) -> bool:
        """Whether the model is asked on validation after it; a model that only read text has not met the task yet."""
        return self.phase != "text"


def further_sections(spec: SearchSpec) -> dict[str, FurtherSpec]:
    """The sections of a search that name a source, by their key."""
    named = {"text": spec.text, "replay": spec.replay, "preferences": spec.preferences}
    return {name: section for name, section in named.items() if section is not None}


def planned_further(setup: Setup, desk: Desk) -> Further | None:
    """The rows of every source; None while one is to be read."""
    search = setup.resolved.experiment.search
    steps = {name: _source_step(setup, name, section) for name, section in further_sections(search).items()}
    for name in search.mix.tasks if search.mix else ():
        if data := desk.want(_data_step(setup, name)):
            steps[f"mix:{name}"] = _mixed_step(setup, name, data=data)
    found = {role: desk.want(step) for role, step in steps.items()}
    return None if desk.missing else {role: artifact for role, artifact in found.items() if artifact}


def _source_step(setup: Setup, name: str, section: FurtherSpec) -> Step:
    source = setup.further[name]
    asked = {"rows": rows_asked(section, source), "from": source.identity}
    return _step(setup, name, asked, local={"further": source.path}, title=name)


def rows_asked(section: FurtherSpec, source: Source) -> dict[str, Any]:
    """What of a section decides which rows there are; a path is no identity, its bytes are."""
    place = {"source": section.source if source.path is None else "bytes", "revision": source.identity.get("revision")}
    return {**section.model_dump(mode="json", exclude={"license", *_OF_TRAINING}), **place}


_OF_TRAINING = {"share", "epochs", "after", "beta", "learning_rate"}
"""What says how rows are trained on and not which ones there are."""


def _data_step(setup: Setup, name: str) -> Step:
    """The data of another task; a mistake in it is told of that task."""
    step = build.data_step_of(setup.resolved.mixed[name], setup.mixed[name])
    return replace(step, local={**step.local, "task": name}, title=f"read data of {name}")


def _mixed_step(setup: Setup, name: str, *, data: Artifact) -> Step:
    task, source = setup.resolved.mixed[name], setup.mixed[name]
    rows = {"template": mixed_template(task, answers=data.summary["labels"])}
    # What it reads there follows from the data step that it needs.
    place = {SOURCE: {"data": build.inputs_of(task, source)["data"], "path": source.path}}
    step = _step(setup, "mix", {"rows": rows}, title=f"examples of {name}", local=place)
    return replace(step, needs={MIXED: data.key})


def mixed_template(task: TaskSpec, *, answers: Sequence[str]) -> str:
    """What another task asks; `answers` are those of its training split, where they are its labels."""
    labels = list(task.labels or answers) if task.kind == "label" else []
    return plain_prompt(task, labels=labels).template


def _step(setup: Setup, name: str, asked: dict[str, Any], *, title: str, local: dict[str, Any] | None = None) -> Step:
    """A step knows the task's data, and the gated benchmarks, to leave out what repeats them."""
    benches = setup.benchmarks
    held = {"benchmarks": {bench: found.identity for bench, found in benches.items()}}
    files = {"benchmarks": {bench: (found.file, found.data) for bench, found in benches.items()}}
    inputs = {**build.data_inputs(setup), **held, **asked, "further": name}
    where = {"path": setup.source.path, **files, **(local or {})}
    return Step("further", inputs, local=where, title=f"read {title}")


def laps(spec: SearchSpec, *, epochs: int, stalled: int | None = None) -> list[Lap]:
    """The epochs of a trial that was given `epochs`, in their order: text, then the task, then preferences.

    Those on the task end with `stalled`, an epoch among them; they stay so many of `epochs`, as their schedule does.
    """
    pairs, counts = spec.preferences, {"text": spec.text.epochs if spec.text else 0, "sft": epochs, "preferences": 0}
    if pairs is not None and pairs.after == "nothing":
        counts |= {"sft": 0, "preferences": epochs}
    elif pairs is not None:
        counts["preferences"] = pairs.epochs
    trained = {**counts, "sft": counts["sft"] if stalled is None else min(stalled, counts["sft"])}
    return [Lap(phase, epoch, counts[phase]) for phase in NAMES for epoch in range(1, trained[phase] + 1)]


def trial_steps(
    setup: Setup,
    *,
    number: int,
    params: dict[str, Any],
    prompt: PromptConfig,
    data: str,
    further: Further,
    seed: int = 0,
    stalled: int | None = None,
) -> list[tuple[Lap, Step]]:
    """Every epoch of a trial, each from the one before it; `seed` counts the seeds after that of the search.

    Of a trial that made no progress on the task after the epoch `stalled` preferences come next.
    """
    shared: dict[str, Any] = {"number": number, "params": params, "prompt": prompt, "data": data, "further": seed}
    again = f" with further seed {seed}" if seed else ""
    found: list[tuple[Lap, Step]] = []
    previous: str | None = None
    start: str | None = None
    for lap in laps(setup.resolved.experiment.search, epochs=params["epochs"], stalled=stalled):
        start = previous if lap.epoch == 1 else start
        step = build.epoch_step(setup, **shared, epoch=lap.epoch, previous=previous)
        more = _of_lap(setup, lap, step, params=params, further=further, start=start)
        title = f"train trial {number}{again}, {NAMES[lap.phase]} {lap.epoch} of {lap.epochs}"
        step = replace(step, inputs={**step.inputs, **more.inputs}, needs={**step.needs, **more.needs}, title=title)
        found.append((lap, step))
        previous = step.key
    return found


def task_epochs(trial: Trial) -> int:
    """How many epochs on the task a trial was trained for: fewer than it was given where it stalled."""
    return sum(epoch.phase == "sft" for epoch in trial.epochs)


def up_to(steps: list[tuple[Lap, Step]], *, trial: Trial) -> list[tuple[Lap, Step]]:
    """The epochs of a trial up to the one that is kept."""
    scored = [place for place, (lap, _) in enumerate(steps) if lap.scored]
    return steps[: scored[trial.best_epoch - 1] + 1] if trial.best_epoch else []


class _More(NamedTuple):
    """What a lap adds to an epoch on the task's own examples."""

    inputs: dict[str, Any]
    needs: dict[str, str]


def _of_lap(
    setup: Setup, lap: Lap, step: Step, *, params: dict[str, Any], further: Further, start: str | None
) -> _More:
    search = setup.resolved.experiment.search
    if lap.phase == "text":
        return _More(
            {"phase": "text", "params": {**step.inputs["params"], "epochs": lap.epochs}}, {"text": further["text"].key}
        )
    if lap.phase == "preferences" and search.preferences:
        behind = search.preferences.after == "sft"
        own = {"epochs": lap.epochs, **({"learning_rate": search.preferences.learning_rate} if behind else {})}
        inputs = {"phase": "preferences", "params": {**step.inputs["params"], **own}, "beta": params["beta"]}
        needs = {"preferences": further["preferences"].key}
        return _More(inputs, needs | ({"reference": start} if start and lap.epoch > 1 else {}))
    roles = [role for role in further if role == "replay" or role.startswith("mix:")]
    share = {"replay": {"share": search.replay.share}} if search.replay else {}
    mixed = {role: {"temperature": search.mix.temperature} for role in roles if search.mix and role != "replay"}
    added = {**mixed, **share}
    return _More({"added": added} if added else {}, {role: further[role].key for role in roles})
