"""Turn a YAML parser's complaint into one line with a place and a fix."""

from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from harness.errors import UserError
from harness.loading.textfile import position
from harness.loading.words import clipped

_QUOTE = 'quote the text: key: "text"'
_INDENT = f"mend the indentation, or {_QUOTE}"

# What the parser says, what a person understands, the fix.
_WORDS = [
    ("'\\t'", "a tab where YAML allows only spaces", "replace the tab with spaces"),
    ("mapping values are not allowed", "a 'key:' where none can stand", _INDENT),
    ("could not find expected ':'", "a line that is not 'key: value'", _INDENT),
    ("cannot start any token", "a character that cannot begin a value", _QUOTE),
    ("unexpected end of stream", "a quote that never closes", "close the quote"),
    ("got '<stream end>'", "a bracket that never closes", "close the bracket"),
    ("undefined alias", "an alias (*name) without an anchor (&name)", _QUOTE),
    ("found another document", "a second document in one file", "remove the --- line; one spec per file"),
    ("expected <block end>", "a line that does not fit its neighbours", _INDENT),
    ("<document start>", "text after the end of the document", _INDENT),
    ("expected ',' or", "a bracket without its comma or its end", "add the comma or bracket"),
    (
        "unknown escape character",
        "an unknown escape in double quotes",
        "double the backslash, or use single quotes",
    ),
    ("YAML document (version", "a YAML version other than 1.x", "remove the %YAML line"),
]
_OPENING = ("unexpected end of stream", "got '<stream end>'")


def syntax_error(error: YAMLError, *, text: str, file: str) -> UserError:
    """One line for what ruamel.yaml says in five."""
    if isinstance(error, ReaderError):
        line, column = position(text, int(error.position))
        what = f"not YAML: control character U+{int(error.character):04X}"
        return UserError(what, where=f"{file}:{line}:{column}", fix="remove it")
    problem = error.problem or "" if isinstance(error, MarkedYAMLError) else str(error)
    what, fix = next(((what, fix) for needle, what, fix in _WORDS if needle in problem), (problem, _QUOTE))
    return UserError(f"not YAML: {clipped(what)}", where=f"{file}:{_place(error, problem)}", fix=fix)


def _place(error: YAMLError, problem: str) -> str:
    mark = getattr(error, "problem_mark", None)
    if any(needle in problem for needle in _OPENING):
        # The end of the file is no help; the bracket or quote that was opened is.
        mark = getattr(error, "context_mark", None) or mark
    return f"{mark.line + 1}:{mark.column + 1}" if mark is not None else "1:1"
