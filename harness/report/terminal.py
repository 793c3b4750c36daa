"""Turn a `Report` into one screen of terminal text: 40 lines for six families at 100 columns."""

from collections.abc import Sequence

from rich import box
from rich.console import Console, JustifyMethod, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from harness.records import Verdict
from harness.report import formats, views
from harness.report.document import Arm, FormRow, GateCondition, Report
from harness.report.effort_table import SHARED, effort_words, tokens_to_choose
from harness.report.estimate_table import estimate_words
from harness.report.text import both_ends, one_line, shortened

COLOUR: dict[Verdict, str] = {"FINE_TUNE": "green", "PROMPT": "blue", "INCONCLUSIVE": "yellow"}
OUTCOME_COLOUR: dict[views.Mark, str] = {"pass": "green", "fail": "red", "unresolved": "yellow"}
MOST_REASONS = 2
"""Reasons shown: the table under them has a line for each condition, and the written reports show all."""
MOST_ILL = 3
"""Trials whose illnesses are told."""
MOST_WARNINGS = 4
"""Warnings shown."""
LONGEST = 300
"""Characters of one reason or warning."""
FRAME = 8
"""Characters of a panel's edge that hold no words."""
LONGEST_NAME = 60
"""Characters of one name."""


def render_terminal(report: Report, *, console: Console) -> None:
    """Print the report; every text of the report is literal, neither rich markup nor escape codes."""
    blocks = [
        _conditions(report),
        _slices_and_ships(report),
        [*_champions(report), *_search(report), *_effort(report)],
        _warnings(report),
    ]
    console.print(_verdict(report, width=console.width))
    for number, block in enumerate(filter(None, blocks)):
        for part in [*([Text()] if number else []), *block]:
            console.print(part)


def _verdict(report: Report, *, width: int) -> Panel:
    colour = COLOUR[report.verdict]
    body = Text(one_line(report.headline), style="bold")
    for reason in _most(views.shown_reasons(report), most=MOST_REASONS):
        body.append(f"\n- {reason}", style="not bold")
    title = Text(report.verdict, style=f"bold {colour}")
    name, spent = shortened(report.experiment, limit=60), estimate_words(report)
    # A line of its own would be one too many; the written reports have a table.
    spent = f" {spent}" if spent and len(name) + len(spent) + FRAME < width else ""
    where = Text(f"{name}{spent}", style="dim")
    return Panel(body, title=title, title_align="left", subtitle=where, subtitle_align="right", border_style=colour)


def _conditions(report: Report) -> list[RenderableType]:
    if not views.tested(report):
        return [Text(views.untested(report))]
    heads = ["effect", "90 % interval", "margin", "items", "p prove", "rule out"]
    table = _table(["Had to be proven", "outcome"], heads)
    for condition in views.tested(report):
        table.add_row(*_condition_row(condition, deciding=report.metric))
    needed = ", ".join(
        f"{formats.count(c.n_needed)} for {c.name}" for c in views.tested(report) if c.n_needed is not None
    )
    return [
        table,
        *([Text(one_line(f"Items that would settle it: about {needed}."), style="dim")] if needed else []),
    ]


def _condition_row(condition: GateCondition, *, deciding: str) -> list[Text]:
    floor = views.is_floor(condition)
    shown = formats.points if floor else formats.signed
    usual = condition.metric in (deciding, "acc", condition.gate)
    claimed = views.claim(condition) if usual else f"{views.claim(condition)} ({condition.metric})"
    return [
        _cell(both_ends(claimed, limit=LONGEST_NAME)),
        Text(condition.outcome, style=f"bold {OUTCOME_COLOUR[condition.outcome]}"),
        _cell(shown(condition.effect)),
        _cell(formats.interval(condition.low, condition.high, sign=not floor)),
        _cell(shown(condition.margin)),
        _cell(formats.count(condition.n)),
        _cell(formats.p_value(condition.p_pass)),
        _cell(formats.p_value(condition.p_fail)),
    ]


