"""The command `check`: all that can be known before the first forward pass."""

import os
from pathlib import Path
from typing import Any

from harness.adapters.models import ModelSummary, inspected_model
from harness.cli.consoles import minutes, out, print_json
from harness.cli.placing import placed
from harness.estimate import Sizes, expected_work, peak_bytes, smallest_gain
from harness.loading import Resolved, load_experiment
from harness.prepare import benchmarks, data_source
from harness.report.text import one_line
from harness.stages.audit import Audit, audited


def check_command(spec: Path, *, overrides: list[str], json: bool) -> int:
    """Validate, resolve, audit, estimate."""
    resolved = load_experiment(spec, overrides=overrides)
    with placed(resolved):
        where = resolved.where("model", "name")
        model = inspected_model(resolved.experiment.model, root=resolved.root, where=where)
        benchmarks(resolved)
        labels = resolved.task.labels if resolved.task.kind == "label" else None
        audit = audited(resolved.task.data, path=data_source(resolved).path, labels=labels)
    found = _estimates(resolved, audit, model)
    if json:
        print_json({"experiment": resolved.name, "data": audit.model_dump(), **found})
    else:
        _show(resolved, audit, model, found)
    return 0


def _estimates(resolved: Resolved, audit: Audit, model: ModelSummary) -> dict[str, Any]:
    train, validation, test = (audit.sizes[name] for name in ("train", "validation", "test"))
    sizes = Sizes(train, validation, test, audit.input_characters, audit.reference_characters)
    work = expected_work(resolved, sizes=sizes, weight_bytes=model.weight_bytes)
    return {
        "model": {"name": model.name, "weight_bytes": model.weight_bytes, "remark": model.remark},
        "seconds": {row.title: round(row.count * row.seconds) for row in work},
        "peak_bytes": peak_bytes(resolved, sizes=sizes, weight_bytes=model.weight_bytes),
        "smallest_gain": round(smallest_gain(resolved, groups=audit.groups), 4),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
    }


def _show(resolved: Resolved, audit: Audit, model: ModelSummary, found: dict[str, Any]) -> None:
    out.print(f"{resolved.name}: {resolved.task.description}", style="bold", markup=False)
    remark = f", {model.remark}" if model.remark else ""
    out.print(f"model    {model.name} ({model.weight_bytes / 1e9:.2f} GB{remark})", markup=False)
    out.print(f"data     {', '.join(f'{name} {size}' for name, size in audit.sizes.items())}", markup=False)
    for line in audit.remarks:
        out.print(f"         {one_line(line)}", markup=False)
    gain = f"a true gain of {100 * found['smallest_gain']:.0f} points over every prompt is found 4 times in 5"
    out.print(f"power    {gain} (before anything is measured)", markup=False)
    out.print(f"time     about {minutes(sum(found['seconds'].values()))} on two CPU cores, at most:", markup=False)
    for title, seconds in found["seconds"].items():
        out.print(f"         {minutes(seconds):>8}  {title}", markup=False)
    peak, memory = found["peak_bytes"] / 1e9, found["memory_bytes"] / 1e9
    out.print(f"memory   about {peak:.1f} GB of {memory:.0f} GB", markup=False)
    if peak > 0.9 * memory:
        out.print("         may not fit: use a smaller search.micro_batch_size or model", style="bold", markup=False)
