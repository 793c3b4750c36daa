"""Turn steps into artifacts in one warm child process."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness.adapters.generator import Tell, untold
from harness.errors import StepBroke, UserError, WorkerDied
from harness.runner.attempts import attempted
from harness.runner.deaths import given_up, last_words, not_started
from harness.runner.ending import PATIENCE, ended
from harness.runner.execute import TRACEBACK, provenance
from harness.steps import Step
from harness.store import Artifact, Store

QUIET = {
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "PYTHONWARNINGS": "ignore",
    "PYTHONIOENCODING": "utf-8",
}
"""Environment of the child: its output is a log, not a conversation."""
READY = json.dumps({"ready": True})
"""The child's first words; what Python's own start-up prints before is passed over."""
RECYCLE_BYTES = 12 * 2**30
"""A worker whose resident memory passed this is replaced before the next step."""


class LocalWorker:
    """Starts the child with the first step, replaces it after a crash or a fault or when it has grown too large."""

    def __init__(self, store: Store, *, folder: Path, offline: bool) -> None:
        self.store, self.folder, self.offline = store, folder, offline
        self._process: subprocess.Popen[str] | None = None
        self._busy = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def execute(self, step: Step, *, progress: Callable[[int, int], None], tell: Tell = untold) -> Artifact:
        """The artifact of `step`; a step that kills its worker, or breaks in it, is tried again in a fresh one."""
        path, began = self.folder / "steps" / f"{step.key}.json", time.monotonic()

        def ask(last: bool) -> None:
            self._asked(path, last=last, progress=progress, tell=tell)

        death = attempted(step, path, ask=ask, renew=self.stop, tell=tell)
        if death is not None:
            self._recorded(step, death, path=path, seconds=time.monotonic() - began)
        found = self.store.get(step.key)
        if found.status == "done":
            path.unlink(missing_ok=True)
        elif (found.path / TRACEBACK).exists():
            self.stop()  # What nobody expected may have left the process unfit for the next step.
        return found

    def stop(self) -> None:
        """End the child and all that it started: at once in the middle of a step, else after it has tidied up."""
        if self._process is not None:
            ended(self._process, patience=0 if self._busy else PATIENCE)
            self._process = None

    def _recorded(self, step: Step, death: WorkerDied, *, path: Path, seconds: float) -> None:
        """A trial that its workers did not survive is a failed trial; any other step ends the run."""
        if not step.optional or step.stage == "probe":
            raise given_up(step, death, log=self.log, again=self._again(path)) from death
        error = last_words(step, death)
        with self.store.workspace(step.key) as out:
            self.store.commit(step, path=out, summary={}, seconds=seconds, provenance=provenance(), error=error)

    def _asked(self, path: Path, *, last: bool, progress: Callable[[int, int], None], tell: Tell) -> None:
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        self._busy = True
        try:
            # In ASCII, where a path keeps even bytes that are no text.
            process.stdin.write(json.dumps({"step": str(path), "last": last}) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            raise self._death() from None
        for line in process.stdout:
            message: dict[str, Any] = json.loads(line)
            if "progress" in message:
                progress(*message["progress"])
            elif "waiting" in message:
                tell(message["waiting"])
            else:
                self._busy = False
                return self._heard(message, path=path)
        raise self._death()

    def _heard(self, message: dict[str, Any], *, path: Path) -> None:
        """How the step ended."""
        if "user_error" in message:
            what, where, fix = message["user_error"]
            raise UserError(what, where=where, fix=fix)
        if "bug" in message:
            raise StepBroke(message["bug"], error=message["error"], again=self._again(path))

    def _again(self, path: Path) -> str:
        return f"python -m harness.worker {self.store.root} {path}"

    def _death(self) -> WorkerDied:
        assert self._process is not None
        code = ended(self._process, patience=PATIENCE)
        self._process = None
        return WorkerDied(code)

    def _running(self) -> subprocess.Popen[str]:
        if self._process is not None and _resident(self._process.pid) > RECYCLE_BYTES:
            self.stop()
        try:
            return self._process or self._started()
        except UserError:
            return self._started()  # Somebody may have killed it; what is broken ends this one too.

    def _started(self) -> subprocess.Popen[str]:
        """A child that has told that it is ready. Raises `UserError` where it died before, which is no step's fault."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        offline = {"HF_HUB_OFFLINE": "1"} if self.offline else {}
        with self.log.open("a", encoding="utf-8") as log:
            since, self._busy = log.tell(), True
            process = self._process = subprocess.Popen(
                [sys.executable, "-m", "harness.worker", str(self.store.root)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                encoding="utf-8",
                errors="replace",
                env={**os.environ, **QUIET, **offline, **_one_gpu()},
                start_new_session=True,  # So that what it starts can be ended with it.
            )
        assert process.stdout is not None
        if not any(line.strip() == READY for line in process.stdout):
            raise not_started(self._death(), log=self.log, since=since)
        self._busy = False
        return process

    @property
    def log(self) -> Path:
        """Where the child's output goes."""
        return self.folder / "logs" / "worker.log"


def _one_gpu() -> dict[str, str]:
    """A trial trains on one device; the first visible one."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0")
    return {"CUDA_VISIBLE_DEVICES": visible.split(",")[0]}


def _resident(pid: int) -> int:
    """Resident bytes of a process; 0 where the system does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
