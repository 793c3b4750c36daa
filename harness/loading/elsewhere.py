"""Turn a path that leads to nothing into the same file as it is found from another folder."""

import os
from collections.abc import Iterator
from pathlib import Path

from harness.errors import UserError
from harness.loading.words import clipped, did_you_mean, flow

MOST = 3
"""Files to offer at most."""


def misled(text: str, what: str, *, base: Path, root: Path, fix: str, near: Path | None = None) -> UserError:
    """An error that says `what` is wrong with a path that starts at `base`.

    Its fix is the path that works, where the file is there from another folder of the workspace: the one of the spec
    (`near`), those of tasks, families and experiments, or where a person stands; else the `fix`.
    """
    found = list(dict.fromkeys(_elsewhere(text, base=base, root=root, near=near)))
    if not found:
        return UserError(what, fix=fix)
    own = [path for path in found if near is not None and path.is_relative_to(near)]
    offered = " or ".join(flow(os.path.relpath(path, base)) for path in (own or found)[:MOST])
    start = "the workspace" if base == root else os.path.relpath(base, root)
    return UserError(f"{what}; a path here starts at {start}", fix=f"write {offered}")


def _elsewhere(text: str, *, base: Path, root: Path, near: Path | None) -> Iterator[Path]:
    """Existing files and folders inside the workspace; none for an absolute path."""
    if not text or "\0" in text or text.startswith(("/", "~")):
        return
    specs = [*sorted(root.glob("tasks/*/")), root / "baselines", root / "experiments"]
    for folder in [*([near] if near else []), root, Path.cwd(), base / "prompts", *specs]:
        path = Path(os.path.normpath(folder / text))
        if folder != base and path != root and path.is_relative_to(root) and os.path.exists(path):
            yield path


def neighbours(path: Path) -> str:
    """The names beside a file that does not exist."""
    folder = path.parent
    if not os.path.isdir(folder):
        return f"there is no folder {clipped(str(folder))}"
    names = sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
    return did_you_mean(path.name, names, kind="files in that folder")
