"""Turn a file into its text, or into one error that says why not."""

import os
from pathlib import Path

from harness.errors import UserError
from harness.loading.words import clipped


def typed_path(path: Path) -> str:
    """The path as a person would type it: relative when it lies in the current folder."""
    absolute = os.path.abspath(path)
    relative = os.path.relpath(absolute)
    outside = relative.split(os.sep)[0] == os.pardir
    return absolute if outside else relative


def text_of(path: Path) -> str:
    """The file's UTF-8 text without a byte-order mark; raises `UserError`."""
    where = typed_path(path)
    try:
        data = path.read_bytes()
    except IsADirectoryError:
        raise UserError("is a folder; needs a file", where=where, fix="name the file inside it") from None
    except OSError as error:
        what = clipped(error.strerror or str(error))
        fix = "check that it exists and may be read"
        raise UserError(f"cannot be read: {what}", where=where, fix=fix) from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", errors="replace")
        line, column = position(before, len(before))
        what = f"byte 0x{data[error.start]:02x} is not UTF-8 text"
        raise UserError(what, where=f"{where}:{line}:{column}", fix="save the file as UTF-8") from error


def position(text: str, index: int) -> tuple[int, int]:
    """Line and column of a character, both from 1."""
    before = text[:index]
    return before.count("\n") + 1, index - before.rfind("\n")
