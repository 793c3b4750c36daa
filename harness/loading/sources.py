"""Turn the paths and names in a spec into files: inside the workspace unless they say otherwise."""

import os
import re
from importlib.util import find_spec
from pathlib import Path

from harness.errors import UserError
from harness.loading.words import clipped, did_you_mean

HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9_][\w.-]*")
_HUB_DATA = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9_][\w.-]*)?")
_PACKAGE = re.compile(r"package:([A-Za-z_]\w*)/(.+)", re.DOTALL)
_THREE_FORMS = "write sample, a folder that holds config.json, or a hub id such as OWNER/NAME"


def source_path(source: str, *, root: Path) -> Path | None:
    """The file or folder of a `data.source`; None for `hub:`. Raises `UserError` unless it exists."""
    if source.startswith("hub:"):
        if not _HUB_DATA.fullmatch(source.removeprefix("hub:")):
            raise UserError("not the name of a hub data set", fix="hub:OWNER/NAME")
        return None
    if source.startswith("package:"):
        return package_path(source)
    if "://" in source:
        raise UserError("a web address", fix="download it into the workspace, or write hub:OWNER/NAME")
    path = local_path(source, base=root, root=root)
    if not os.path.exists(path):
        raise UserError("no such file or folder", fix=_neighbours(path))
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
    raise UserError(f"unknown model '{clipped(name)}'", fix=_THREE_FORMS)


def _model_path(name: str, root: Path) -> Path:
    try:
        return local_path(name, base=root, root=root)
    except UserError as error:
        raise UserError(f"model '{clipped(name)}': {error.what}", fix=error.fix) from error


def local_path(text: str, *, base: Path, root: Path) -> Path:
    """An absolute path; a relative one starts at `base` and stays inside `root`. Raises `UserError`."""
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
        raise UserError("leads out of the workspace", fix="move it inside, or write an absolute path")
    return path


def package_path(source: str) -> Path:
    """The file or folder of `package:NAME/path/inside/it`. Raises `UserError` unless it exists."""
    match = _PACKAGE.fullmatch(source)
    if match is None:
        raise UserError("not package:NAME/path/inside/it", fix="package:NAME/path/inside/it")
    name, inside = match.groups()
    folders = _package_folders(name)
    for folder in folders:
        path = local_path(f"./{inside}", base=folder, root=folder)
        if os.path.exists(path):
            return path
    fix = _neighbours(folders[0] / inside) if folders else f"name a package with files; {name} is one module"
    raise UserError(f"package {name} holds no {clipped(inside)}", fix=fix)


def _package_folders(name: str) -> list[Path]:
    """Where a package lies, found without importing it."""
    try:
        spec = find_spec(name)
    except ValueError:  # __main__ has no spec
        spec = None
    if spec is None:
        raise UserError(f"package {name} is not installed", fix="make install")
    return [Path(folder) for folder in spec.submodule_search_locations or []]


def _neighbours(path: Path) -> str:
    """The names beside a file that does not exist."""
    folder = path.parent
    if not os.path.isdir(folder):
        return f"there is no folder {clipped(str(folder))}"
    names = sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
    return did_you_mean(path.name, names, kind="files in that folder")
