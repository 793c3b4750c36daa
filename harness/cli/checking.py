"""The command `check`: all that can be known before the first forward pass."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.adapters.machine import this_machine
from harness.adapters.models import ModelSummary, auto_dtype, folder_at_hand, inspected_model
from harness.asks import Sizes
from harness.cli.asking import api_lines, api_rows, prompts_line, prompts_row, wrapped
from harness.cli.consoles import minutes, out, print_json
from harness.cli.further import audited_further
from harness.cli.meeting import readable
from harness.cli.needing import needs_lines, needs_rows, tokens_line, tokens_rows
from harness.cli.placing import placed
from harness.estimate import expected_tokens, expected_work
from harness.family_asks import every_family_asks
from harness.loading import Resolved, load_experiment
from harness.memory import Load
from harness.plan.power import assumed
from harness.plan.remarks import family_remarks
from harness.plan.state import HeldOut
from harness.prepare import (
    STATE,
    benchmarks,
    checked_engines,
    checked_method,
    checked_watchers,
    corpus_source,
    data_source,
)
from harness.previous import base_remarks, previous_versions
from harness.room import shortages
from harness.stages.audit import Audit, audited
from harness.stages.met import Benchmarks
from harness.stages.passages import corpus_passages
from harness.store import Store


def check_command(spec: Path, *, overrides: list[str], json: bool) -> int:
    """Validate, resolve, audit, estimate."""
    resolved = load_experiment(spec, overrides=overrides)
    with placed(resolved):
        checked_engines(resolved)
        checked_watchers(resolved)
        if (folder := folder_at_hand(resolved.experiment.model, root=resolved.root)) is not None:
            checked_method(resolved, folder=folder)
        where = resolved.where("model", "name")
        model = inspected_model(resolved.experiment.model, root=resolved.root, where=where)
        benches = benchmarks(resolved)
        audit = _audit(resolved, benchmarks=readable(benches))
        further = audited_further(resolved, benchmarks=benches)
        earlier = previous_versions(resolved, store=Store(resolved.root / STATE / "store"))
        passages = _passages(resolved)
    train, count = audit.sizes["train"], len(passages)
    families = family_remarks(resolved, labels=audit.labels, train=train, passages=count)
    strangers = base_remarks(earlier, model=resolved.experiment.model.name)
    remarks = [*audit.remarks, *further.remarks, *families, *strangers]
    audit = audit.model_copy(update={"remarks": remarks})
    judged = audit.sizes["test"] - audit.leaked
    power = assumed(resolved, size=HeldOut(judged, min(judged, audit.groups)), benchmarks=benches, slices=audit.slices)
    found = {
        **_estimates(resolved, audit, model, passages=passages, further=further.sizes),
        "passages": len(passages),
        "power": [row.model_dump(mode="json") for row in power],
    }
    if json:
        print_json({"experiment": resolved.name, "data": audit.model_dump(), **found})
    else:
        _show(resolved, audit, model, found)
    return 0


def _audit(resolved: Resolved, *, benchmarks: Benchmarks) -> Audit:
    """Of the splits that a run would make."""
    task = resolved.task
    labels = task.labels if task.kind == "label" else None
    return audited(
        task.data,
        path=data_source(resolved).path,
        kind=task.kind,
        labels=labels,
        slices=[gate.column for gate in resolved.experiment.gates.slices],
        definitions=() if labels else task.definitions,
        benchmarks=benchmarks,
    )


def _passages(resolved: Resolved) -> list[str]:
    """The corpus, where a variant shows passages of it."""
    source, spec = corpus_source(resolved), resolved.task.corpus
    shown = any(variant.passages for family in resolved.families for variant in family.variants)
    return corpus_passages(str(source.path), text=spec.text) if shown and source and spec else []


def _estimates(
    resolved: Resolved,
    audit: Audit,
    model: ModelSummary,
    *,
    passages: list[str],
    further: dict[str, tuple[int, float]],
) -> dict[str, Any]:
    train, validation, test = (audit.sizes[name] for name in ("train", "validation", "test"))
    characters = (audit.input_characters, audit.reference_characters)
    longest = audit.longest_characters
    known = (train, validation, test, *characters)
    sizes = Sizes(*known, labels=tuple(audit.labels), longest_characters=longest, further=further)
    if passages:
        sizes = replace(sizes, passage_characters=sum(map(len, passages)) / len(passages))
    asked = every_family_asks(resolved, sizes=sizes)
    dtype = auto_dtype() if resolved.experiment.model.dtype == "auto" else resolved.experiment.model.dtype
    work = expected_work(resolved, asked=asked, sizes=sizes, weight_bytes=model.weight_bytes, dtype=dtype)
    load = Load(resolved, sizes, model.shape, dtype, this_machine(resolved.root / STATE))
    return {
        "model": {"name": model.name, "weight_bytes": model.weight_bytes, "remark": model.remark},
        "prompts": [prompts_row(asks) for asks in asked],
        "apis": api_rows(asked, resolved=resolved, sizes=sizes),
        "tokens": tokens_rows(expected_tokens(resolved, asked=asked, sizes=sizes)),
        "seconds": {row.title: round(row.count * row.seconds) for row in work},
        "needs": needs_rows(load, asked=asked),
        "short": [short.sentence for short in shortages(load, asked=asked)],
    }


def _show(resolved: Resolved, audit: Audit, model: ModelSummary, found: dict[str, Any]) -> None:
    out.print(f"{resolved.name}: {resolved.task.description}", style="bold", markup=False)
    remark = f", {model.remark}" if model.remark else ""
    out.print(f"model    {model.name} ({model.weight_bytes / 1e9:.2f} GB{remark})", markup=False)
    out.print(f"data     {', '.join(f'{name} {size}' for name, size in audit.sizes.items())}", markup=False)
    if found["passages"]:
        out.print(f"corpus   {found['passages']:,} passages", markup=False)
    for line in audit.remarks:
        out.print(wrapped(line), markup=False)
    out.print(prompts_line(found["prompts"]), markup=False)
    for line in api_lines(found["apis"]):
        out.print(line, markup=False)
    out.print("power    what each gate can prove, before anything is measured:", markup=False)
    for row in found["power"]:
        out.print(wrapped(row["sentence"]), markup=False)
    out.print(tokens_line(found["tokens"]), markup=False)
    unknown = " without the models behind an API" if any(row["seconds"] is None for row in found["apis"]) else ""
    whole = minutes(sum(found["seconds"].values()))
    out.print(f"time     at most about {whole} on two CPU cores{unknown}:", markup=False)
    for title, seconds in filter(lambda row: row[1], found["seconds"].items()):
        out.print(f"         {minutes(seconds):>8}  {title}", markup=False)
    for line in needs_lines(found["needs"]):
        out.print(line, markup=False)
    for short in found["short"]:
        out.print(wrapped(short), style="bold", markup=False)
