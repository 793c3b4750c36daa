"""Turn a running worker into one that has ended, with all that it started."""

import os
import signal
import subprocess
from contextlib import suppress

PATIENCE = 5.0
"""Seconds that an idle worker may take to finish what it holds open, such as a run of a tracker."""


def ended(process: subprocess.Popen[str], *, patience: float) -> int:
    """Its exit status, after its end, that of its process group and of its pipes; it is killed after `patience`."""
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(BrokenPipeError):  # What was still buffered has no reader any more.
        process.stdin.close()  # To an idle worker that is the end of its work.
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=patience)
    # The number of a group is given to nobody else as long as one process is in it.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    code = process.wait()
    process.stdout.close()
    return code
