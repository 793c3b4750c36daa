"""Turn steps into artifacts in one warm child process."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness.adapters.generator import Tell, untold
from harness.errors import UserError, WorkerDied
from harness.halving import SIZE
from harness.runner.deaths import last_words, memory_kills, next_try
from harness.runner.execute import provenance, write_step
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
RECYCLE_BYTES = 12 * 2**30
"""A worker whose resident memory passed this is replaced before the next step."""


class LocalWorker:
    """Starts the child with the first step, replaces it after a crash or when it has grown too large."""

    def __init__(self, store: Store, *, folder: Path, offline: bool) -> None:
        self.store, self.folder, self.offline = store, folder, offline
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def execute(self, step: Step, *, progress: Callable[[int, int], None], tell: Tell = untold) -> Artifact:
        """The artifact of `step`; a step that kills its worker is tried again in a fresh one, see `next_try`."""
        path = self.folder / "steps" / f"{step.key}.json"
        self._computed(step, path, progress=progress, tell=tell)
        found = self.store.get(step.key)
        if found.status == "done":
            path.unlink(missing_ok=True)
        return found

    def stop(self) -> None:
        """End the child."""
        if self._process is not None:
            self._process.kill()
            self._closed(self._process)

    def _computed(self, step: Step, path: Path, *, progress: Callable[[int, int], None], tell: Tell) -> None:
        trying, deaths = step, 0
        while True:
            write_step(trying, path)
            kills = memory_kills()
            try:
                return self._asked(path, progress=progress, tell=tell)
            except WorkerDied as death:
                deaths += 1
                following = next_try(trying, death, deaths=deaths, of_memory=memory_kills() > kills)
                if following is None:
                    return self._recorded(trying, death)
                fewer = "" if following == trying else f" with {following.local[SIZE]} examples per pass"
                tell(f"the worker died ({death}); a fresh one begins the step again{fewer}")
                trying = following

    def _recorded(self, step: Step, death: WorkerDied) -> None:
        """A trial that its workers did not survive is a failed trial; any other step ends the run."""
        if not step.optional or step.stage == "probe":
            raise UserError(
                f"the worker died twice in “{step.title}” ({death})",
                where=str(self.log),
                fix="it probably ran out of memory: use a smaller model, or model.answer_batch_size: 1",
            ) from death
        error = last_words(step, death)
        with self.store.workspace(step.key) as out:
            self.store.commit(step, path=out, summary={}, seconds=0.0, provenance=provenance(), error=error)

    def _asked(self, path: Path, *, progress: Callable[[int, int], None], tell: Tell) -> None:
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(f"{path}\n")
            process.stdin.flush()
        except BrokenPipeError:
            self._buried(process)
        for line in process.stdout:
            message: dict[str, Any] = json.loads(line)
            if "progress" in message:
                progress(*message["progress"])
            elif "waiting" in message:
                tell(message["waiting"])
            elif "user_error" in message:
                what, where, fix = message["user_error"]
                raise UserError(what, where=where, fix=fix)
            elif "bug" in message:
                again = f"python -m harness.worker {self.store.root} {path}"
                raise RuntimeError(f"a step failed; repeat it with `{again}`\n{message['bug']}")
            else:
                return
        self._buried(process)

    def _buried(self, process: subprocess.Popen[str]) -> None:
        code = self._closed(process)
        raise WorkerDied(code)

    def _closed(self, process: subprocess.Popen[str]) -> int:
        """Its exit status, after its end and its pipes' end."""
        code = process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # What was still buffered has no reader any more.
                    pipe.close()
        self._process = None
        return code

    def _running(self) -> subprocess.Popen[str]:
        if self._process is not None and _resident(self._process.pid) > RECYCLE_BYTES:
            self.stop()
        if self._process is None:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            offline = {"HF_HUB_OFFLINE": "1"} if self.offline else {}
            with self.log.open("a", encoding="utf-8") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "harness.worker", str(self.store.root)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    env={**os.environ, **QUIET, **offline, **_one_gpu()},
                )
        return self._process

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
