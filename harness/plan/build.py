"""Turn a decision (“answer the test set with this adapter”) into the step that carries it out."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from harness.canonical import digest
from harness.loading import Resolved
from harness.methods import trained_params
from harness.metrics import metric_info
from harness.plan.answering import corpus_inputs, prompt_step, quantization, tuned_answer_step
from harness.plan.arms import PromptArm, written_text
from harness.plan.setup import Setup, Source
from harness.prompts import PromptConfig
from harness.specs import MetricGate, TaskSpec
from harness.stages.data import LEARNT, SEEN
from harness.stages.met import LEARNT_FROM
from harness.steps import RETRIEVAL_LIBRARIES, Step, installed_versions
from harness.store import Artifact
from harness.uses import Opening

SETTINGS = ("batch_size", "micro_batch_size", "max_length", "warmup_ratio", "weight_decay")


def data_step(setup: Setup) -> Step:
    """Train and validation."""
    return data_step_of(setup.resolved.task, setup.source)


def data_step_of(task: TaskSpec, source: Source) -> Step:
    """Train and validation of any task."""
    return Step("data", inputs_of(task, source), local={"path": source.path}, title="read data")


def testset_step(setup: Setup, *, data: str, prompts: Iterable[PromptConfig], further: Mapping[str, str]) -> Step:
    """The test items, apart from all that selects; those that a champion has seen in some way are copies like others.

    It looks for them in the champions' `prompts`, in the corpus where one of these shows passages, in what earlier
    versions were trained on, and in the `further` data of the search (keys by role), where none should be left.
    """
    asked = list(prompts)
    corpus, where = corpus_inputs(setup) if any(prompt.passages for prompt in asked) else ({}, {})
    written = sorted({written_text(prompt) for prompt in asked})
    seen = {f"{SEEN}{name}": files.seen for name, files in setup.families.items() if files.seen}
    learnt = {f"{LEARNT}{role}": key for role, key in further.items()}
    for name, files in setup.families.items():
        learnt |= {f"{LEARNT}{name}:{place}": key for place, key in enumerate(files.learnt)}
    return Step(
        "testset",
        {**data_inputs(setup), "slices": _slice_columns(setup), "prompts": written, **corpus},
        needs={**{role: key for role, key in seen.items() if key != data}, **learnt, "data": data},
        local={"path": setup.source.path, **where},
        title="seal test set",
    )


def slices_step(setup: Setup) -> Step:
    """How large the slices of the test items are, and that their columns are there."""
    inputs = {**data_inputs(setup), "slices": _slice_columns(setup)}
    return Step("slices", inputs, local={"path": setup.source.path}, title="count slices")


def _slice_columns(setup: Setup) -> list[str]:
    return [gate.column for gate in setup.resolved.experiment.gates.slices]


def data_inputs(setup: Setup) -> dict[str, Any]:
    """What decides the splits."""
    return inputs_of(setup.resolved.task, setup.source)


def inputs_of(task: TaskSpec, source: Source) -> dict[str, Any]:
    """What decides the splits of any task."""
    spec = task.data.model_dump(mode="json", exclude={"source", "revision"})
    # The hub's name where it is needed to load; a path is no identity, its bytes are.
    shown = task.data.source if task.data.source.startswith("hub:") else "bytes"
    place = {"source": shown, "revision": source.identity.get("revision")}
    labels = task.labels if task.kind == "label" else None
    return {"data": {**spec, **place}, "source": source.identity, "kind": task.kind, "labels": labels}


def answer_step(setup: Setup, arm: PromptArm, *, split: str, needs: dict[str, str]) -> Step:
    """One prompt arm's answers on a split."""
    title = f"{'test' if split == 'test' else 'try'} {arm.name}"
    if arm.rule is not None:
        more: dict[str, Any] = {"answer": arm.answer} if arm.rule == "constant" else {}
        if arm.rule == "nearest":
            more["retrieval"] = installed_versions(RETRIEVAL_LIBRARIES["bm25"])
        kind = setup.resolved.task.kind
        return Step("predict", {"rule": arm.rule, **more, "kind": kind, "split": split}, needs=needs, title=title)
    return prompt_step(setup, arm, split=split, needs=needs, title=title)


def score_step(setup: Setup, *, split: str, labels: list[str], needs: dict[str, str], title: str) -> Step:
    """Per-item scores of stored answers."""
    task, code = setup.resolved.task, setup.resolved.metric_code
    inputs = {
        "metrics": list(task.metrics),
        "code": {name: digest(code[name]) for name in sorted(code)},
        "kind": task.kind,
        "labels": labels if task.kind == "label" else [],
        "split": split,
    }
    return Step("score", inputs, needs=needs, local={"task_dir": str(setup.resolved.task_dir)}, title=f"score {title}")


def epoch_step(
    setup: Setup,
    *,
    number: int,
    params: dict[str, Any],
    epoch: int,
    prompt: PromptConfig,
    data: str,
    previous: str | None,
    further: int = 0,
) -> Step:
    """One epoch of one trial, from the epoch before it; `further` counts the seeds after that of the search."""
    search = setup.resolved.experiment.search
    inputs = {
        "model": setup.model.identity(quantization=quantization(setup)),
        "method": search.method,
        "prompt": prompt.model_dump(),
        "params": {name: params[name] for name in trained_params(search.method)},
        "settings": {name: getattr(search, name) for name in SETTINGS},
        "seed": search.seed + further,
        "epoch": epoch,
    }
    needs = {"data": data} if previous is None else {"data": data, "previous": previous}
    again = f" with further seed {further}" if further else ""
    title = f"train trial {number}{again}, epoch {epoch} of {params['epochs']}"
    local = {**setup.model_place, "model_name": _portable_name(setup)}
    return Step("train", inputs, needs=needs, local=local, title=title, optional=True)


