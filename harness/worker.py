"""Turn step files into artifacts in a long-lived process that keeps the base model loaded.

`python -m harness.worker STORE` says that it is ready, reads {"step": PATH, "last": true} a line (`last` as in
`InProcess.execute`) and answers in JSON lines;
`python -m harness.worker STORE STEP.json` does one step and shows its traceback.
"""

import json
import os
import select
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any, TextIO

from harness.disk import found_no_room, no_room
from harness.errors import UserError
from harness.runner.execute import InProcess, read_step
from harness.runner.faults import brief, machine_fault
from harness.store import Store

SPEAKING = threading.Lock()
"""Several threads may wait for a server, and each line stays whole."""


def main(arguments: list[str]) -> None:
    """Serve steps from standard input, or do the one step that was named."""
    executor = InProcess(Store(Path(arguments[0])))
    if len(arguments) > 1:
        print(executor.execute(read_step(Path(arguments[1])), progress=lambda done, total: None).path)
        return
    channel = _private_channel()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    _say(channel, {"ready": True})
    for line in sys.stdin:
        _say(channel, _answer(executor, json.loads(line), channel=channel))
    _leave()


def _answer(executor: InProcess, asked: dict[str, Any], *, channel: TextIO) -> dict[str, Any]:
    path, last = Path(asked["step"]), bool(asked["last"])
    try:
        artifact = executor.execute(
            read_step(path),
            progress=lambda done, total: _say(channel, {"progress": [done, total]}),
            tell=lambda why: _say(channel, {"waiting": why}),
            last=last,
        )
        return {"done": artifact.key}
    except UserError as error:
        return _told(error)
    except Exception as error:
        traceback.print_exc()  # Into the log, for what is told below is short.
        if found_no_room(error):
            return _told(no_room(error, where=executor.store.root))
        # Where another process tries it again, this one alone may have been broken.
        fault = machine_fault(error, stage=path.stem.partition("-")[0], where=path.stem) if last else None
        return {"bug": traceback.format_exc(), "error": brief(error)} if fault is None else _told(fault)


def _told(error: UserError) -> dict[str, Any]:
    return {"user_error": [error.what, error.where, error.fix]}


def _private_channel() -> TextIO:
    """Standard output for the protocol alone; whatever libraries print goes to the log."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    # A fork that outlives this process would keep the run waiting for words that nobody says.
    os.register_at_fork(after_in_child=lambda: os.dup2(2, channel.fileno(), inheritable=False))
    return channel


def _say(channel: TextIO, message: dict[str, Any]) -> None:
    with SPEAKING:
        channel.write(json.dumps(message) + "\n")
        channel.flush()


def _leave() -> None:
    """End in order, without the seconds that Python takes to take a model and its libraries apart."""
    try:
        # Where no step was tracked it is not loaded.
        if (runs := sys.modules.get("harness.adapters.tracker_runs")) is not None:
            runs.finish_last()
    except Exception:  # A tracker may raise anything, and nobody waits for it any more.
        traceback.print_exc()
    sys.stdout.flush()
    os._exit(0)


def _end_with_parent(parent: int) -> None:
    """A worker whose run was killed must not go on computing, nor may what it started."""
    hangup = select.poll()
    hangup.register(sys.stdin.fileno(), 0)
    while os.getppid() == parent:
        hangup.poll(1000)  # Milliseconds; it returns as soon as nobody can write to this process any more.
        time.sleep(0.01)
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
