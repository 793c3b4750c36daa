"""Turn a `Report` into GitHub-flavoured Markdown: the page's order, without drawings and folded parts."""

from collections.abc import Iterator, Sequence

from harness.records import Trial
from harness.report import formats, views
from harness.report.data_rows import ShownExample
from harness.report.document import Arm, GateCondition, Report, SliceRow
from harness.report.effort_table import COUNTED, effort_table
from harness.report.estimates_markdown import estimates
from harness.report.gfm import inline, name, table
from harness.report.prompts_markdown import prompts
from harness.report.search_markdown import searched_parameters
from harness.report.text import shortened
from harness.report.trade_markdown import trade_section
from harness.report.tried_markdown import chosen_epochs, tried

SHOWN = 5
"""Examples shown; the page shows all."""
LONGEST = 300
"""Characters of one text in an example."""


def render_markdown(report: Report) -> str:
    """The report as Markdown; every text of the report is escaped and shown as text."""
    sections = (
        _top,
        _warnings,
        _conditions,
        _slices,
        _ships,
        _doubt,
        _leaderboard,
        prompts,
        _search,
        trade_section,
        tried,
        _forgetting,
        _effort,
        estimates,
        _data,
        _examples,
        _record,
    )
    blocks = [block for section in sections for block in section(report) if block]
    return "\n\n".join(blocks) + "\n"


def _top(report: Report) -> Iterator[str]:
    yield f"# {report.verdict}: {inline(report.experiment)}"
    yield f"**{inline(report.headline)}**"
    yield "\n".join(f"- {inline(reason)}" for reason in views.shown_reasons(report))
    yield (
        f"Task {name(report.task)}: {inline(report.task_description)} Model {name(report.model)}, tuned with "
        f"{name(report.method)}: {views.shipped(report)}. Scores are {name(report.metric)} in points (score × 100). "
        f"FINE_TUNE may be wrong {formats.points(report.alpha)} % of the time at most."
    )


def _warnings(report: Report) -> Iterator[str]:
    if report.warnings:
        yield "\n".join(["> **Before you decide**", ">", *(f"> - {inline(text)}" for text in report.warnings)])


def _conditions(report: Report) -> Iterator[str]:
    yield "## What had to be proven"
    if not views.tested(report):
        yield views.untested(report)
        return
    heads = ["Condition", "Metric", "Outcome", "Effect", "90 % interval", "Has to exceed"]
    heads += ["Items", "p to prove", "p to rule out"]
    yield table(heads, map(_condition_row, views.tested(report)), right=3)


def _condition_row(condition: GateCondition) -> list[str]:
    floor = views.is_floor(condition)
    shown = formats.points if floor else formats.signed
    needed = "" if condition.n_needed is None else f" (needs ~{formats.count(condition.n_needed)})"
    return [
        inline(views.claim(condition)),
        name(condition.metric),
        f"{views.SYMBOL[condition.outcome]} {condition.outcome}",
        f"**{shown(condition.effect)}**",
        _interval(condition.low, condition.high, sign=not floor),
        shown(condition.margin),
        f"{formats.count(condition.n)}{needed}",
        _p(condition.p_pass),
        _p(condition.p_fail),
    ]


def _slices(report: Report) -> Iterator[str]:
    if report.slices:
        yield "## Parts of the test set"
        yield (
            "A regression is proven where p, corrected by Holm over all rows, is small; on a gated slice it vetoes, "
            "and one that p alone shows is enough to withhold FINE_TUNE."
        )
        heads = ["Slice", "Against", "Finding", "Effect", "90 % interval", "Items", "p", "p (Holm)"]
        yield table(heads, map(_slice_row, report.slices), right=3)


def _slice_row(row: SliceRow) -> list[str]:
    finding = views.slice_finding(row)
    return [
        inline(row.slice),
        inline(row.against),
        f"**{finding}**" if row.regressed or row.withholds else finding,
        formats.signed(row.effect),
        _interval(row.low, row.high, sign=True) if row.judged else formats.NOTHING,
        formats.count(row.n),
        formats.NOTHING if row.p is None else _p(row.p),
        _p(row.p_holm),
    ]


def _ships(report: Report) -> Iterator[str]:
    if report.ships:
        yield "## What may ship"
        heads = [
            "Form",
            "May ship",
            "Against the adapter",
            "90 % interval",
            "May lose",
            "Items",
            "Answers scored differently",
        ]
        rows = [
            [
                inline(views.FORMS[row.form]),
                "**blocked**" if row.blocked else "yes",
                formats.signed(row.effect),
                _interval(row.low, row.high, sign=True),
                formats.points(row.margin),
                formats.count(row.n),
                f"{row.changed:.0%}",
            ]
            for row in report.ships
        ]
        yield table(heads, rows, right=2)


def _doubt(report: Report) -> Iterator[str]:
    lines = [*report.uncertainty, *report.power]
    if report.leaked:
        lines.insert(0, f"{views.leaked_sentence(report.leaked)}")
    if lines:
        yield "## Where the doubt comes from"
        yield "\n".join(f"- {inline(line)}" for line in lines)