def _portable_name(setup: Setup) -> str:
    """The base model's name for the adapter's own record: a hub id, or a folder's name without its place."""
    return setup.model.path.name if setup.resolved.root.joinpath(setup.model.name).is_dir() else setup.model.name


def forgetting_step(
    setup: Setup, *, name: str, limit: int | None, adapter: str | None, learnt_from: Path | None = None
) -> Step:
    """A benchmark on the base model or on the tuned one, which learnt from the data in a folder."""
    bench = setup.benchmarks[name]
    inputs = {
        "model": setup.model.identity(quantization=quantization(setup) if adapter else None),
        "benchmark": name,
        "source": bench.identity,
        "half": "gate",
        "limit": limit,
    }
    local = {**setup.model_place, "file": bench.file, "data": bench.data}
    local |= {LEARNT_FROM: str(learnt_from)} if learnt_from else {}
    title = f"{name} with {'the tuned' if adapter else 'the base'} model"
    return Step("forgetting", inputs, needs={"adapter": adapter} if adapter else {}, local=local, title=title)


def latency_step(setup: Setup, prompt: PromptConfig, *, data: str, adapter: str, requests: int) -> Step:
    """Seconds of single requests to the tuned model; validation prompts will do, so no test item is spent."""
    answers = tuned_answer_step(
        setup, prompt, split="validation", needs={"data": data, "adapter": adapter}, title="time single requests"
    )
    inputs = {name: answers.inputs[name] for name in ("model", "prompt", "max_new_tokens")}
    return replace(answers, stage="latency", inputs={**inputs, "requests": requests})


def lock_step(setup: Setup, *, testset: Artifact, weights: str, rests_on: dict[str, str]) -> Step:
    """What will be judged, written down before the first test answer; its key is the opening's id.

    `rests_on` names, by role, the keys of everything the verdict will rest on, and so how each champion asks, the
    model, the decoding, the metrics and the benchmarks; what a champion is called is not in it. `weights` is the
    hash of the tuned champion: trained once more it is another candidate, unless it is the same to the bit.
    """
    hashes = {"test_sha256": testset.summary["hashes"]["test"], "weights_sha256": weights}
    inputs = {**judge_inputs(setup), **hashes, "rests_on": rests_on}
    return Step("lock", inputs, needs={"testset": testset.key}, title="lock the test set")


def opening_of(setup: Setup, *, lock: Artifact, testset: Artifact) -> Opening:
    """The use of the test items that a lock is about."""
    return Opening(
        id=lock.key,
        experiment=setup.resolved.name,
        test=testset.summary["hashes"]["test"],
        testset=str(testset.path),
        alpha=lock.inputs["alpha"],
        planned_looks=lock.inputs["planned_looks"],
    )


def opened(step: Step, opening: Opening) -> Step:
    """The same step; whoever runs it enters the opening in the ledger first."""
    return replace(step, local={**step.local, "opening": asdict(opening)})


def judge_step(setup: Setup, *, opening: Opening, needs: dict[str, str]) -> Step:
    """The verdict, on the terms that the ledger holds for its test items."""
    terms = setup.ledger.terms(opening)
    held = {"alpha": terms.alpha, "planned_looks": terms.planned_looks, "prior_uses_of_test_set": terms.prior_uses}
    step = Step("judge", {**judge_inputs(setup), **held}, needs={**needs, "lock": opening.id}, title="judge")
    return opened(step, opening)


def judge_inputs(setup: Setup) -> dict[str, Any]:
    """Level, looks, gates and families."""
    gates = setup.resolved.experiment.gates
    return {
        "alpha": gates.alpha,
        "planned_looks": gates.planned_looks,
        "gates": _gates(setup),
        "families": [family.family for family in setup.resolved.families],
        "ceilings": _ceilings(setup),
        "slices": [gate.model_dump() for gate in gates.slices],
        "ships": gates.ships and gates.ships.model_dump(),
        "forgetting": {gate.benchmark: gate.margin for gate in gates.forgetting},
        # Absent for an artifact, as it was before there were recipes: a lock that is in a ledger stays the same.
        **({"recipe": {"seeds": gates.seeds}} if gates.scope == "recipe" else {}),
    }


def _ceilings(setup: Setup) -> list[dict[str, Any]]:
    """The gates on a share of the answers."""
    gates = setup.resolved.experiment.gates
    asked = {"format": gates.format, "cost": gates.cost, "latency": gates.latency}
    return [{"gate": name, **gate.model_dump()} for name, gate in asked.items() if gate is not None]


def improvement_margin(resolved: Resolved) -> float:
    """What the deciding metric must gain over every prompt: the spec's margin, or the metric's own."""
    margin = resolved.experiment.gates.margin
    return metric_info(resolved.task.metrics[0]).margin if margin is None else margin


def _gates(setup: Setup) -> list[dict[str, Any]]:
    """The improvement gate on the deciding metric, then the ROUGE gate, then further metrics."""
    gates = setup.resolved.experiment.gates
    margin = improvement_margin(setup.resolved)
    found = [{"gate": "improvement", "metric": setup.metric, "margin": margin, "floor": None}]
    asked: list[tuple[str, str, MetricGate]] = [("metric", name, gate) for name, gate in gates.metrics.items()]
    if gates.rouge is not None:
        asked.insert(0, ("rouge", "rougeL", gates.rouge))
    for kind, metric, gate in asked:
        found.append({"gate": kind, "metric": metric, "margin": gate.margin, "floor": gate.floor})
    return [gate for gate in found if gate["margin"] is not None or gate["floor"] is not None]