def _slices_and_ships(report: Report) -> list[RenderableType]:
    """One line for the slices, and one a form: may it be served in place of the adapter."""
    counts = views.slice_counts(report)
    return [*([Text(f"Slices: {counts}.")] if counts else []), *map(_ship, report.ships)]


def _ship(row: FormRow) -> Text:
    return Text.assemble(
        f"{views.FORMS[row.form]}: ",
        ("blocked" if row.blocked else "may ship", "bold red" if row.blocked else "bold green"),
        f", {formats.signed(row.effect)} against the adapter",
    )


def _champions(report: Report) -> list[RenderableType]:
    champions = views.champions(report)
    if not champions:
        return []
    heads = ["test", "95 % interval", "validation", "tokens in", "out", "to choose"]
    table = _table([f"Champion, {shortened(report.metric, limit=20)}"], heads)
    for arm in champions:
        table.add_row(*_arm_row(arm, report=report))
    return [table]


def _arm_row(arm: Arm, *, report: Report) -> list[Text]:
    tested = arm.test.get(report.metric) if arm.test else None
    chosen_with = tokens_to_choose(report, arm)
    return [
        _cell(both_ends(arm.arm, limit=LONGEST_NAME), style="bold" if arm.arm == report.champion else ""),
        _cell(formats.points(tested)),
        _cell(formats.interval(arm.low, arm.high) or formats.NOTHING),
        _cell(formats.points(arm.validation.get(report.metric))),
        _cell(formats.count(arm.tokens_in)),
        _cell(formats.count(arm.tokens_out)),
        _cell(formats.NOTHING if chosen_with is None else formats.count(chosen_with)),
    ]


def _search(report: Report) -> list[RenderableType]:
    """How trials ended, the best one, and what ails whom, in one paragraph."""
    statuses = [trial.status for trial in report.trials]
    ended = [f"{statuses.count(s)} {s}" for s in ("complete", "pruned", "failed", "running") if s in statuses]
    ill = _most(views.ill_trials(report), most=MOST_ILL)
    said = [f"Search: {', '.join(ended) or 'no trial was run'}.", *_best(report)]
    return [Text(" ".join([*said, *([f"Diagnosis: {'; '.join(ill)}."] if ill else [])]))]


def _best(report: Report) -> list[str]:
    """The champion, and the loss of the epoch that is kept of it."""
    best, trial = views.arm_named(report, report.champion), views.champion_trial(report)
    if best is None or trial is None:
        return []
    lost = trial.epochs[trial.best_epoch - 1].validation_loss if trial.best_epoch else None
    loss = f", validation loss {formats.loss(lost)}" if lost is not None else ""
    return [f"Best: trial {trial.number} ({shortened(best.description, limit=200)}){loss}."]


def _effort(report: Report) -> list[RenderableType]:
    """Both sides in a line; the sum of the families is not shown here, so it needs no explanation."""
    sides = [f"Effort: {'; '.join(effort_words(report))}."] if report.effort else []
    notes = [note for note in report.effort_notes if note != SHARED]
    return [*map(Text, sides), *(Text(one_line(note), style="dim") for note in notes)]


def _warnings(report: Report) -> list[RenderableType]:
    lines = [Text(f"- {line}") for line in _most(report.warnings, most=MOST_WARNINGS)]
    return [Text("Before you decide", style="bold yellow"), *lines] if lines else []


def _most(lines: Sequence[str], *, most: int) -> list[str]:
    more = len(lines) - most
    shown = [shortened(line, limit=LONGEST) for line in lines[:most]]
    return [*shown, f"and {more} more in the report"] if more > 0 else shown


def _table(left: Sequence[str], right: Sequence[str]) -> Table:
    """An unframed table: words to the left, numbers to the right; the first column wraps, and nothing is cut."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=0, header_style="dim")
    for column, head in enumerate([*left, *right]):
        justify: JustifyMethod = "left" if column < len(left) else "right"
        table.add_column(Text(head), justify=justify, no_wrap=column > 0, overflow="fold")
    return table


def _cell(text: str, *, style: str = "") -> Text:
    return Text(one_line(text), style=style)
