"""The commands that look ahead: check and plan."""

from pathlib import Path
from typing import Any

from rich.table import Table

from harness.adapters.models import model_bytes
from harness.cli.consoles import minutes, out, print_json, say
from harness.estimate import Sizes, expected_work, peak_bytes
from harness.loading import load_experiment
from harness.plan import plan
from harness.plan.setup import Setup
from harness.prepare import prepared
from harness.stages.audit import Audit, audited
from harness.store import Store
from harness.why import reason_missing

STATE = ".harness"


def check_command(spec: Path, *, overrides: list[str], json: bool) -> int:
    """Everything that can be known before the first forward pass."""
    resolved = load_experiment(spec, overrides=overrides)
    setup = prepared(resolved, say=say)
    audit = audited(resolved.task.data, path=setup.source.path)
    train, validation, test = (audit.sizes[name] for name in ("train", "validation", "test"))
    sizes = Sizes(train, validation, test, audit.input_characters, audit.reference_characters)
    weights = model_bytes(setup.model.path)
    found = {
        "experiment": resolved.name,
        "model": {"name": setup.model.name, "fingerprint": setup.model.fingerprint},
        "data": audit.model_dump(),
        "seconds": {
            row.title: round(row.count * row.seconds) for row in expected_work(setup, sizes=sizes, weight_bytes=weights)
        },
        "peak_bytes": peak_bytes(setup, sizes=sizes, weight_bytes=weights),
        "memory_bytes": machine_bytes(),
    }
    if json:
        print_json(found)
    else:
        _show(setup, audit, found)
    return 0


def machine_bytes() -> int:
    """Memory of this machine."""
    import os

    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _show(setup: Setup, audit: Audit, found: dict[str, Any]) -> None:
    out.print(f"{setup.resolved.name}: {setup.resolved.task.description}", style="bold", markup=False)
    out.print(f"model    {setup.model.name} ({setup.model.fingerprint[:12]})", markup=False)
    out.print(f"data     {', '.join(f'{name} {size}' for name, size in audit.sizes.items())}", markup=False)
    for line in audit.remarks:
        out.print(f"         {line}", markup=False)
    total = sum(found["seconds"].values())
    out.print(
        f"time     about {minutes(total)} in all on a machine like the one the estimate was made on (2 cores)",
        markup=False,
    )
    for title, seconds in found["seconds"].items():
        out.print(f"         {minutes(seconds):>8}  {title}", markup=False)
    peak, memory = found["peak_bytes"] / 1e9, found["memory_bytes"] / 1e9
    out.print(f"memory   about {peak:.1f} GB of {memory:.0f} GB", markup=False)
    if peak > 0.9 * memory:
        out.print("         may not fit: use a smaller search.micro_batch_size or model", style="bold", markup=False)


def plan_command(spec: Path, *, overrides: list[str], why: bool, json: bool) -> int:
    """Finished and missing steps, as far as they can be known now."""
    resolved = load_experiment(spec, overrides=overrides)
    store = Store(resolved.root / STATE / "store")
    current = plan(prepared(resolved, say=say), finished=store.find)
    missing = {step.key for step in current.missing}
    steps = {step.key: step for step in current.wanted}
    rows = [
        {"key": key, "title": step.title, "state": "missing" if key in missing else "finished"}
        | ({"why": reason_missing(step, store)} if why and key in missing else {})
        for key, step in steps.items()
    ]
    if json:
        print_json({"steps": rows, "more": bool(missing)})
        return 0
    table = Table("step", "what", "state", *(["why"] if why else []))
    for row in rows:
        table.add_row(row["key"], row["title"], row["state"], *([row.get("why", "")] if why else []))
    out.print(table)
    if missing:
        out.print("More steps follow from the results of these.", markup=False)
    return 0
