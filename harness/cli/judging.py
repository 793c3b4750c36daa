"""The command `judge`: a verdict on anybody's per-item scores."""

import sys
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from harness.cli.consoles import out, print_json
from harness.cli.main import STATUS
from harness.errors import UserError
from harness.judging import Judgement, read_request
from harness.report.text import one_line


def judge_command(file: Path, *, json: bool) -> int:
    """Read, judge, print."""
    request = read_request(_text(file), source=str(file))
    from harness.verdict import decide

    judgement = decide(request)
    if json:
        print_json(judgement.model_dump(mode="json"))
    else:
        _show(judgement)
    return STATUS[judgement.verdict]


def _text(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    except OSError as error:
        raise UserError(
            f"cannot be read ({error.strerror})", where=str(file), fix="name a JSON file, or - for standard input"
        ) from None
    except UnicodeDecodeError as error:
        raise UserError(f"is not UTF-8 (byte {error.start})", where=str(file), fix="save it as UTF-8") from None


def _show(judgement: Judgement) -> None:
    out.print(judgement.verdict, style="bold", markup=False)
    table = Table("condition", "outcome", "effect", "must exceed", "n", "p holds", "p fails")
    for row in judgement.conditions:
        cells = (f"{row.effect:+.4f}", f"{row.margin:+.4f}", str(row.n), f"{row.p_pass:.4f}", f"{row.p_fail:.4f}")
        table.add_row(escape(one_line(row.cond)), row.outcome, *cells)
    out.print(table)
    for text in (*judgement.reasons, *(f"{row.cond}: {text}" for row in judgement.conditions for text in row.warnings)):
        out.print(f"- {one_line(text)}", markup=False)
