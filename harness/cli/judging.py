"""The command `judge`: a verdict on anybody's per-item scores."""

import sys
from pathlib import Path

from rich import box
from rich.markup import escape
from rich.table import Table

from harness.cli.consoles import out, print_json, say
from harness.cli.main import STATUS
from harness.errors import UserError
from harness.judge_input import read_request
from harness.judging import Judgement, SliceFinding
from harness.report.formats import p_value
from harness.report.text import one_line
from harness.wording import slice_words


def judge_command(file: Path, *, json: bool) -> int:
    """Read, judge, print."""
    request = read_request(_text(file), source=str(file))
    if request.y is not None and request.metric != "macro_f1":
        say(f"note: y is not used, as metric is {request.metric}; only macro_f1 compares with true labels")
    from harness.verdict import decide

    judgement = decide(request)
    if json:
        print_json(judgement.model_dump(mode="json"))
    else:
        _show(judgement)
    return STATUS[judgement.verdict]


def _text(file: Path) -> str:
    try:
        return _bytes(file).decode("utf-8-sig")
    except OSError as error:
        raise UserError(
            f"cannot be read ({error.strerror})", where=str(file), fix="name a JSON file, or - for standard input"
        ) from None
    except UnicodeDecodeError as error:
        raise UserError(f"is not UTF-8 (byte {error.start})", where=str(file), fix="save it as UTF-8") from None


def _bytes(file: Path) -> bytes:
    if str(file) != "-":
        return file.read_bytes()
    return sys.stdin.buffer.read() if sys.stdin is not None else b""  # None: `harness judge - <&-`


def _show(judgement: Judgement) -> None:
    out.print(judgement.verdict, style="bold", markup=False)
    table = _table("condition", "outcome", "effect", "margin", "n", "p prove", "rule out")
    for row in judgement.conditions:
        p = (p_value(row.p_pass), p_value(row.p_fail))
        cells = (f"{row.effect:+.4f}", f"{row.margin:+.4f}", str(row.n), *p)
        table.add_row(escape(one_line(row.cond)), row.outcome, *cells)
    out.print(table)
    if judgement.slices:
        out.print(_slices(judgement.slices))
    warnings = (f"{row.cond}: {text}" for row in judgement.conditions for text in row.warnings)
    noted = (_noted(row) for row in judgement.slices if row.regressed or row.test == "refused")
    reasons = (text for text in judgement.reasons if text != "test_set_spent")  # The sentence after it says it.
    for text in dict.fromkeys((*reasons, *warnings, *noted)):
        out.print(f"- {one_line(text)}", markup=False)


def _table(*columns: str) -> Table:
    """Names fold, so that two long ones stay two; numbers do not."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=place > 1, justify="left" if place < 2 else "right")
    return table


def _noted(row: SliceFinding) -> str:
    """A finding on a slice; whoever gated one that cannot be judged must not take it for guarded."""
    return f"{row.reason} Nothing guards this slice." if row.gate and row.test == "refused" else row.reason


def _finding(row: SliceFinding) -> str:
    judged = row.test != "refused"
    return slice_words(judged=judged, regressed=row.regressed, withholds=row.withholds, gate=row.gate)


def _slices(findings: list[SliceFinding]) -> Table:
    table = _table("slice", "finding", "against", "effect", "n", "p", "p (Holm)")
    for row in findings:
        names = (escape(one_line(row.slice)), _finding(row))
        numbers = (f"{row.effect:+.4f}", str(row.n), p_value(row.p), p_value(row.p_holm))
        table.add_row(*names, escape(one_line(row.against)), *numbers)
    return table
