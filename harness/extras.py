"""Turn the name of an optional extra into the command that installs it."""

import os
import shlex
from pathlib import Path

CODE = Path(__file__).parents[1]
"""The clone, where this runs from one; else the folder of installed packages."""


def install_command(extra: str) -> str:
    """Of a clone, the extra of this very clone: an index may know the name for something else."""
    if not (CODE / "pyproject.toml").is_file():
        return f"pip install 'llm-harness[{extra}]'"
    folder = os.curdir if os.path.samefile(CODE, os.curdir) else CODE
    return f"pip install -e {shlex.quote(f'{folder}[{extra}]')}"