def _leaderboard(report: Report) -> Iterator[str]:
    yield "## Leaderboard"
    heads = [
        "Arm",
        "How",
        "Test",
        "95 % interval",
        "Validation",
        "Tokens in",
        "Tokens out",
        "Unfinished",
        "Invalid",
    ]
    rows = (_arm_row(arm, metric=report.metric) for arm in report.leaderboard)
    yield table(heads, rows, right=2) if report.leaderboard else "No configuration was scored."


def _arm_row(arm: Arm, *, metric: str) -> list[str]:
    tested = formats.points(arm.test.get(metric)) if arm.test else formats.NOTHING
    return [
        f"**{name(arm.arm)}** (champion)" if arm.champion else name(arm.arm),
        inline(arm.description),
        tested,
        _interval(arm.low, arm.high) or formats.NOTHING,
        formats.points(arm.validation.get(metric)),
        *_counts(arm),
    ]


def _counts(arm: Arm) -> list[str]:
    found = (arm.tokens_in, arm.tokens_out, arm.unfinished, arm.invalid)
    return [formats.count(number) if views.counted(arm) else formats.NOTHING for number in found]


def _search(report: Report) -> Iterator[str]:
    yield "## The search"
    if not report.trials:
        yield "No trial was run."
        return
    names = views.varied_params(report.trials)
    heads = ["Trial", "Status", *map(inline, names), "Validation", "Best epoch"]
    yield table(heads, (_trial_row(trial, names=names, report=report) for trial in report.trials), right=2)
    shared = views.shared_params(report.trials)
    same = ", ".join(f"{inline(key)} {inline(formats.plain(value))}" for key, value in shared.items())
    yield f"The same in all: {same}." if same else ""
    yield chosen_epochs(report)
    yield from searched_parameters(report)


def _trial_row(trial: Trial, *, names: Sequence[str], report: Report) -> list[str]:
    chosen = report.champion == views.trial_arm(trial)
    why = trial.error or trial.stopped
    error = f": {inline(shortened(why, limit=160))}" if why else ""
    return [
        f"**{trial.number}** (chosen)" if chosen else str(trial.number),
        f"{trial.status}{error}",
        *(inline(formats.plain(trial.params.get(key))) for key in names),
        formats.points(trial.value),
        formats.plain(trial.best_epoch),
    ]


def _forgetting(report: Report) -> Iterator[str]:
    yield "## Forgetting"
    rows = [
        [
            inline(found.benchmark),
            formats.points(found.base),
            formats.points(found.tuned),
            formats.points(found.margin),
            formats.count(found.n),
        ]
        for found in report.forgetting
    ]
    shown = table(["Benchmark", "Base", "Tuned", "May lose", "Items"], rows, right=1)
    yield shown if rows else views.unforgotten(report)


def _effort(report: Report) -> Iterator[str]:
    yield "## Equal effort"
    found = effort_table(report)
    rows = [[f"**{row.name}**" if row.is_side else inline(row.name), *row.cells] for row in found.rows]
    heads = ["Choosing", *(head.capitalize() for head in found.heads)]
    yield table(heads, rows, right=1) if rows else "Not counted."
    yield "\n".join(f"- {inline(note)}" for note in ([COUNTED] if rows else []) + report.effort_notes)


def _data(report: Report) -> Iterator[str]:
    data = report.data
    yield "## Data"
    sizes = ", ".join(f"{inline(split)} {formats.count(size)}" for split, size in data.sizes.items())
    facts = [
        f"Source: {inline(data.source)}, licence {inline(data.license)}",
        f"Examples: {sizes or 'none'}",
        f"Exact duplicates across splits: {formats.count(data.duplicates_total)}; "
        f"test items left out as seen before: {formats.count(data.leaked_total)}; "
        f"rows left out: {formats.count(data.dropped)}",
        *(f"SHA-256 of {inline(split)}: {name(digest[:12])}" for split, digest in data.hashes.items()),
        *(inline(views.further_sentence(rows)) for rows in data.further),
    ]
    yield "\n".join(f"- {fact}" for fact in facts)


def _examples(report: Report) -> Iterator[str]:
    if report.examples:
        yield "## Examples side by side"
        yield from (_example(example) for example in report.examples[:SHOWN])
        more = len(report.examples) - SHOWN
        yield f"{more} more in the HTML report." if more > 0 else ""


def _example(example: ShownExample) -> str:
    rows = [
        ["Input", formats.NOTHING, _said(example.input)],
        ["Reference", formats.NOTHING, _said(example.reference)],
    ]
    rows += [[name(a.arm), formats.points(a.score), _said(a.text)] for a in example.answers]
    return table([inline(example.id), "Score", "Text"], rows, right=3)


def _said(text: str) -> str:
    return inline(shortened(text, limit=LONGEST)) or "(empty)"


def _record(report: Report) -> Iterator[str]:
    yield f"Model fingerprint: {name(report.model_fingerprint)}. Report schema {report.schema_version}."


def _interval(low: float | None, high: float | None, *, sign: bool = False) -> str:
    return formats.interval(low, high, sign=sign)


def _p(p: float) -> str:
    return formats.p_value(p).replace("<", "&lt;")
