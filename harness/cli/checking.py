"""The command `check`: all that can be known before the first forward pass."""

import os
from dataclasses import replace
from pathlib import Path
from textwrap import fill
from typing import Any

from rich.text import Text

from harness.adapters.models import ModelSummary, inspected_model
from harness.cli.consoles import minutes, out, print_json
from harness.cli.placing import placed
from harness.estimate import Sizes, expected_work, peak_bytes
from harness.loading import Resolved, load_experiment
from harness.plan.arms import prompt_arms, short_of_examples
from harness.plan.power import assumed
from harness.plan.state import HeldOut
from harness.prepare import STATE, benchmarks, checked_engines, corpus_source, data_source
from harness.previous import base_remarks, previous_versions
from harness.report.text import one_line
from harness.stages.audit import Audit, audited
from harness.stages.passages import corpus_passages
from harness.store import Store

INDENT = 9 * " "


def check_command(spec: Path, *, overrides: list[str], json: bool) -> int:
    """Validate, resolve, audit, estimate."""
    resolved = load_experiment(spec, overrides=overrides)
    with placed(resolved):
        checked_engines(resolved)
        where = resolved.where("model", "name")
        model = inspected_model(resolved.experiment.model, root=resolved.root, where=where)
        benches = benchmarks(resolved)
        labels = resolved.task.labels if resolved.task.kind == "label" else None
        columns = [gate.column for gate in resolved.experiment.gates.slices]
        explained = () if labels else resolved.task.definitions
        audit = audited(
            resolved.task.data, path=data_source(resolved).path, labels=labels, slices=columns, definitions=explained
        )
        earlier = previous_versions(resolved, store=Store(resolved.root / STATE / "store"))
        passages = _passages(resolved)
    short = short_of_examples(prompt_arms(resolved, labels=list(labels or [])), train=audit.sizes["train"])
    strangers = base_remarks(earlier, model=resolved.experiment.model.name)
    audit = audit.model_copy(update={"remarks": [*audit.remarks, *short, *strangers]})
    judged = audit.sizes["test"] - audit.leaked
    power = assumed(resolved, size=HeldOut(judged, min(judged, audit.groups)), benchmarks=benches, slices=audit.slices)
    estimates = _estimates(resolved, audit, model, passages=passages)
    found = {**estimates, "passages": len(passages), "power": [row.model_dump(mode="json") for row in power]}
    if json:
        print_json({"experiment": resolved.name, "data": audit.model_dump(), **found})
    else:
        _show(resolved, audit, model, found)
    return 0


def _passages(resolved: Resolved) -> list[str]:
    """The corpus, where a variant shows passages of it."""
    source, spec = corpus_source(resolved), resolved.task.corpus
    shown = any(variant.passages for family in resolved.families for variant in family.variants)
    return corpus_passages(str(source.path), text=spec.text) if shown and source and spec else []


def _estimates(resolved: Resolved, audit: Audit, model: ModelSummary, *, passages: list[str]) -> dict[str, Any]:
    train, validation, test = (audit.sizes[name] for name in ("train", "validation", "test"))
    sizes = Sizes(train, validation, test, audit.input_characters, audit.reference_characters)
    if passages:
        sizes = replace(sizes, passage_characters=sum(map(len, passages)) / len(passages))
    work = expected_work(resolved, sizes=sizes, weight_bytes=model.weight_bytes)
    return {
        "model": {"name": model.name, "weight_bytes": model.weight_bytes, "remark": model.remark},
        "seconds": {row.title: round(row.count * row.seconds) for row in work},
        "peak_bytes": peak_bytes(resolved, sizes=sizes, weight_bytes=model.weight_bytes),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
    }


def _show(resolved: Resolved, audit: Audit, model: ModelSummary, found: dict[str, Any]) -> None:
    out.print(f"{resolved.name}: {resolved.task.description}", style="bold", markup=False)
    remark = f", {model.remark}" if model.remark else ""
    out.print(f"model    {model.name} ({model.weight_bytes / 1e9:.2f} GB{remark})", markup=False)
    out.print(f"data     {', '.join(f'{name} {size}' for name, size in audit.sizes.items())}", markup=False)
    if found["passages"]:
        out.print(f"corpus   {found['passages']:,} passages", markup=False)
    for line in audit.remarks:
        _indented(line)
    out.print("power    what each gate can prove, before anything is measured:", markup=False)
    for row in found["power"]:
        _indented(row["sentence"])
    out.print(f"time     at most about {minutes(sum(found['seconds'].values()))} on two CPU cores:", markup=False)
    for title, seconds in filter(lambda row: row[1], found["seconds"].items()):
        out.print(f"         {minutes(seconds):>8}  {title}", markup=False)
    peak, memory = found["peak_bytes"] / 1e9, found["memory_bytes"] / 1e9
    out.print(f"memory   about {peak:.1f} GB of {memory:.0f} GB", markup=False)
    if peak > 0.9 * memory:
        out.print("         may not fit: use a smaller search.micro_batch_size or model", style="bold", markup=False)


def _indented(text: str) -> None:
    """A sentence under its heading, however many lines it takes."""
    out.print(Text(fill(one_line(text), out.width, initial_indent=INDENT, subsequent_indent=INDENT)))
