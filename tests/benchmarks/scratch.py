"""Turn an empty folder into a workspace with one experiment, and run the command `harness` there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
VERDICTS = (0, 3, 4)
"""Exit statuses of a run that came to its end."""


def workspace(folder: Path, *, name: str, spec: str) -> Path:
    """The spec's path, `experiments/NAME.yaml`, beside the shipped tasks and prompt families."""
    for part in ("tasks", "baselines"):
        shutil.copytree(ROOT / part, folder / part)
    path = folder / "experiments" / f"{name}.yaml"
    path.parent.mkdir()
    path.write_text(spec, "utf-8")
    return path


def environment() -> dict[str, str]:
    """What every command of a benchmark gets: the code of this checkout, wherever it runs, and no hub."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "HF_HUB_OFFLINE": "1"}


def output(command: list[str], *, folder: Path, good: tuple[int, ...] = (0,), **more: str) -> str:
    """What a command in `folder` wrote to standard output; `more` is added to its environment."""
    done = subprocess.run(command, cwd=folder, env={**environment(), **more}, capture_output=True, text=True)
    if done.returncode not in good:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    return done.stdout


def harness_output(*arguments: str, folder: Path) -> str:
    """What `harness ARGUMENTS` wrote to standard output; any verdict is a success."""
    return output([sys.executable, "-m", "harness", *arguments], folder=folder, good=VERDICTS)
