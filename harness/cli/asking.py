"""What `check` says of the prompt families: how many prompts each tries, and what is sent to models behind an API."""

from textwrap import fill
from typing import Any

from harness.adapters.api_key import api_key
from harness.asks import FamilyAsks, Sizes
from harness.cli.consoles import minutes, out
from harness.errors import UserError
from harness.loading import Resolved
from harness.rented import Rented, rented_models
from harness.report.text import one_line

INDENT = 9 * " "


def prompts_row(asks: FamilyAsks) -> dict[str, Any]:
    """One family's configurations; what an optimiser writes is counted in each way of taking its answer."""
    listed = asks.rules + len(asks.listed)
    counts = {"listed": listed, "searched": len(asks.searched), "written": len(asks.written)}
    return {"family": asks.family.family, **counts}


def prompts_line(rows: list[dict[str, Any]]) -> str:
    """`prompts  zero_shot 2, optimised up to 8 by search`."""
    return wrapped(", ".join(f"{row['family']} {_counted(row)}" for row in rows), heading="prompts")


def api_rows(resolved: Resolved, *, sizes: Sizes) -> list[dict[str, Any]]:
    """What each family by API sends, and why its key cannot be used where it cannot."""
    return [{**row._asdict(), "key": _key(row)} for row in rented_models(resolved, sizes=sizes)]


def api_lines(rows: list[dict[str, Any]]) -> list[str]:
    """Each family's address, price and time, under one heading."""
    headings = ["api", *[""] * len(rows)]
    return [wrapped(_sent(row), heading=heading) for row, heading in zip(rows, headings, strict=False)]


def wrapped(text: str, *, heading: str = "") -> str:
    """A sentence beside its heading, however many lines it takes."""
    first = heading.ljust(len(INDENT))
    return fill(
        one_line(text),
        out.width,
        initial_indent=first,
        subsequent_indent=INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _counted(row: dict[str, Any]) -> str:
    words = [
        str(row["listed"]) if row["listed"] else "",
        f"up to {row['searched']} by search" if row["searched"] else "",
        f"{row['written']} by an optimiser" if row["written"] else "",
    ]
    return " and ".join(filter(None, words))


def _key(row: Rented) -> dict[str, str | bool | None]:
    """Whether the key is at hand; if not, what is wrong with it."""
    try:
        return {"variable": row.key_env, "set": bool(api_key(row.key_env, where="")), "remark": ""}
    except UserError as error:
        return {"variable": row.key_env, "set": False, "remark": str(error)}


def _sent(row: dict[str, Any]) -> str:
    key, dollars, seconds = row["key"], row["dollars"], row["seconds"]
    about = f"{row['requests']:,} requests, {row['tokens_in']:,} tokens read and {row['tokens_out']:,} written"
    price = "price not given" if dollars is None else f"at most about ${dollars:,.2f}"
    time = "how long it takes is not known" if seconds is None else f"about {minutes(seconds)} at its rate limit"
    told = f"key in {key['variable']}" if key["set"] else key["remark"] or "no key is sent"
    sent = f"{row['family']} sends the items, test items too, to {row['model']} at {row['url']}"
    return f"{sent}: at most about {about}; {price}; {time}; {told}"
