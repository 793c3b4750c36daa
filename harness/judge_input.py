"""Turn the JSON text of per-item scores into one checked `JudgeRequest`, or into one line that says what is wrong.

Light on purpose: no numpy or scipy here, so the command line reads and refuses bad input at once.
"""

import difflib
import json
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from harness.errors import UserError
from harness.judge_content import SHORTER, LongNumber, Problem, named, quoted
from harness.judging import Forgetting, JudgeRequest, Slice

SECTIONS: dict[Any, type[BaseModel]] = {"forgetting": Forgetting, "slices": Slice}
"""The fields whose entries have fields of their own, and which."""
CLOSE = 0.8
"""A name at least this much like a field's is taken for a misspelt one."""
MOST_DIGITS = 4_300
"""Python converts no longer whole number."""
FIRST_FT = ("ft", 0)
"""Where the first cell of a flat `ft` is refused."""
FIRST_CELLS = 4
"""As many of a user's cells stand in a fix."""

_BOUNDS = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")
"""What pydantic calls a number out of range."""

_NEEDED = {
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "less_than": "a number below {lt:g}",
    "less_than_equal": "a number of at most {le:g}",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "bool_type": "true or false",
    "int_type": "a whole number",
}
"""What pydantic finds missing, in our words."""
_UNIONS = {
    "clusters": "one name or whole number per item, the same for items of one source; or leave clusters out",
    "y": "the true label of every item: text, a whole number, true or false",
}
"""The same for fields that take several types."""


def read_request(text: str, *, source: str) -> JudgeRequest:
    """Check `text`, named `source` in messages; `UserError` tells the field, the reason and a fix."""
    source = "standard input" if source == "-" else source
    data = _parsed(text, source=source)
    try:
        return JudgeRequest.model_validate(data)
    except ValidationError as error:
        problem = _from_pydantic(error, data=data)
        # A family's name may hold line breaks; a message is one line.
        what, field, fix = (" ".join(text.split()) for text in (problem.what, problem.field, problem.fix))
        raise UserError(what, where=f"{source}: {field}", fix=fix) from None


def _parsed(text: str, *, source: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_without_duplicates, parse_int=_whole)
    except json.JSONDecodeError as error:
        where, fix = f"{source}:{error.lineno}:{error.colno}", "correct the JSON here"
        if not text.strip():
            raise UserError("not valid JSON: it is empty", where=where, fix="give metric, ft and baselines") from None
        raise UserError(f"not valid JSON: {error.msg}", where=where, fix=fix) from None
    except _DuplicateKeyError as error:
        raise UserError(str(error), where=source, fix="write each field and each name once") from None
    except RecursionError:
        fix = "write one object whose lists hold plain values"
        raise UserError("the document is nested too deeply", where=source, fix=fix) from None


def _whole(digits: str) -> int | LongNumber:
    count = len(digits.removeprefix("-"))
    return int(digits) if count <= MOST_DIGITS else LongNumber(count)


class _DuplicateKeyError(ValueError):
    """A key that occurs twice in one JSON object."""


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in found if keys.count(key) > 1)
        raise _DuplicateKeyError(f"the key {quoted(twice)} occurs twice in one object")
    return found


def _from_pydantic(error: ValidationError, *, data: Any) -> Problem:
    """The first problem pydantic found, in our words, with the number of further ones."""
    details = _told_once(error.errors(include_url=False), data=data)
    problem = _worded(details[0], data=data)
    others = len({_place(other) for other in details} - {_place(details[0])})
    more = f"{others} more field{'s are' if others > 1 else ' is'} wrong"
    return problem if not others else problem._replace(what=f"{problem.what} (and {more})")


def _told_once(details: list[ErrorDetails], *, data: Any) -> list[ErrorDetails]:
    """Every cell of a flat `ft` is wrong in the same way; the first one speaks for all."""
    if not _flat_cells(data):
        return details
    return [each for each in details if each["loc"][:1] != ("ft",) or each["loc"] == FIRST_FT]


def _flat_cells(data: Any) -> list[Any]:
    """The cells of an `ft` that holds them itself, where it should hold lists of them."""
    cells = data.get("ft") if isinstance(data, dict) else None
    if not isinstance(cells, list) or any(isinstance(cell, list | dict) for cell in cells):
        return []
    return cells


def _flat(cells: list[Any]) -> Problem:
    first = [quoted(cell) for cell in cells[:FIRST_CELLS]] + ["..."] * (len(cells) > FIRST_CELLS)
    what = "it is one flat list; it needs one list per training seed"
    return Problem("ft", what, f"[[{', '.join(first)}]]")


def _worded(detail: ErrorDetails, *, data: Any) -> Problem:
    if detail["type"] == "content":
        return Problem(**detail["ctx"])
    if detail["loc"] == FIRST_FT and (cells := _flat_cells(data)):
        return _flat(cells)
    field, value = _path(detail, data=data), detail["input"]
    if detail["type"] == "missing":
        return Problem(field, "it is missing", "add this field")
    if detail["type"] == "extra_forbidden":
        guess = _guess(detail)
        return Problem(field, "unknown field", f"write {guess}" if guess else "remove it")
    if isinstance(value, LongNumber):
        return Problem(field, f"{value} is too long", SHORTER)
    if detail["type"] == "string_unicode":
        return Problem(field, f"{quoted(value)} holds half of a character", "write whole Unicode characters")
    state = "out of range" if detail["type"] in _BOUNDS else "wrong"
    return Problem(field, f"{quoted(value)} is {state}", f"give {_needed(detail)}")


def _needed(detail: ErrorDetails) -> str:
    place = _place(detail)
    if place != detail["loc"]:  # A cell of `y`, or of `clusters` at whatever depth.
        return _UNIONS[str(place[-2])]
    need = _NEEDED.get(detail["type"])
    return need.format(**detail.get("ctx", {})) if need else detail["msg"].removeprefix("Input should be ")


def _guess(detail: ErrorDetails) -> str | None:
    """The field of the same object that was probably meant."""
    *parents, name = detail["loc"]
    owner = SECTIONS[parents[0]] if parents else JudgeRequest
    close = difflib.get_close_matches(str(name), list(owner.model_fields), n=1, cutoff=CLOSE)
    return close[0] if close else None


def _place(detail: ErrorDetails) -> tuple[int | str, ...]:
    """Where a problem lies, without the member of a union that pydantic tried."""
    loc = detail["loc"]
    return loc[:-1] if len(loc) > 1 and isinstance(loc[-2], int) and loc[-1] in ("int", "str", "bool") else loc


def _path(detail: ErrorDetails, *, data: Any) -> str:
    """`("forgetting", "piqa", "ft", 3)` as `forgetting.piqa.ft[3]`."""
    text, here = "", data
    for part in _place(detail):
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            key = _written(part, here)
            text += f".{named(key)}" if text else named(key)
            here = here.get(key) if isinstance(here, dict) else None
    return text or "the document"


def _written(key: str, data: Any) -> str:
    """The key as it stands in the document: pydantic replaces half of a surrogate pair by U+FFFD."""
    keys = data if isinstance(data, dict) else ()
    same = (each for each in keys if each.encode("utf-8", "surrogatepass").decode("utf-8", "replace") == key)
    return key if key in keys else next(same, key)
