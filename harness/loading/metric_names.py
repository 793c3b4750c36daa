"""Turn the name of a metric into whether there is one, or into the name that was meant."""

import ast
import os
import re
from collections.abc import Sequence
from pathlib import Path

from harness.errors import UserError
from harness.loading.places import Places, Problem
from harness.loading.textfile import text_of, typed_path
from harness.loading.words import KeyPath, clipped, listed, nearest, shown
from harness.metrics import METRICS

CODE_FILE = "metrics.py"
CUSTOM = re.compile(rf"{re.escape(CODE_FILE)}:([A-Za-z_]\w*)")
_EVALUATE = re.compile(r"evaluate:[\w./-]+")
_LIKE_EVALUATE = re.compile(r"evaluate(?:\.load)?[\s:/.('\"]+([\w./-]+)['\")]*")
_REFERENCE = re.compile(r"(?:.*[:./])?([A-Za-z_]\w*)")
"""Ends in the name of a function: `sklearn.metrics:f1_score`."""
_SYNONYMS = {"acc": "accuracy", "em": "exact_match", "f1": "token_f1", "rouge": "rougeL", "rouge-l": "rougeL"}


def is_metric(name: str) -> bool:
    """Whether a metric ships or has one of the two forms that name another."""
    return name in METRICS or bool(CUSTOM.fullmatch(name) or _EVALUATE.fullmatch(name))


def unknown_metric(
    path: KeyPath, name: str, *, known: Sequence[str], places: Places, folder: Path | None = None
) -> Problem:
    """One message for a metric nobody knows, in a task or in the gates; `folder` is the task's, whose code may be."""
    what, file = f"unknown metric {shown(name)}", folder / CODE_FILE if folder else None
    reference = _REFERENCE.fullmatch(name)
    if fix := _meant(name, known=known, functions=_readable_functions(file)):
        return places.problem(path, what, fix=fix, key=True)
    if file is not None and reference is not None and re.search("[:./]", name):
        function, code = clipped(reference[1]), typed_path(file)
        what = f"{what}; a function is looked for in {code} only, not in a package or another file"
        fix = f"write {function}(answer, reference, input), from 0 to 1, into {code}; {CODE_FILE}:{function} here"
        return places.problem(path, what, fix=fix, key=True)
    fix = f"use {listed(known)}, {CODE_FILE}:FUNCTION or evaluate:NAME"
    return places.problem(path, what, fix=fix, key=True)


def functions_in(file: Path) -> list[str]:
    """Names of the functions a file defines, read without running it. Raises `UserError` where it is not Python."""
    try:
        tree = ast.parse(text_of(file))
    except (SyntaxError, ValueError) as error:
        line, column = getattr(error, "lineno", None) or 1, getattr(error, "offset", None) or 1
        what = f"not Python: {clipped(getattr(error, 'msg', str(error)))}"
        raise UserError(what, where=f"{typed_path(file)}:{line}:{column}", fix="mend the line") from error
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]


def _meant(name: str, *, known: Sequence[str], functions: Sequence[str]) -> str | None:
    """The fix with the metric that was meant; None where there is none like it."""
    reference = _REFERENCE.fullmatch(name)
    if reference and reference[1] in functions:
        return f"write {CODE_FILE}:{reference[1]}"
    if name == CODE_FILE:
        return f"write {CODE_FILE}:{functions[0] if functions else 'FUNCTION'}"
    if library := _LIKE_EVALUATE.fullmatch(name):
        return f"write evaluate:{library[1]}"
    other = _SYNONYMS.get(name.casefold())
    guess = other if other in known else nearest(name, known)
    return f"did you mean {guess}?" if guess else None


def _readable_functions(file: Path | None) -> list[str]:
    """None of a file that is not there or not Python, which is told where a metric needs it."""
    try:
        return functions_in(file) if file is not None and os.path.isfile(file) else []
    except UserError:
        return []
