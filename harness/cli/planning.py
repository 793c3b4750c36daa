"""The command `plan`: finished and missing steps."""

from pathlib import Path

from rich.table import Table

from harness.cli.consoles import out, print_json, say
from harness.cli.placing import placed
from harness.loading import load_experiment
from harness.plan import plan
from harness.prepare import STATE, prepared
from harness.store import Store
from harness.why import reason_missing


def plan_command(spec: Path, *, overrides: list[str], why: bool, json: bool) -> int:
    """Finished and missing steps, as far as they can be known now."""
    resolved = load_experiment(spec, overrides=overrides)
    store = Store(resolved.root / STATE / "store")
    with placed(resolved):
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
