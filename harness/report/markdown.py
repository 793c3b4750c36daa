"""Turn a `Report` into GitHub-flavoured Markdown: the page's order, without drawings and folded parts."""

import re
from collections.abc import Iterable, Iterator, Sequence

from harness.records import Arm, GateCondition, Report, ShownExample, Trial
from harness.report import formats, views
from harness.report.text import one_line, shortened

SHOWN = 5
"""Examples shown; the page shows all."""
LONGEST = 300
"""Characters of one text in an example."""

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;"})
_SPECIAL = re.compile(r"[\\`*_{}\[\]|~^]|^[-+#=]|^\d+(?=[.)](?:\s|$))")
_LINKING = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./+-]*")


def render_markdown(report: Report) -> str:
    """The report as Markdown; every text of the report is escaped and shown as text."""
    sections = (
        _top,
        _warnings,
        _conditions,
        _leaderboard,
        _search,
        _forgetting,
        _effort,
        _data,
        _examples,
        _record,
    )
    blocks = [block for section in sections for block in section(report) if block]
    return "\n\n".join(blocks) + "\n"


def inline(text: str) -> str:
    """Any text on one line, where nothing in it means anything to Markdown, HTML or GitHub's autolinks."""
    safe = _SPECIAL.sub(_escaped, one_line(text).translate(_ENTITIES))
    return _LINKING.sub(lambda found: f"&#{ord(found[0])};", safe)


def name(text: str) -> str:
    """A plain name as code; anything stranger as escaped text."""
    return f"`{text}`" if _NAME.fullmatch(text) else inline(text)


def _escaped(found: re.Match[str]) -> str:
    text = found[0]
    return f"&#{ord(text[0])};{text[1:]}" if text[0].isdigit() else f"\\{text}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, right: int) -> str:
    """A table whose columns from number `right` on are numbers; cells are Markdown already."""
    rule = ["---" if column < right else "---:" for column in range(len(heads))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, rule, *rows))


def _top(report: Report) -> Iterator[str]:
    yield f"# {report.verdict}: {inline(report.experiment)}"
    yield f"**{inline(report.headline)}**"
    yield "\n".join(f"- {inline(reason)}" for reason in report.reasons)
    yield (
        f"Task {name(report.task)}: {inline(report.task_description)} Model {name(report.model)}, tuned with "
        f"{name(report.method)}. Scores are {name(report.metric)} in points (score × 100). FINE_TUNE may be "
        f"wrong {formats.points(report.alpha)} % of the time at most."
    )


def _warnings(report: Report) -> Iterator[str]:
    if report.warnings:
        yield "\n".join(["> **Before you decide**", ">", *(f"> - {inline(text)}" for text in report.warnings)])


def _conditions(report: Report) -> Iterator[str]:
    yield "## What had to be proven"
    if not report.conditions:
        yield "Nothing was tested: there was no tuned model to judge."
        return
    heads = ["Condition", "Metric", "Outcome", "Effect", "90 % interval", "Has to exceed"]
    heads += ["Items", "p to prove", "p to rule out"]
    yield _table(heads, map(_condition_row, report.conditions), right=3)


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
    yield _table(heads, rows, right=2) if report.leaderboard else "No configuration was scored."


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
    yield _table(heads, (_trial_row(trial, names=names, report=report) for trial in report.trials), right=2)
    shared = views.shared_params(report.trials)
    same = ", ".join(f"{inline(key)} {inline(formats.plain(value))}" for key, value in shared.items())
    yield f"The same in all: {same}." if same else ""


def _trial_row(trial: Trial, *, names: Sequence[str], report: Report) -> list[str]:
    chosen = report.champion == views.trial_arm(trial)
    error = f": {inline(shortened(trial.error, limit=160))}" if trial.error else ""
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
    table = _table(["Benchmark", "Base", "Tuned", "May lose", "Items"], rows, right=1)
    yield table if rows else "Not measured: this report cannot say what tuning made the model forget."


def _effort(report: Report) -> Iterator[str]:
    yield "## Equal effort"
    heads = ["Side", "Configurations", "Prompt tokens read", "Tokens generated", "Tokens trained on"]
    rows = [
        [
            side.side,
            *map(formats.count, (side.configurations, side.tokens_in, side.tokens_out, side.tokens_trained)),
        ]
        for side in report.effort
    ]
    yield _table(heads, rows, right=1) if rows else "Not counted."


def _data(report: Report) -> Iterator[str]:
    data = report.data
    yield "## Data"
    sizes = ", ".join(f"{inline(split)} {formats.count(size)}" for split, size in data.sizes.items())
    facts = [
        f"Source: {inline(data.source)}, licence {inline(data.license)}",
        f"Examples: {sizes or 'none'}",
        f"Exact duplicates across splits: {formats.count(data.duplicates_total)}; "
        f"rows left out: {formats.count(data.dropped)}",
        *(f"SHA-256 of {inline(split)}: {name(digest[:12])}" for split, digest in data.hashes.items()),
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
    return _table([inline(example.id), "Score", "Text"], rows, right=3)


def _said(text: str) -> str:
    return inline(shortened(text, limit=LONGEST)) or "(empty)"


def _record(report: Report) -> Iterator[str]:
    yield f"Model fingerprint: {name(report.model_fingerprint)}. Report schema {report.schema_version}."


def _interval(low: float | None, high: float | None, *, sign: bool = False) -> str:
    return formats.interval(low, high, sign=sign)


def _p(p: float) -> str:
    return formats.p_value(p).replace("<", "&lt;")
