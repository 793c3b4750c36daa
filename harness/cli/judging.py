"""The command `judge`: a verdict on anybody's per-item scores."""

import sys
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from harness.cli.consoles import out, print_json, say
from harness.cli.main import STATUS
from harness.errors import UserError
from harness.judge_input import read_request
from harness.judging import Judgement, SliceFinding
from harness.report.text import one_line


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
    table = Table("condition", "outcome", "effect", "must exceed", "n", "p holds", "p fails")
    for row in judgement.conditions:
        cells = (f"{row.effect:+.4f}", f"{row.margin:+.4f}", str(row.n), f"{row.p_pass:.4f}", f"{row.p_fail:.4f}")
        table.add_row(escape(one_line(row.cond)), row.outcome, *cells)
    out.print(table)
    if judgement.slices:
        out.print(_slices(judgement.slices))
    warnings = (f"{row.cond}: {text}" for row in judgement.conditions for text in row.warnings)
    noted = (f"slice {row.slice}: {row.reason}" for row in judgement.slices if row.regressed or row.test == "refused")
    for text in dict.fromkeys((*judgement.reasons, *warnings, *noted)):
        out.print(f"- {one_line(text)}", markup=False)


def _slices(findings: list[SliceFinding]) -> Table:
    table = Table("slice", "against", "regression", "effect", "n", "p", "Holm p")
    for row in findings:
        known = "cannot be judged" if row.test == "refused" else "proven" if row.regressed else "not proven"
        names = (escape(one_line(row.slice)), escape(one_line(row.against)))
        veto = ", vetoes" if row.regressed and row.gate else ""
        table.add_row(*names, known + veto, f"{row.effect:+.4f}", str(row.n), f"{row.p:.4f}", f"{row.p_holm:.4f}")
    return table
