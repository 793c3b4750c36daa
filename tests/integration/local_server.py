"""Serve a model's folder by an OpenAI-compatible API on this machine: a real server for a real client."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

START_SECONDS = 120.0


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The base address, with `/v1`, of a server that answers for the model in `folder`; ended on leaving.

    In a request the model's name is the folder's path. The server's output goes to `server.log` beside the folder.
    """
    port = _free_port()
    command = [str(Path(sys.executable).with_name("transformers")), "serve", str(folder)]
    with (folder.parent / "server.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"],
            stdout=log,
            stderr=log,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"},
            start_new_session=True,  # Its children end with it.
        )
    try:
        _wait(process, port=port, log=folder.parent / "server.log")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], *, port: int, log: Path) -> None:
    """Until it says that it is well; its last words where it does not."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
                connection.request("GET", "/health")
                if connection.getresponse().status == 200:
                    return
        except OSError:
            time.sleep(0.25)
    raise AssertionError(f"no server on port {port}:\n{log.read_text('utf-8')[-2000:]}")
