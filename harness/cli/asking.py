"""What `check` says of the prompt families: how many prompts each tries, and what is sent to models behind an API."""

from collections.abc import Iterator, Sequence
from textwrap import fill
from typing import Any

from harness.adapters.api_key import api_key
from harness.asks import FamilyAsks, Sizes
from harness.cli.consoles import minutes, out
from harness.errors import UserError
from harness.loading import Resolved
from harness.prepare import keys_in_the_clear
from harness.rented import PRICES, Rented, rented_models
from harness.report.formats import dollars
from harness.report.text import one_line

INDENT = 9 * " "
NAME = INDENT + "  "
FACT = NAME + 10 * " "
"""Where a fact about a model stands, behind its name."""


def prompts_row(asks: FamilyAsks) -> dict[str, Any]:
    """One family's configurations; what an optimiser writes is counted in each way of taking its answer."""
    listed = asks.rules + len(asks.listed)
    counts = {"listed": listed, "searched": asks.most_searched.prompts, "written": len(asks.written)}
    equal = asks.family.search is not None and asks.family.search.budget == "equal"
    return {"family": asks.family.family, **counts, "budget": "equal" if equal else "trials"}


def prompts_line(rows: list[dict[str, Any]]) -> str:
    """`prompts  zero_shot 2, optimised up to 8 by search`."""
    return wrapped(", ".join(f"{row['family']} {_counted(row)}" for row in rows), heading="prompts")


def api_rows(asked: Sequence[FamilyAsks], *, resolved: Resolved, sizes: Sizes) -> list[dict[str, Any]]:
    """What each family by API sends, why its key cannot be used where it cannot, and why it should not."""
    warnings = keys_in_the_clear(resolved)
    return [
        {**row._asdict(), "key": _key(row), "warning": str(warnings.get(row.family, ""))}
        for row in rented_models(asked, resolved=resolved, sizes=sizes)
    ]


def api_lines(rows: list[dict[str, Any]]) -> list[str]:
    """Each family's model, and below it one line for each fact, under one heading."""
    lines = []
    for number, row in enumerate(rows):
        named = f"{row['family']} asks {row['model']} at {row['url']}"
        lines.append(wrapped(named, heading="" if number else "api"))
        lines += [wrapped(text, heading=f"{NAME}{name}", indent=FACT) for name, text in _facts(row)]
    return lines


def wrapped(text: str, *, heading: str = "", indent: str = INDENT) -> str:
    """A sentence beside its heading, however many lines it takes."""
    first = heading.ljust(len(indent))
    return fill(
        one_line(text),
        out.width,
        initial_indent=first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _counted(row: dict[str, Any]) -> str:
    words = [
        str(row["listed"]) if row["listed"] else "",
        f"up to {'about ' * (row['budget'] == 'equal')}{row['searched']} by search" if row["searched"] else "",
        f"{row['written']} by an optimiser" if row["written"] else "",
    ]
    return " and ".join(filter(None, words))


def _key(row: Rented) -> dict[str, str | bool | None]:
    """Whether the key is at hand; if not, what is wrong with it."""
    try:
        return {"variable": row.key_env, "set": bool(api_key(row.key_env, where="")), "remark": ""}
    except UserError as error:
        return {"variable": row.key_env, "set": False, "remark": str(error)}


def _facts(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What may keep a run from starting comes first."""
    key, most = row["key"], "at most about" if row["bounded"] else "about"
    yield "key", f"in {key['variable']}" if key["set"] else _missing(key["remark"])
    if row["warning"]:
        yield "warning", row["warning"]
    own = "" if row["bounded"] else "; how often an optimiser asks for itself has no bound"
    yield "requests", f"{most} {row['requests']:,}, repeats not counted, with the items, those of the test set too{own}"
    yield "tokens", f"{most} {row['tokens_in']:,} read and {row['tokens_out']:,} written"
    yield "dollars", _price(row, most=most)
    paced = f"{most} {minutes(row['seconds'])} at its rate limit" if row["seconds"] is not None else ""
    yield "time", paced or "not known without api.requests_per_minute"


def _missing(remark: str) -> str:
    return f"MISSING: {remark}" if remark else "none is sent"


def _price(row: dict[str, Any], *, most: str) -> str:
    if row["dollars"] is None:
        return "no price is given"
    amount = f"{most} ${dollars(row['dollars'])}" if row["dollars"] >= 0.01 else _cents(row["dollars"])
    left_out = [f"{PRICES[name]} are not counted, as api.{name} is not given" for name in row["unpriced"]]
    return "; ".join([amount, *left_out])


def _cents(amount: float) -> str:
    return "less than $0.01" if amount else "$0"
