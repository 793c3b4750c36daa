"""Turn a finished plan into what was expected of each kind of work, beside what it came to."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from harness.adapters.machine import Machine
from harness.adapters.models import model_bytes
from harness.estimate import Work, kind_of, planned_work
from harness.family_asks import every_family_asks
from harness.memory import memory_needs
from harness.plan import Plan
from harness.plan.effort import Finished
from harness.plan.setup import Setup
from harness.report.estimate_rows import Counts, EstimateRow
from harness.room import planned_load
from harness.store import Artifact

SUMMARY = {"read": "tokens_in", "generated": "tokens_out", "trained": "tokens"}
"""Where an artifact counts tokens."""


class Estimates(NamedTuple):
    """What was expected is worked out anew from spec and data: the same however often a run was stopped."""

    rows: list[EstimateRow]
    """Kinds of which there was, or should have been, any."""
    seconds: dict[str, float]
    """By kind, as the clock measured them."""
    memory: dict[str, dict[str, int]]
    """By kind: `expected_bytes` where this machine's memory is on record, and `peak_bytes`."""


def estimates(setup: Setup, finished: Plan, *, find: Finished) -> Estimates:
    """Of a plan that reached its goal."""
    done = _by_kind(finished, find=find)
    work = planned_work(setup, finished, weight_bytes=model_bytes(setup.model.path))
    expected = _expected_bytes(setup, finished, every=[artifact for made in done.values() for artifact in made])
    return Estimates(
        rows=[_row(row, done=done.get(row.kind, [])) for row in work if row.count or row.kind in done],
        seconds={kind: round(sum(artifact.seconds for artifact in made), 1) for kind, made in done.items()},
        memory={
            kind: {**({"expected_bytes": expected[kind]} if kind in expected else {}), "peak_bytes": peak}
            for kind, made in done.items()
            if (peak := max(map(_peak, made)))
        },
    )


def _by_kind(finished: Plan, *, find: Finished) -> Mapping[str, list[Artifact]]:
    """Every artifact of a kind that is estimated, once."""
    found: dict[str, list[Artifact]] = defaultdict(list)
    for step in {step.key: step for step in finished.wanted}.values():
        if (kind := kind_of(step)) and (artifact := find(step.key)):
            found[kind].append(artifact)
    return dict(found)


def _row(work: Work, *, done: list[Artifact]) -> EstimateRow:
    counted = {name: sum(int(artifact.summary.get(key, 0)) for artifact in done) for name, key in SUMMARY.items()}
    each = (work.tokens_in, work.tokens_out, work.tokens_trained)
    expected = {name: round(work.count * tokens) for name, tokens in zip(SUMMARY, each, strict=True)}
    return EstimateRow(
        kind=work.kind,
        title=work.title,
        expected_steps=work.count,
        steps=len(done),
        expected_seconds=round(work.count * work.seconds, 1),
        expected=Counts(**expected),
        counted=Counts(**counted),
    )


def _expected_bytes(setup: Setup, finished: Plan, *, every: Iterable[Artifact]) -> dict[str, int]:
    """By kind, where the machine that made the artifacts left its size."""
    known: dict[str, Any] = {}
    for artifact in every:
        known |= {name: size for name, size in artifact.provenance.items() if name in ("memory_bytes", "gpu_bytes")}
    if "memory_bytes" not in known:
        return {}
    gpu = known.get("gpu_bytes")
    machine = Machine(known["memory_bytes"], disk=0, has_gpu=gpu is not None, gpu=gpu)
    load = planned_load(setup, finished, machine=machine)
    needs = memory_needs(load, asked=every_family_asks(setup.resolved, sizes=load.sizes))
    place = "memory" if gpu is None else "GPU memory"
    found = {need.phase: round(need.expected) for need in needs if need.place == place}
    phases = {
        "train": "training",
        **dict.fromkeys(("optimise", "prompt", "tuned", "probe", "test", "forgetting"), "answering"),
    }
    return {kind: found[phase] for kind, phase in phases.items() if phase in found}


def _peak(artifact: Artifact) -> int:
    """Of the GPU, where one held the model."""
    return int(artifact.provenance.get("gpu_peak_bytes", artifact.provenance.get("peak_bytes", 0)))
