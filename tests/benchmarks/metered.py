"""The command `harness`, whose worker adds up its seconds of forward, backward, optimiser and generation.

`python metered.py run SPEC` appends a line a step to the file that `$METER` names. The harness itself knows nothing of
it: the worker is started through this file, which puts a clock around functions of torch and of the engine.
"""

import functools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

WORKER = "--worker"


class Meter:
    """Seconds in the outermost call of what it is put around: a forward pass in a generation counts once."""

    def __init__(self) -> None:
        self.seconds, self._inside = 0.0, False

    def around(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """`work`, timed."""

        @functools.wraps(work)
        def timed(*given: Any, **named: Any) -> Any:
            if self._inside:
                return work(*given, **named)
            self._inside, start = True, time.perf_counter()
            try:
                return work(*given, **named)
            finally:
                self.seconds += time.perf_counter() - start
                self._inside = False

        return timed


def put_on(meter: Meter) -> None:
    """Put the meter around all that is computing; before anything takes one of these names for itself."""
    import torch

    from harness.adapters import decoding, library_loop, likelihood

    torch.nn.Module.__call__ = meter.around(torch.nn.Module.__call__)
    torch.nn.functional.cross_entropy = meter.around(torch.nn.functional.cross_entropy)
    torch.Tensor.backward = meter.around(torch.Tensor.backward)
    torch.optim.AdamW.step = meter.around(torch.optim.AdamW.step)
    for module, name in ((decoding, "greedy"), (library_loop, "greedy"), (likelihood, "scored_rows")):
        setattr(module, name, meter.around(getattr(module, name)))


def worker(arguments: list[str]) -> None:
    """`harness.worker` with the meter on."""
    from harness.runner.execute import InProcess
    from harness.worker import main

    meter, execute, ready = Meter(), InProcess.execute, []

    def measured(self: InProcess, step: Any, **how: Any) -> Any:
        if not ready:
            ready.append(noted("import torch", lambda: put_on(meter)))
        return noted(step.stage, lambda: execute(self, step, **how))

    def noted(stage: str, work: Callable[[], Any]) -> Any:
        start, before = time.perf_counter(), meter.seconds
        try:
            return work()
        finally:
            line = {"stage": stage, "seconds": time.perf_counter() - start, "computing": meter.seconds - before}
            with open(os.environ["METER"], "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    InProcess.execute = measured
    main(arguments)


def command() -> None:
    """`harness`, whose worker is this file."""
    from harness.cli.main import main
    from harness.runner import local_worker

    def started(asked: list[str], **how: Any) -> Any:
        python, _, _, *arguments = asked  # python -m harness.worker STORE
        return subprocess.Popen([python, "-P", __file__, WORKER, *arguments], **how)

    local_worker.subprocess = SimpleNamespace(Popen=started, PIPE=subprocess.PIPE)
    main()


if __name__ == "__main__":
    if sys.argv[1:2] == [WORKER]:
        worker(sys.argv[2:])
    else:
        command()
