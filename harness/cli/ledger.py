"""The command `ledger`: which test items were used, by what, and whether the record is whole."""

from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from harness.cli.consoles import out, print_json, say
from harness.ledger import lost_sentence, rewritten_sentence
from harness.prepare import sound_ledger
from harness.report.text import one_line
from harness.uses import Use


def ledger_command(*, json: bool) -> int:
    """Every use of test items in this workspace, in the ledger's order; a broken chain is an error."""
    ledger = sound_ledger(Path.cwd())
    lines, lost, other = ledger.lines(), ledger.lost(), ledger.rewritten()
    if json:
        groups = {"lines": lines, "missing": lost, "contradicted_by": other}
        print_json({name: [_row(use) for use in uses] for name, uses in groups.items()})
        return 0
    if not lines and not lost:
        say("no test item was used here yet; the first verdict of `harness run` opens the ledger")
        return 0
    table = Table("line", "when", "experiment", "use", "items", "looks", "opening")
    for use in (*lines, *lost):
        table.add_row(*(escape(one_line(cell)) for cell in _cells(use)))
    out.print(table)
    if lost:
        out.print(lost_sentence(lost), markup=False, soft_wrap=True)
    if other:
        out.print(rewritten_sentence(other), markup=False, soft_wrap=True)
    out.print(f"The chain of {len(lines)} line{'' if len(lines) == 1 else 's'} is intact.", markup=False)
    return 0


def _row(use: Use) -> dict[str, Any]:
    """One use for a machine; `use` is its number among the uses of its items, null where unknown."""
    number = None if use.prior_uses is None else use.prior_uses + 1
    shown = ("opening", "at", "experiment", "items", "prior_uses", "planned_looks", "alpha", "line", "source")
    return {**{name: getattr(use, name) for name in shown}, "use": number}


def _cells(use: Use) -> tuple[str, ...]:
    when, number = use.at.replace("T", " ")[:16], _row(use)["use"]
    known = [str(use.line or "–"), when or "–", use.experiment or "–", "?" if number is None else str(number)]
    return (*known, str(use.items), str(use.planned_looks), use.opening)
