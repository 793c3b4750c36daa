"""Turn the paths and names in a spec into files: inside the workspace unless they say otherwise."""

import os
import re
from pathlib import Path

from harness.errors import UserError
from harness.loading.elsewhere import misled, neighbours
from harness.loading.packages import package_path
from harness.loading.words import clipped

HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9_][\w.-]*")
_HUB_DATA = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9_][\w.-]*)?")
_THREE_FORMS = "write sample, a folder that holds config.json, or a hub id such as OWNER/NAME"


def source_path(source: str, *, root: Path, near: Path | None = None) -> Path | None:
    """The file or folder of a `data.source`; None for `hub:`. Raises `UserError` unless it exists.

    `near` is the folder of the spec, where people expect paths to start.
    """
    if source.startswith("hub:"):
        if not _HUB_DATA.fullmatch(source.removeprefix("hub:")):
            raise UserError("not the name of a hub data set", fix="hub:OWNER/NAME")
        return None
    if source.startswith("package:"):
        return package_path(source)
    if "://" in source:
        raise UserError("a web address", fix="download it into the workspace, or write hub:OWNER/NAME")
    path = local_path(source, base=root, root=root, near=near)
    if not os.path.exists(path):
        raise misled(source, "no such file or folder", base=root, root=root, near=near, fix=neighbours(path))
    return path


def model_folder(name: str, *, root: Path) -> Path | None:
    """The folder of a local model; None for `sample` and hub ids. Raises `UserError` for anything else."""
    if name == "sample":
        return None
    is_path = name.startswith(("/", "~", "."))
    path = _model_path(name, root) if is_path or os.path.isdir(root / name) else None
    if path is not None and os.path.isfile(path / "config.json"):
        return path
    if path is not None and os.path.isdir(path):
        raise UserError(f"the folder of model '{clipped(name)}' holds no config.json", fix=_THREE_FORMS)
    if HUB_NAME.fullmatch(name) and not is_path:
        return None
    raise misled(name, f"unknown model '{clipped(name)}'", base=root, root=root, fix=_THREE_FORMS)


def _model_path(name: str, root: Path) -> Path:
    try:
        return local_path(name, base=root, root=root)
    except UserError as error:
        raise UserError(f"model '{clipped(name)}': {error.what}", fix=error.fix) from error


def local_path(text: str, *, base: Path, root: Path, near: Path | None = None) -> Path:
    """An absolute path; a relative one starts at `base` and stays inside `root`. Raises `UserError`.

    `near`: where people expect it to start.
    """
    if not text or "\0" in text:
        raise UserError("not a path", fix="name a file in the workspace")
    try:
        typed = Path(text).expanduser()
    except RuntimeError as error:
        raise UserError("names a user without a home folder", fix="write the whole path") from error
    if typed.is_absolute():
        return Path(os.path.normpath(typed))
    path = Path(os.path.normpath(base / typed))
    if not path.is_relative_to(root):
        fix = "move it inside, or write an absolute path"
        raise misled(text, "leads out of the workspace", base=base, root=root, near=near, fix=fix)
    return path
