"""Start the command `harness` as a person does, on a workspace whose training costs nothing."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

from light_stages import HOLD, PULSE
from planted_model import write_weights
from workspace import write

from harness.cli.main import status

HERE = Path(__file__).parent
EXPERIMENT = """\
task: echo
model: ./model
baselines: [trivial]
search:
  trials: 2
  pruner: none
  space: {rank: [4], learning_rate: [1e-3, 1e-2], epochs: [2], dropout: [0, 0]}
gates: {allow_underpowered: true}
"""
TASK = """\
name: echo
description: Say the colour.
kind: label
labels: [red, blue]
license: CC0-1.0
data: {source: words.csv, input: "{word}", reference: answer}
instruction: Say the colour.
metrics: [accuracy]
"""
TRIVIAL = "family: trivial\ndescription: Without a model.\nvariants: [{name: majority, rule: majority}]\n"
INSTEAD = """\
from harness.stages import STAGES
STAGES |= {"train": "light_stages:write_epoch", "score": "light_stages:write_scores"}
STAGES |= {"predict": "light_stages:write_predictions", "probe": "light_stages:write_probe"}
"""
VERDICTS = (0, 3, 4)


def light_workspace(folder: Path) -> Path:
    """Two trials of two epochs; Python processes with its `site` on their path train lightly."""
    rows = [f"{('red', 'blue')[i % 2]} {i},{('red', 'blue')[i % 2]}" for i in range(40)]
    files = {
        "experiments/echo.yaml": EXPERIMENT,
        "tasks/echo/task.yaml": TASK,
        "tasks/echo/prompts/engineered.txt": "Say {input}.",
        "baselines/trivial.yaml": TRIVIAL,
        "words.csv": "\n".join(["word,answer", *rows]),
        "model/config.json": "{}",
        "site/sitecustomize.py": INSTEAD,
    }
    for name, text in files.items():
        write(folder, name, text)
    write_weights(folder / "model/model.safetensors", {"model.embed_tokens.weight": (10, 4)}, size=1000)
    return folder


def started(root: Path, command: str = "run") -> subprocess.Popen[str]:
    """`harness COMMAND experiments/echo.yaml`, in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "harness", command, "experiments/echo.yaml"],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Tests that a shell runs in the background are deaf to Ctrl-C, and so would be what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        env=os.environ | _light(root),
    )


def ended(root: Path, command: str = "run") -> tuple[int, str]:
    """(exit status, stderr) of the same command, here; its worker is a process of its own."""
    with patch.dict(os.environ, _light(root)), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()) as err:
        code = status([command, str(root / "experiments/echo.yaml")])
    return code, err.getvalue()


def _light(root: Path) -> dict[str, str]:
    """What makes a Python process train lightly."""
    places = [str(root / "site"), str(HERE), str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(place for place in places if place)}


def held(root: Path, *, after: int) -> None:
    """The epoch after so many finished ones stays half done."""
    (root / PULSE).unlink(missing_ok=True)
    write(root, HOLD, str(after))


def released(root: Path) -> None:
    """Epochs go on."""
    (root / HOLD).unlink()


def half_done(root: Path, *, besides: int = 0) -> int:
    """Waits until an epoch is half done; the process id of its worker, another than `besides`."""
    pulse = root / PULSE
    until(lambda: pulse.exists() and pulse.read_text().endswith("\n") and int(pulse.read_text()) != besides)
    return int(pulse.read_text())


def until(true: Callable[[], bool], *, seconds: float = 300) -> None:
    """Waits for something."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


def epochs(root: Path) -> dict[str, dict[str, Any]]:
    """Records of the trained epochs by `LEARNING_RATE/EPOCH`."""
    records = [json.loads(path.read_text()) for path in (root / ".harness/store").glob("train-*/artifact.json")]
    return {f"{one['inputs']['params']['learning_rate']}/{one['inputs']['epoch']}": one for one in records}


def timeless(root: Path) -> dict[str, Any]:
    """The report without what depends on machine and clock."""
    found: dict[str, Any] = json.loads((root / "reports/echo/report.json").read_text())
    return {key: value for key, value in found.items() if key not in ("provenance", "timing")}


def weights(root: Path) -> dict[str, dict[str, str]]:
    """Hashes of what every epoch trained."""
    return {
        name: {file: hash for file, hash in one["files"].items() if file.endswith(".safetensors")}
        for name, one in epochs(root).items()
    }


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
