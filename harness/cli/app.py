"""The commands and their help; each imports what it needs when it is called."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Find out whether fine-tuning a model beats prompting it, before you pay for it.",
    epilog="Start with:  harness check experiments/quickstart.yaml",
)

# Not `readable`: the commands say themselves what cannot be read and what to do, in one line.
Spec = Annotated[
    Path,
    typer.Argument(
        metavar="SPEC",
        help="An experiment, e.g. experiments/quickstart.yaml.",
        show_default=False,
        readable=False,
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Replace a value of the spec, e.g. --set search.trials=8. May be repeated."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a machine to read.")]
Retry = Annotated[bool, typer.Option("--retry-failed", help="Train failed trials once more, say after freeing memory.")]

Force = Annotated[
    bool,
    typer.Option("--force", help="Begin although memory or disk cannot hold it, going by the estimate of `check`."),
]


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> int | None:
    if version:
        from harness import __version__

        typer.echo(__version__)
        raise typer.Exit
    return None


@app.command(epilog="Example:  harness run experiments/quickstart.yaml --set search.trials=8")
def run(spec: Spec, set: Set = None, retry_failed: Retry = False, force: Force = False, json: Json = False) -> int:
    """Baselines, search, gates, verdict, report. Goes on where it was stopped.

    What this machine cannot hold is refused before it begins; `harness run SPEC --force` begins all the same.
    Exit status: 0 FINE_TUNE, 3 PROMPT, 4 INCONCLUSIVE, 2 a mistake in the spec, 1 a bug, 130 Ctrl-C, 143 SIGTERM.
    """
    from harness.cli.running import run_command

    return run_command(spec, overrides=set or [], retry_failed=retry_failed, force=force, json=json)


@app.command(epilog="Example:  harness check experiments/quickstart.yaml")
def check(spec: Spec, set: Set = None, json: Json = False) -> int:
    """Validate the spec, audit the data, tell what can be proven, estimate time, memory and disk; nothing heavy."""
    from harness.cli.checking import check_command

    return check_command(spec, overrides=set or [], json=json)


@app.command(epilog="Example:  harness plan experiments/quickstart.yaml --why")
def plan(
    spec: Spec,
    set: Set = None,
    why: Annotated[
        bool, typer.Option("--why", help="Name the field that makes each missing step differ from a finished one.")
    ] = False,
    json: Json = False,
) -> int:
    """Show which steps are finished and which would run."""
    from harness.cli.planning import plan_command

    return plan_command(spec, overrides=set or [], why=why, json=json)


@app.command(epilog="Example:  harness baselines experiments/quickstart.yaml")
def baselines(
    spec: Spec,
    set: Set = None,
    all: Annotated[bool, typer.Option("--all", help="Show every configuration, not only the best ones.")] = False,
    force: Force = False,
    json: Json = False,
) -> int:
    """Score every prompt configuration on validation; trains nothing, touches no test item."""
    from harness.cli.running import baselines_command

    return baselines_command(spec, overrides=set or [], every=all, force=force, json=json)


@app.command(epilog="Example:  harness search experiments/quickstart.yaml --set search.trials=8")
def search(spec: Spec, set: Set = None, force: Force = False, json: Json = False) -> int:
    """Baselines and search on validation; touches no test item."""
    from harness.cli.running import search_command

    return search_command(spec, overrides=set or [], force=force, json=json)


@app.command(epilog="Example:  harness judge scores.json --json")
def judge(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Per-item scores as JSON; - reads standard input.",
            show_default=False,
            readable=False,
        ),
    ],
    json: Json = False,
) -> int:
    """The verdict on per-item scores that came from any tool.

    FILE holds `metric` (binary, graded or macro_f1), `ft` (a list of scores per training seed), `baselines`
    ({family: [score per item]}) and optionally alpha, margin, floor, y, clusters, slices, forgetting, scope,
    chosen_seed, planned_looks, prior_uses_of_test_set. Exit status: 0 FINE_TUNE, 3 PROMPT, 4 INCONCLUSIVE, 2 bad input.
    """
    from harness.cli.judging import judge_command

    return judge_command(file, json=json)


@app.command(epilog="Example:  harness report experiments/quickstart.yaml")
def report(
    target: Annotated[
        str, typer.Argument(metavar="SPEC|RUN", help="A spec, or a run from `harness runs`.", show_default=False)
    ],
    set: Set = None,
    json: Json = False,
) -> int:
    """Show and write the report of a finished run again; computes nothing."""
    from harness.cli.reporting import report_command

    return report_command(target, overrides=set or [], json=json)


@app.command(epilog="Example:  harness compare quickstart-1a2b3c4d reports/banking77/report.json")
def compare(
    a: Annotated[str, typer.Argument(help="A run, an experiment's name, or a report.json.", show_default=False)],
    b: Annotated[str, typer.Argument(help="Another.", show_default=False)],
    json: Json = False,
) -> int:
    """Two runs side by side: verdicts, scores, and what their specs differ in."""
    from harness.cli.reporting import compare_command

    return compare_command(a, b, json=json)


@app.command(epilog="Example:  harness runs --json")
def runs(json: Json = False) -> int:
    """List the finished runs of this workspace."""
    from harness.cli.reporting import runs_command

    return runs_command(json=json)


@app.command(epilog="Example:  harness ledger --json")
def ledger(json: Json = False) -> int:
    """List every use of test items in this workspace, and check that none was changed or removed.

    A test set is good for one verdict, or for as many as gates.planned_looks declared at its first use. The column
    `use` counts the verdicts that share a test item with the one in that line.
    """
    from harness.cli.ledger import ledger_command

    return ledger_command(json=json)


@app.command(epilog="Example:  harness schema baseline > baseline.schema.json")
def schema(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="[KIND]",
            help="experiment (experiments/*.yaml), task (tasks/*/task.yaml) or baseline (baselines/*.yaml).",
        ),
    ] = "experiment",
) -> int:
    """Print the JSON Schema of a spec, for editors."""
    from harness.cli.reporting import schema_command

    return schema_command(kind)
