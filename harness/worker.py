"""Turn step files into artifacts in a long-lived process that keeps the base model loaded.

`python -m harness.worker STORE` reads the path of a step file a line and answers in JSON lines;
`python -m harness.worker STORE STEP.json` does one step and shows its traceback.
"""

import json
import os
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
    for line in sys.stdin:
        _say(channel, _answer(executor, Path(line.strip()), channel=channel))


def _answer(executor: InProcess, path: Path, *, channel: TextIO) -> dict[str, Any]:
    try:
        artifact = executor.execute(
            read_step(path),
            progress=lambda done, total: _say(channel, {"progress": [done, total]}),
            tell=lambda why: _say(channel, {"waiting": why}),
        )
        return {"done": artifact.key}
    except UserError as error:
        return {"user_error": [error.what, error.where, error.fix]}
    except MemoryError:
        return {"user_error": ["the machine ran out of memory", path.stem, "use a smaller model or batch size"]}
    except Exception as error:
        if found_no_room(error):
            full = no_room(error, where=executor.store.root)
            return {"user_error": [full.what, full.where, full.fix]}
        if type(error).__name__ == "OutOfMemoryError":  # torch's, which is not imported here
            return {"user_error": ["the device ran out of memory", path.stem, "use a smaller model.answer_batch_size"]}
        return {"bug": traceback.format_exc()}


def _private_channel() -> TextIO:
    """Standard output for the protocol alone; whatever libraries print goes to the log."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return channel


def _say(channel: TextIO, message: dict[str, Any]) -> None:
    with SPEAKING:
        channel.write(json.dumps(message) + "\n")
        channel.flush()


def _end_with_parent(parent: int) -> None:
    """A worker whose run was killed must not go on computing."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
