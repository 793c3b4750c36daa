"""Turn the JSON text of per-item scores into one checked `JudgeRequest`, or into one line that says what is wrong.

Light on purpose: no numpy or scipy here, so the command line reads and refuses bad input at once.
"""

import difflib
import json
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from harness.errors import UserError
from harness.judge_content import Problem, quoted
from harness.judging import Forgetting, JudgeRequest, Slice

FIELDS = [name for model in (JudgeRequest, Forgetting, Slice) for name in model.model_fields]
"""What a misspelt field may have meant."""


def read_request(text: str, *, source: str) -> JudgeRequest:
    """Check `text`, named `source` in messages; `UserError` tells the field, the reason and a fix."""
    try:
        data = json.loads(text, object_pairs_hook=_without_duplicates)
    except json.JSONDecodeError as error:
        where = f"{source}:{error.lineno}:{error.colno}"
        raise UserError(f"not valid JSON: {error.msg}", where=where, fix="correct the JSON here") from None
    except (_DuplicateKeyError, RecursionError, ValueError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise UserError(what, where=source, fix="write each field once, as in the documented table") from None
    try:
        return JudgeRequest.model_validate(data)
    except ValidationError as error:
        problem = _from_pydantic(error)
        # A family's name may hold line breaks; a message is one line.
        what, field, fix = (" ".join(text.split()) for text in (problem.what, problem.field, problem.fix))
        raise UserError(what, where=f"{source}: {field}", fix=fix) from None


class _DuplicateKeyError(ValueError):
    """A key that occurs twice in one JSON object."""


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in found if keys.count(key) > 1)
        raise _DuplicateKeyError(f"the key {quoted(twice)} occurs twice in one object")
    return found


def _from_pydantic(error: ValidationError) -> Problem:
    """The first problem pydantic found, in our words, with the number of further ones."""
    details = error.errors(include_url=False)
    problem = _worded(details[0])
    others = len({_path(other) for other in details} - {_path(details[0])})
    return problem if not others else problem._replace(what=f"{problem.what} (and {others} more fields are wrong)")


def _worded(detail: ErrorDetails) -> Problem:
    if detail["type"] == "content":
        return Problem(**detail["ctx"])
    field = _path(detail)
    if detail["type"] == "missing":
        return Problem(field, "it is missing", "add this field")
    if detail["type"] == "extra_forbidden":
        close = difflib.get_close_matches(str(detail["loc"][-1]), FIELDS, n=1)
        return Problem(field, "unknown field", f"write {close[0]}" if close else "remove it")
    what = detail["msg"].removeprefix("Input should be ")
    return Problem(field, f"{quoted(detail['input'])} is wrong", f"give {what}")


def _path(detail: ErrorDetails) -> str:
    """`("forgetting", "piqa", "ft", 3)` as `forgetting.piqa.ft[3]`, without names of union members."""
    text = ""
    for part in detail["loc"]:
        if isinstance(part, int):
            text += f"[{part}]"
        elif not (text.endswith("]") and part in ("int", "str", "bool")):
            text += f".{part}" if text else part
    return text or "the document"
