"""The commands that show what is there: report, runs, compare, schema."""

import json as json_module
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.markup import escape
from rich.table import Table

from harness.canonical import digest
from harness.cli.consoles import out, print_json, say
from harness.cli.main import STATUS
from harness.cli.placing import placed
from harness.disk import room_in
from harness.errors import UserError
from harness.loading import load_experiment
from harness.plan import Plan, plan
from harness.plan.setup import Setup
from harness.prepare import STATE, prepared
from harness.report.document import Report
from harness.store import Store


def report_command(target: str, *, overrides: list[str], json: bool) -> int:
    """Render a finished run again."""
    if target.endswith((".yaml", ".yml")):
        resolved = load_experiment(Path(target), overrides=overrides)
        with placed(resolved):
            setup, store = prepared(resolved, say=say), Store(resolved.root / STATE / "store")
        finished = plan(setup, finished=store.find)
        if finished.refusal is not None:
            raise finished.refusal
        if not finished.done:
            raise UserError(
                f"the run is not finished: {len(finished.missing)} or more steps are missing",
                where=target,
                fix=f"harness run {target}",
            )
        return STATUS[shown_report(setup, finished=finished, store=store, json=json).verdict]
    found = stored_report(target)
    _show(found, folder=write_report(found, root=Path.cwd()), json=json)
    return STATUS[found.verdict]


def shown_report(setup: Setup, *, finished: Plan, store: Store, json: bool) -> Report:
    """Build, write and show the report of a finished plan; remember the run."""
    from harness.report.build import build

    report, root = build(setup, finished=finished, store=store), setup.resolved.root
    folder = root / STATE / "runs" / run_id(report)
    _written(folder, {"report.json": _as_json(report)})
    _show(report, folder=write_report(report, root=root), json=json)
    return report


def run_id(report: Report) -> str:
    """Experiment name and eight hex digits over everything that does not depend on machine or clock."""
    return f"{report.experiment}-{digest(report.model_dump(mode='json', exclude={'provenance', 'timing'}))[:8]}"


def write_report(report: Report, *, root: Path) -> Path:
    """`reports/EXPERIMENT/report.{md,html,json}`."""
    from harness.report.html import render_html
    from harness.report.markdown import render_markdown

    folder = root / "reports" / report.experiment
    texts = {"json": _as_json(report), "md": render_markdown(report), "html": render_html(report)}
    return _written(folder, {f"report.{ending}": text for ending, text in texts.items()})


def _written(folder: Path, texts: dict[str, str]) -> Path:
    """Every file whole or as it was."""
    for name, text in texts.items():
        with room_in(folder / name):
            folder.mkdir(parents=True, exist_ok=True)
            temporary = folder / f".{name}.new"
            temporary.write_text(text, "utf-8")
            temporary.replace(folder / name)
    return folder


def _show(report: Report, *, folder: Path, json: bool) -> None:
    from harness.report.terminal import render_terminal

    if json:
        print_json(report.model_dump(mode="json"))
        return
    render_terminal(report, console=out)
    out.print(f"\nRun {run_id(report)}. Report: {folder / 'report.html'}", markup=False, soft_wrap=True)


def _as_json(report: Report) -> str:
    return json_module.dumps(report.model_dump(mode="json"), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def stored_report(name: str) -> Report:
    """The report of a run, of an experiment's latest run, or of a file."""
    places = [Path(STATE) / "runs" / name / "report.json", Path("reports") / name / "report.json", Path(name)]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        known = ", ".join(sorted(place.parent.name for place in Path(STATE).glob("runs/*/report.json"))) or "none yet"
        raise UserError(f"no such run, experiment or report: {name}", fix=f"choose one of `harness runs`: {known}")
    try:
        return Report.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise UserError(
            "is not a report of this version of the harness", where=str(path), fix="run its experiment again"
        ) from error


def runs_command(*, json: bool) -> int:
    """Every finished run of this workspace, newest last."""
    paths = sorted(Path(STATE).glob("runs/*/report.json"), key=lambda path: path.stat().st_mtime)
    reports = [(path.parent.name, stored_report(path.parent.name)) for path in paths]
    if json:
        print_json([{"run": name, **_row(report)} for name, report in reports])
        return 0
    if not reports:
        say("no finished runs here; start one with: harness run experiments/quickstart.yaml")
        return 0
    table = Table("run", "verdict", "task", "model", "tuned", "best prompt")
    for name, report in reports:
        row = _row(report)
        table.add_row(name, report.verdict, report.task, escape(report.model), row["tuned"], row["best_prompt"])
    out.print(table)
    return 0


def _row(report: Report) -> dict[str, str]:
    scores = {arm.arm: f"{arm.test[report.metric]:.3f}" for arm in report.leaderboard if arm.test}
    return {
        "experiment": report.experiment,
        "verdict": report.verdict,
        "task": report.task,
        "model": report.model,
        "metric": report.metric,
        "tuned": scores.get(report.champion or "", "–"),
        "best_prompt": scores.get(report.best_prompt, "–"),
    }


def compare_command(a: str, b: str, *, json: bool) -> int:
    """Two reports side by side."""
    first, second = stored_report(a), stored_report(b)
    rows: dict[str, tuple[Any, Any]] = {name: (_row(first)[name], _row(second)[name]) for name in _row(first)}
    rows["test set"] = (first.data.hashes["test"][:12], second.data.hashes["test"][:12])
    names = {row.name for report in (first, second) for row in report.conditions}
    for name in sorted(names):
        rows[name] = (_outcome(first, name), _outcome(second, name))
    specs = _differences(first.spec, second.spec)
    if json:
        print_json({"a": a, "b": b, "rows": rows, "spec": specs})
        return 0
    table = Table("", escape(a), escape(b))
    for name, (left, right) in {**rows, **specs}.items():
        table.add_row(name, escape(str(left)), escape(str(right)), style="" if left == right else "bold")
    out.print(table)
    if rows["test set"][0] != rows["test set"][1]:
        out.print("The two were tested on different items: their scores cannot be compared item by item.", markup=False)
    return 0


def _outcome(report: Report, name: str) -> str:
    found = [f"{row.outcome} ({row.effect:+.3f})" for row in report.conditions if row.name == name]
    return ", ".join(found) or "–"


def _differences(a: Any, b: Any, *, path: str = "") -> dict[str, tuple[Any, Any]]:
    """Leaves in which two nested values differ."""
    if isinstance(a, dict) and isinstance(b, dict):
        found: dict[str, tuple[Any, Any]] = {}
        for key in {**a, **b}:
            found |= _differences(a.get(key), b.get(key), path=f"{path}.{key}" if path else key)
        return found
    return {} if a == b else {path: (a, b)}


def schema_command(kind: str) -> int:
    """JSON Schema of a spec."""
    from harness.specs import BaselineSpec, ExperimentSpec, TaskSpec
    from harness.specs.base import Spec

    models: dict[str, type[Spec]] = {"experiment": ExperimentSpec, "task": TaskSpec, "baseline": BaselineSpec}
    folders = {"experiments": "experiment", "tasks": "task", "baselines": "baseline", "family": "baseline"}
    model = models.get(folders.get(kind, kind))
    if model is None:
        raise UserError(f"no such spec: {kind}", fix=f"choose one of {', '.join(models)}")
    print_json(model.model_json_schema())
    return 0
